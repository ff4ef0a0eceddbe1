import { systemClock } from '../base/clock.ts';
import { errorMessage, GantryError } from '../base/errors.ts';
import { deadlineSignal, sleep } from '../base/signals.ts';
import { freeBytes } from '../linux/free-space.ts';

export interface WaitOptions {
  /** "the API server to be ready". */
  readonly what: string;
  readonly timeoutMs: number;
  /** From one look to the next, at first (200 unless given): it grows to a twentieth of what was waited already, so that looking does not keep a slow machine from what is waited for. */
  readonly pauseMs?: number;
  readonly signal?: AbortSignal;
  /** Errors that no waiting mends are thrown at once; none unless given. */
  readonly isFinal?: (error: unknown) => boolean;
  /** Where the daemon that is waited for writes, and what it needs there (1 MiB unless given): with less it comes up never, and the wait ends at once. */
  readonly needsRoom?: { readonly directory: string; readonly bytes?: () => number };
  /** More about the end of the wait, asked once it came: the end of a log. */
  readonly hint?: () => string | Promise<string>;
}

/** With less free than that whatever writes fails. */
const LEAST_ROOM_BYTES = 1 << 20;
/** Asks a first time at once. */
const PAUSE_MS = 200;
const MOST_PAUSE_MS = 2000;

/**
 * Asks again and again until `look` gives an answer; what it throws is "not yet". Throws `deadline-exceeded` that says what was waited for, how long, and what
 * was seen last. For what tells nobody of itself: a daemon of another process that comes up.
 */
export async function waitUntil<T>(options: WaitOptions, look: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { what, timeoutMs, pauseMs = PAUSE_MS, hint } = options;
  const started = systemClock.monotonic();
  const deadline = deadlineSignal(timeoutMs, what, options.signal);
  let last = 'nothing';
  try {
    for (;;) {
      try {
        return await look(deadline.signal);
      } catch (error) {
        if (options.isFinal?.(error) === true) throw error;
        if (!deadline.signal.aborted) last = errorMessage(error);
        if (options.needsRoom !== undefined) assertRoom(options.needsRoom, what, last);
      }
      await sleep(pauseAfter(systemClock.monotonic() - started, pauseMs), deadline.signal).catch(() => undefined);
      options.signal?.throwIfAborted();
      if (deadline.signal.aborted)
        throw timedOut(what, systemClock.monotonic() - started, last, (await hint?.()) ?? '');
    }
  } finally {
    deadline.release();
  }
}

/** How long to pause before the next look, of a wait that has taken so long. Pure. */
export function pauseAfter(waitedMs: number, leastMs: number): number {
  return Math.max(leastMs, Math.min(waitedMs / 20, MOST_PAUSE_MS));
}

function timedOut(what: string, elapsedMs: number, last: string, hint: string): GantryError {
  const seconds = Math.round(elapsedMs / 1000);
  return new GantryError(
    'deadline-exceeded',
    `waited ${seconds} s for ${what}; seen last: ${last}${hint === '' ? '' : `; ${hint}`}`,
  );
}

function assertRoom(
  { directory, bytes = () => LEAST_ROOM_BYTES }: NonNullable<WaitOptions['needsRoom']>,
  what: string,
  last: string,
): void {
  const free = freeBytes(directory);
  if (free >= bytes()) return;
  throw new GantryError(
    'resource-exhausted',
    `no space is left on the disk of ${directory} (${Math.floor(free / 1e6)} MB are free): make room; waited for ${what}, and saw last: ${last}`,
  );
}
