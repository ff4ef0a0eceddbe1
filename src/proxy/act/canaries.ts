import type { Clock } from '../../base/clock.ts';
import type { IptablesRunner } from './iptables.ts';

/**
 * Looks after the canaries every so often, as upstream does: programs that empty the tables (`iptables -F; iptables -X`, a firewall that starts) take them away, and
 * iptables-legacy tells nobody. `onGone` is told each time; the returned function ends it.
 */
export function watchCanaries(runner: IptablesRunner, periodMs: number, clock: Clock, onGone: () => void): () => void {
  const ended = new AbortController();
  let cancel = (): void => {};
  const look = async (): Promise<void> => {
    // what cannot be asked is not gone
    const areThere = await runner.hasCanaries(ended.signal).catch(() => true);
    if (ended.signal.aborted) return;
    if (!areThere) onGone();
    again();
  };
  const again = (): void => {
    cancel = clock.after(periodMs, () => void look());
  };
  again();
  return () => {
    ended.abort();
    cancel();
  };
}
