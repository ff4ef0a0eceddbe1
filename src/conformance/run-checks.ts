import type { Clock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import { joinedSignal } from '../base/signals.ts';
import { Broken, type Check, NotHere } from './check.ts';
import type { World } from './world.ts';

/** How a check went. `seen` says what was seen in place of what should be, or why it could not be seen. */
export interface CheckResult {
  readonly check: Check;
  readonly outcome: 'holds' | 'broken' | 'not-here';
  readonly seen: string;
  readonly ms: number;
}

export interface RunOptions {
  /** So many at the same time. */
  readonly parallel: number;
  readonly clock: Clock;
  /** Told of each check that has ended, as it ends. */
  readonly onResult: (result: CheckResult, done: number) => void;
}

/** Runs all, some at a time, and returns their results in the order of the checks. Throws the signal's reason when it aborts. */
export async function runChecks(
  checks: readonly Check[],
  worldFor: (signal: AbortSignal) => World,
  { parallel, clock, onResult }: RunOptions,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = [];
  let next = 0;
  let done = 0;
  const worker = async (world: World): Promise<void> => {
    for (let index = next++; index < checks.length; index = next++) {
      const check = checks[index] as Check;
      const result = await runCheck(check, world, clock);
      signal.throwIfAborted();
      results[index] = result;
      done += 1;
      onResult(result, done);
    }
  };
  const ended = new AbortController();
  const world = worldFor(joinedSignal(ended.signal, signal));
  const following = world.follow();
  try {
    await Promise.all(Array.from({ length: Math.min(parallel, checks.length) }, () => worker(world)));
  } finally {
    ended.abort();
    await following;
  }
  return results;
}

async function runCheck(check: Check, world: World, clock: Clock): Promise<CheckResult> {
  const began = clock.monotonic();
  const end = (outcome: CheckResult['outcome'], seen: string): CheckResult => ({
    check,
    outcome,
    seen,
    ms: Math.round(clock.monotonic() - began),
  });
  try {
    await check.run(world);
    return end('holds', '');
  } catch (error) {
    if (error instanceof NotHere) return end('not-here', error.message);
    // what no check foresaw is told as it is: an API server that refuses a pod is no less broken
    return end('broken', error instanceof Broken ? error.message : errorMessage(error));
  }
}
