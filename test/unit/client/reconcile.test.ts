import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../src/api/status.ts';
import { ADVANCED, type Outcome, SETTLED, waitFor } from '../../../src/base/outcome.ts';
import { runReconciler } from '../../../src/client/reconcile.ts';
import { WorkQueue } from '../../../src/client/work-queue.ts';
import { FakeClock } from '../../harness/fake-clock.ts';

/** Runs a reconciler that answers one outcome after another, for so many milliseconds. */
async function run(outcomes: readonly (Outcome | Error)[], ms: number) {
  const clock = new FakeClock();
  const queue = new WorkQueue(clock);
  const calls: number[] = [];
  const failures: string[] = [];
  const stop = new AbortController();
  const reconcile = async (): Promise<Outcome> => {
    const outcome = outcomes[calls.length] ?? SETTLED;
    calls.push(clock.monotonic());
    if (outcome instanceof Error) throw outcome;
    return outcome;
  };
  const onFailure = (key: string, message: string, pauseMs: number): void => {
    failures.push(`${key}: ${message} (${pauseMs})`);
  };
  const running = runReconciler({ name: 'test', reconcile }, { queue, workers: 2, onFailure }, stop.signal);
  queue.add('a');
  await clock.advance(ms);
  stop.abort();
  await running;
  return { calls, failures };
}

describe('the loop of a reconciler', () => {
  it('asks once where everything is settled', async () => {
    expect(await run([SETTLED], 10_000)).toEqual({ calls: [0], failures: [] });
  });

  it('asks again at once after a step', async () => {
    expect((await run([ADVANCED, ADVANCED, SETTLED], 1000)).calls).toEqual([0, 0, 0]);
  });

  it('asks again when the time has come that was told', async () => {
    expect((await run([waitFor(700, 'not ready'), SETTLED], 1000)).calls).toEqual([0, 700]);
  });

  it('pauses longer after each failure, and tells of it', async () => {
    const failed = new Error('broken');
    expect(await run([failed, { kind: 'failed', error: failed }, SETTLED], 1000)).toEqual({
      calls: [0, 5, 15],
      failures: ['a: broken (5)', 'a: broken (10)'],
    });
  });

  it('says nothing of a conflict, which is no more than a look at something old', async () => {
    const { calls, failures } = await run([new ApiError('Conflict', 'modified'), SETTLED], 1000);
    expect([calls, failures]).toEqual([[0, 5], []]);
  });
});
