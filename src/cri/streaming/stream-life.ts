import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

/** Rejects with its reason when one of the signals aborts. `release` lets go of them. */
export function whenAborted(signals: readonly AbortSignal[]): { readonly aborted: Promise<never>; release(): void } {
  let release = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    const onAbort = (event: Event): void => reject((event.target as AbortSignal).reason);
    for (const signal of signals) {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
    }
    release = () => {
      for (const signal of signals) signal.removeEventListener('abort', onAbort);
    };
  });
  aborted.catch(() => undefined);
  return { aborted, release };
}

/** Hands a client's input on, at the pace of who takes it, and calls `onEnd` when there is no more. What nobody takes is dropped: left, it would hold up the client. */
export function forwardInput(from: Readable | undefined, to: Writable | undefined, onEnd: () => void): void {
  if (from === undefined) return;
  from.once('end', onEnd);
  if (to === undefined || to.destroyed) {
    from.resume();
    return;
  }
  to.once('close', () => {
    from.unpipe(to);
    from.resume();
  });
  from.pipe(to, { end: false });
}

/** Hands output on to a client, at its pace, and resolves at its end, however that comes. What nobody wants is dropped. */
export async function forwardOutput(from: Readable | undefined, to: Writable | undefined): Promise<void> {
  if (from === undefined) return;
  if (to === undefined) from.resume();
  else from.pipe(to, { end: false });
  await finished(from, { writable: false }).catch(() => undefined);
}
