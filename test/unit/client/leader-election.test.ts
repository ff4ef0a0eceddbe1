import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Lease } from '../../../src/api/types/gen/coordination-v1.ts';
import { GantryError, notFound } from '../../../src/base/errors.ts';
import { aborted } from '../../../src/base/signals.ts';
import { type CandidateLives, runElected } from '../../../src/client/leader-election.ts';
import { decideClaim } from '../../../src/client/lease-claim.ts';
import type { ResourceClient } from '../../../src/client/resource-client.ts';
import { FakeClock } from '../../harness/fake-clock.ts';

const lease = (holderIdentity: string, leaseDurationSeconds = 15): Lease =>
  ({
    metadata: { name: 'l', namespace: 'n', resourceVersion: '1' },
    spec: { holderIdentity, leaseDurationSeconds },
  }) as Lease;

describe('what a candidate does about a lease', () => {
  it.each([
    ['there is none', undefined, 0, { kind: 'create' }],
    ['it is its own', lease('me'), 0, { kind: 'renew' }],
    ['it is its own and old', lease('me'), 60_000, { kind: 'renew' }],
    ['it was given back', lease(''), 0, { kind: 'take-over', because: 'it was given back' }],
    ['another one renewed it just now', lease('you'), 0, { kind: 'wait', holder: 'you', forMs: 15_000 }],
    ['another one has a second left', lease('you'), 14_000, { kind: 'wait', holder: 'you', forMs: 1_000 }],
    ['another one is late', lease('you'), 15_000, { kind: 'take-over', because: 'you has not renewed it' }],
    ['its own time counts, not ours', lease('you', 60), 15_000, { kind: 'wait', holder: 'you', forMs: 45_000 }],
  ])('%s', (_, found, sinceChange, expected) => {
    expect(decideClaim({ lease: found, changedAt: 1000 }, 'me', 1000 + sinceChange)).toEqual(expected);
  });

  it.each([
    ['does not wait for one that has certainly ended', 'you', 'take-over'],
    ['waits for one of whom nothing is known', 'other', 'wait'],
    ['is told of itself by nobody', 'me', 'renew'],
  ])('%s', (_, holder, kind) => {
    const hasEnded = (name: string): boolean => name !== 'other';
    expect(decideClaim({ lease: lease(holder), changedAt: 0 }, 'me', 0, hasEnded)).toMatchObject({ kind });
  });
});

describe('a candidate among others of its machine', () => {
  const candidate = (held: Lease, lives: CandidateLives) => {
    const troubles: string[] = [];
    const written: (string | undefined)[] = [];
    const update = async (each: Lease): Promise<Lease> => {
      written.push(each.spec?.holderIdentity);
      return each;
    };
    const options = {
      leases: { get: async () => held, update } as unknown as ResourceClient<Lease>,
      namespace: 'n',
      name: 'l',
      identity: 'me',
      clock: new FakeClock(),
      lives,
      onTrouble: (message: string) => troubles.push(message),
    };
    return { troubles, written, options };
  };
  const seen: string[] = [];
  const lives: CandidateLives = {
    begin: (identity, holder) => seen.push(`${identity} begins in the place of ${holder}`),
    hasEnded: () => true,
    end: identity => seen.push(`${identity} ends`),
  };

  it('leads at once in the place of one that has ended, shows that it lives before, and that it has ended after', async () => {
    const { options, written, troubles } = candidate(lease('you'), lives);
    const stop = new AbortController();
    let told = '';
    await runElected(options, stop.signal, async (_, because) => {
      seen.push('me leads');
      told = because;
      stop.abort();
    });
    expect(told).toBe('the process of you on this machine has ended');
    expect(seen).toEqual(['me begins in the place of you', 'me leads', 'me ends']);
    expect([written, troubles]).toEqual([['me', ''], []]);
  });

  it('leads all the same when it cannot show it, and waits when it cannot see others', async () => {
    const broken: CandidateLives = {
      ...lives,
      begin: () => {
        throw new Error('no space left on device');
      },
    };
    const { options, written, troubles } = candidate(lease('you'), broken);
    const stop = new AbortController();
    await runElected(options, stop.signal, async () => stop.abort());
    expect(written).toEqual(['me', '']);
    expect(troubles).toEqual(['others on this machine do not see that me lives: no space left on device']);
    const blind: CandidateLives = {
      ...lives,
      hasEnded: () => {
        throw new Error('input/output error');
      },
    };
    const waiting = candidate(lease('you'), blind);
    const enough = new AbortController();
    const ended = runElected(waiting.options, enough.signal, async () => {});
    await setImmediate();
    enough.abort();
    expect([await ended, waiting.written, waiting.troubles]).toEqual(['stopped', [], []]);
  });

  it('gives back a lease that a renewal has changed which was cut off', async () => {
    let held = lease('');
    const { options, troubles } = candidate(held, lives);
    const update = async (each: Lease): Promise<Lease> => {
      if (each.metadata.resourceVersion !== held.metadata.resourceVersion) throw new GantryError('aborted', 'changed');
      held = {
        ...each,
        metadata: { ...each.metadata, resourceVersion: `${Number(held.metadata.resourceVersion) + 1}` },
      };
      return held;
    };
    const leases = { get: async () => held, update } as unknown as ResourceClient<Lease>;
    const stop = new AbortController();
    await runElected({ ...options, leases }, stop.signal, async () => {
      held = { ...held, metadata: { ...held.metadata, resourceVersion: '9' } };
      stop.abort();
    });
    expect([held.spec?.holderIdentity, troubles]).toEqual(['', []]);
  });

  it('that led has lost the lease to another one, also when that has ended since', async () => {
    let held = lease('');
    const { options } = candidate(held, lives);
    const clock = options.clock;
    const update = async (each: Lease): Promise<Lease> => {
      if (each.metadata.resourceVersion !== held.metadata.resourceVersion)
        throw new GantryError('aborted', 'it was changed');
      held = {
        ...each,
        metadata: { ...each.metadata, resourceVersion: `${Number(held.metadata.resourceVersion) + 1}` },
      };
      return held;
    };
    const leases = { get: async () => held, update } as unknown as ResourceClient<Lease>;
    const ended = runElected({ ...options, leases }, new AbortController().signal, async signal => {
      // frozen for a while, in which another one led and was killed
      held = { ...lease('you'), metadata: { ...held.metadata, resourceVersion: '9' } };
      await aborted(signal);
    });
    await setImmediate();
    await clock.advance(2_000);
    expect(await ended).toBe('lost');
    expect(held.spec?.holderIdentity).toBe('you');
  });
});

describe('what is led', () => {
  it('ends with a signal that as many as it consists of may listen to, and gives the lease back', async () => {
    const written: (string | undefined)[] = [];
    const write = async (each: Lease): Promise<Lease> => {
      written.push(each.spec?.holderIdentity);
      return each;
    };
    const leases = { get: () => Promise.reject(notFound('none')), create: write, update: write };
    const options = {
      leases: leases as unknown as ResourceClient<Lease>,
      namespace: 'n',
      name: 'l',
      identity: 'me',
      clock: new FakeClock(),
      onTrouble: () => {},
    };
    const stop = new AbortController();
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => {
      warnings.push(warning.message);
    };
    process.on('warning', onWarning);
    const ended = await runElected(options, stop.signal, async signal => {
      for (let i = 0; i < 20; i += 1) signal.addEventListener('abort', () => {});
      await setImmediate();
      stop.abort();
    });
    process.off('warning', onWarning);
    expect([ended, warnings, written]).toEqual(['stopped', [], ['me', '']]);
  });
});

describe('a lease that is held', () => {
  it('is renewed by one write each time, and looked at only where that is refused', async () => {
    const clock = new FakeClock();
    const calls: string[] = [];
    const given: Lease = lease('');
    let stored: Lease = { ...given, metadata: { ...given.metadata, resourceVersion: '1' } };
    let refusals = 0;
    const update = async (wanted: Lease): Promise<Lease> => {
      calls.push('update');
      refusals -= 1;
      if (refusals >= 0) throw new Error('the object has been modified');
      stored = wanted;
      return stored;
    };
    const get = async (): Promise<Lease> => {
      calls.push('get');
      return stored;
    };
    const stop = new AbortController();
    const ended = runElected(
      {
        leases: { get, update } as unknown as ResourceClient<Lease>,
        namespace: 'n',
        name: 'l',
        identity: 'me',
        clock,
        onTrouble: () => {},
      },
      stop.signal,
      signal => new Promise(resolve => signal.addEventListener('abort', () => resolve())),
    );
    await clock.advance(5_000);
    expect(calls).toEqual(['get', 'update', 'update', 'update']);
    refusals = 1;
    calls.length = 0;
    await clock.advance(4_000);
    expect(calls).toEqual(['update', 'get', 'update', 'update']);
    expect(stored.spec?.leaseTransitions).toBe(1);
    stop.abort();
    expect(await ended).toBe('stopped');
  });
});
