import { describe, expect, it } from 'vitest';
import { type NamedCheck, sharedCheck } from '../../../../src/apiserver/serve/health.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';

const signal = new AbortController().signal;

describe('a check that is shared', () => {
  function setUp() {
    const clock = new FakeClock();
    const runs: { readonly end: () => void; readonly fail: (why: Error) => void; readonly signal: AbortSignal }[] = [];
    const slow: NamedCheck = {
      name: 'etcd',
      check: own => new Promise<void>((end, fail) => runs.push({ end, fail, signal: own })),
    };
    return { clock, runs, shared: sharedCheck(slow, clock) };
  }

  it('runs once for all who ask meanwhile, and again for who asks later', async () => {
    const { runs, shared } = setUp();
    const asked = [shared.check(signal), shared.check(signal), shared.check(signal)];
    expect(runs).toHaveLength(1);
    runs[0]?.end();
    await Promise.all(asked);
    shared.check(signal);
    expect(runs).toHaveLength(2);
  });

  it('fails for all of them alike', async () => {
    const { runs, shared } = setUp();
    const asked = [shared.check(signal), shared.check(signal)];
    runs[0]?.fail(new Error('gone'));
    await expect(Promise.allSettled(asked)).resolves.toMatchObject([
      { reason: { message: 'gone' } },
      { reason: { message: 'gone' } },
    ]);
  });

  it('has 2 s of its own, whoever leaves', async () => {
    const { clock, runs, shared } = setUp();
    const stop = new AbortController();
    shared.check(stop.signal);
    stop.abort();
    expect(runs[0]?.signal.aborted).toBe(false);
    await clock.advance(2000);
    expect(runs[0]?.signal.aborted).toBe(true);
  });
});
