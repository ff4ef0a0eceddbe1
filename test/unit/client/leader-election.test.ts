import { describe, expect, it } from 'vitest';
import type { Lease } from '../../../src/api/types/gen/coordination-v1.ts';
import { decideClaim } from '../../../src/client/leader-election.ts';

const lease = (holderIdentity: string, leaseDurationSeconds = 15): Lease =>
  ({ metadata: { name: 'l', namespace: 'n' }, spec: { holderIdentity, leaseDurationSeconds } }) as Lease;

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
});
