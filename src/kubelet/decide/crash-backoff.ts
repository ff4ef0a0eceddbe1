import type { BackoffPolicy, BackoffState } from '../../base/backoff.ts';
import { nextBackoff } from '../../base/backoff.ts';

/** Upstream's numbers: the first restart is immediate, then 10 s, doubling to 300 s; a container that ran ten minutes starts anew. */
export const CRASH_BACKOFF: BackoffPolicy = { initialMs: 10_000, maxMs: 300_000, resetAfterMs: 600_000 };

/** Retries of steps that failed before a container ran: config, create, start, volumes. */
export const STEP_BACKOFF: BackoffPolicy = { initialMs: 1_000, maxMs: 30_000, resetAfterMs: 600_000 };

/** Retries of image pulls (upstream's numbers). */
export const IMAGE_BACKOFF: BackoffPolicy = { initialMs: 10_000, maxMs: 300_000, resetAfterMs: 600_000 };

export interface CrashBackoff {
  /** When the container may start; not after `now` means at once. */
  readonly startAt: number;
  /** The wait that is running, for the message. */
  readonly delayMs: number;
  /** What to remember when it is started. */
  readonly next: BackoffState;
}

/** Times in Unix milliseconds; `startedAt` is 0 for a container that never ran. */
interface ExitedContainer {
  readonly restartCount: number;
  readonly startedAt: number;
  readonly finishedAt: number;
}

/**
 * Whether an exited container may start again. `known` is what was remembered at its last start; without it (the kubelet was restarted) the
 * wait is estimated from how often the container was restarted, so that a restart of the kubelet is no reason to hammer. Where its sandbox went with it
 * (`outlived` false), as in a reboot of the node, there is nothing to estimate: it was not the container that failed.
 */
export function decideCrashBackoff(
  known: BackoffState | undefined,
  exited: ExitedContainer,
  outlived: boolean,
  policy: BackoffPolicy,
): CrashBackoff {
  const current = known ?? (outlived ? estimate(exited, policy) : undefined);
  const { startedAt, finishedAt } = exited;
  const ranLong = startedAt > 0 && finishedAt - startedAt > policy.resetAfterMs;
  // dated here, because `since` is the end of the container before: the wait that followed it is no run
  const counted = current === undefined || ranLong ? undefined : { ...current, since: finishedAt };
  const delayMs = counted?.delayMs ?? 0;
  return { startAt: finishedAt + delayMs, delayMs, next: nextBackoff(counted, policy, finishedAt) };
}

function estimate(exited: ExitedContainer, policy: BackoffPolicy): BackoffState | undefined {
  if (exited.restartCount === 0 || exited.startedAt === 0) return undefined;
  const doublings = Math.min(exited.restartCount - 1, 30);
  return { delayMs: Math.min(policy.initialMs * 2 ** doublings, policy.maxMs), since: exited.startedAt };
}

/** `10s`, `2m40s`, `5m0s`: durations as Go prints them. */
export function goDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
