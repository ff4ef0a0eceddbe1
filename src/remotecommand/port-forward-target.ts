import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorMessage } from '../base/errors.ts';
import { joinedSignal } from '../base/signals.ts';
import type { StreamLimits } from './remote-command.ts';

/** Connects to a port of the pod. The signal aborts when the client wants the connection no more. */
export type PortTarget = (port: number, signal: AbortSignal) => Promise<Duplex>;

export interface PortForwardOptions extends StreamLimits {
  /** Whose ports they are, for the messages that clients get. */
  readonly pod: { readonly name: string; readonly uid: string };
}

/**
 * Connects to a port of the pod and passes bytes both ways until both have ended, each on its own. When the client resets its stream or the connection is lost, the pod's connection is
 * destroyed. Resolves with what the client is to be told where it failed; never rejects.
 */
export async function passPort(
  target: PortTarget,
  { pod }: PortForwardOptions,
  { port, data, signal }: { readonly port: number; readonly data: Duplex; readonly signal: AbortSignal },
): Promise<string | undefined> {
  const unwanted = new AbortController();
  const onReset = (): void => unwanted.abort();
  data.once('reset', onReset);
  const stop = joinedSignal(unwanted.signal, signal);
  let remote: Duplex | undefined;
  try {
    remote = await target(port, stop);
    remote.on('error', () => {});
    await Promise.all([pipeline(data, remote, { signal: stop }), pipeline(remote, data, { signal: stop })]);
    return undefined;
  } catch (error) {
    remote?.destroy();
    if (stop.aborted) return undefined;
    return `error forwarding port ${port} to pod ${pod.name}, uid ${pod.uid}: ${errorMessage(error)}`;
  } finally {
    data.off('reset', onReset);
    unwanted.abort();
  }
}
