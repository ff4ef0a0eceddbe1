import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { GantryError } from './errors.ts';

/** A signal together with the duty to release what it holds. */
export interface OwnedSignal {
  readonly signal: AbortSignal;
  /** Removes timers and listeners. Safe to repeat. */
  release(): void;
}

/**
 * Aborts when `parent` does or after `ms`, whichever is first. The reason after `ms` is a `deadline-exceeded` error that says what was
 * waited for and how long. `ms <= 0` means no deadline.
 */
export function deadlineSignal(
  ms: number,
  waitedFor: string,
  parent?: AbortSignal,
  clock: Clock = systemClock,
): OwnedSignal {
  const controller = new AbortController();
  const onParent = (): void => controller.abort(parent?.reason);
  if (parent?.aborted) onParent();
  else parent?.addEventListener('abort', onParent, { once: true });
  const cancel =
    ms > 0
      ? clock.after(ms, () =>
          controller.abort(new GantryError('deadline-exceeded', `timed out after ${ms} ms waiting for ${waitedFor}`)),
        )
      : () => {};
  return {
    signal: controller.signal,
    release() {
      cancel();
      parent?.removeEventListener('abort', onParent);
    },
  };
}

/** Does some work with the signal of `deadlineSignal`, and lets go of it. Node's `AbortSignal.any` loses an `AbortSignal.timeout` that nobody else holds: it never fires. */
export async function withDeadline<T>(
  ms: number,
  waitedFor: string,
  parent: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = deadlineSignal(ms, waitedFor, parent);
  try {
    return await work(deadline.signal);
  } finally {
    deadline.release();
  }
}

/**
 * Aborts when either does, with its reason. `short` is to abort in the end: that lets go of `long`, which may live as long as the process. AbortSignal.any
 * would keep a reference for ever on a signal that lives long, for each that was made with it.
 */
export function joinedSignal(short: AbortSignal, long: AbortSignal): AbortSignal {
  const controller = new AbortController();
  const leave = (reason: unknown): void => {
    short.removeEventListener('abort', onShort);
    long.removeEventListener('abort', onLong);
    controller.abort(reason);
  };
  const onShort = (): void => leave(short.reason);
  const onLong = (): void => leave(long.reason);
  if (short.aborted) onShort();
  else if (long.aborted) onLong();
  else {
    short.addEventListener('abort', onShort, { once: true });
    long.addEventListener('abort', onLong, { once: true });
  }
  return controller.signal;
}

/**
 * Resolves after `ms`, rejects with the signal's reason when it aborts first. The process stays alive meanwhile: a command that sleeps has not
 * ended.
 */
export function sleep(ms: number, signal?: AbortSignal, clock: Clock = systemClock): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const onTime = (): void => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    };
    const cancel = clock.after(ms, onTime, { keepAlive: true });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Resolves when the signal aborts (never rejects). */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
