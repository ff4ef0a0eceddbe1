import type { PodInfo } from './pod-info.ts';

/** Where a pod is that waits to be placed. */
export type QueuePlace = 'active' | 'backoff' | 'unschedulable' | 'gated' | 'in-flight';

/** A pod that waits, with what became of it so far. */
export interface QueuedPod {
  info: PodInfo;
  place: QueuePlace;
  /** When it came into the queue, or came back, in ms of the monotonic clock: who waits longer comes first. */
  since: number;
  /** Times that it was tried. */
  attempts: number;
  /** Refusals in a row, and failures in a row: how long it has to wait. */
  refusals: number;
  failures: number;
  /** What refused it last, by upstream's names; empty where nothing did, or not for good. */
  rejectors: ReadonlySet<string>;
  /** What it waits for in the queue may happen before it may leave it: then this is true. */
  isRevived: boolean;
}

/** Upstream: 1 s after the first time, doubled each time, at most 10 s. */
const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 10_000;
/** Upstream: time goes on in steps of a second, and pods whose time is over in the same step are ordered by their priority. */
const WINDOW_MS = 1_000;

/** The end of its time of waiting, in ms of the monotonic clock; `since` where it need not wait. Pure. */
export function backoffEnd({ since, refusals, failures }: Pick<QueuedPod, 'since' | 'refusals' | 'failures'>): number {
  const times = failures > 0 ? failures : refusals;
  if (times === 0) return since;
  const waits = Math.min(FIRST_BACKOFF_MS * 2 ** Math.min(times - 1, 30), MAX_BACKOFF_MS);
  return (Math.floor((since + waits) / WINDOW_MS) + 1) * WINDOW_MS;
}

/** Who comes first among those that may be tried: the one that matters more, then the one that waits longer. */
export function isBefore(a: QueuedPod, b: QueuedPod): boolean {
  return a.info.priority === b.info.priority ? a.since < b.since : a.info.priority > b.info.priority;
}

/** Who is done waiting first. */
export function isDoneBefore(a: QueuedPod, b: QueuedPod): boolean {
  const [endA, endB] = [backoffEnd(a), backoffEnd(b)];
  return endA === endB ? isBefore(a, b) : endA < endB;
}
