import { describe, expect, it } from 'vitest';
import type { Job } from '../../../src/api/types/gen/batch-v1.ts';
import { expiry } from '../../../src/controllers/ttl-after-finished/plan.ts';

const AT = '2030-01-01T00:00:00Z';
const job = (spec: object, condition: object, metadata: object = {}): Job =>
  ({
    metadata: { name: 'j', namespace: 'team', ...metadata },
    spec,
    status: { conditions: [condition] },
  }) as unknown as Job;
const complete = { type: 'Complete', status: 'True', lastTransitionTime: AT };

describe('the end of a job', () => {
  it.each([
    [
      'is so many seconds after it is complete',
      job({ ttlSecondsAfterFinished: 10 }, complete),
      Date.parse(AT) + 10_000,
    ],
    [
      'is so many seconds after it failed',
      job({ ttlSecondsAfterFinished: 10 }, { ...complete, type: 'Failed' }),
      Date.parse(AT) + 10_000,
    ],
    ['is at once with 0 seconds', job({ ttlSecondsAfterFinished: 0 }, complete), Date.parse(AT)],
    ['never comes by itself without a time', job({}, complete), undefined],
    ['is not known while it runs', job({ ttlSecondsAfterFinished: 10 }, { ...complete, type: 'Suspended' }), undefined],
    [
      'is not known while it may still go on',
      job({ ttlSecondsAfterFinished: 10 }, { ...complete, status: 'False' }),
      undefined,
    ],
    [
      'is not awaited once it is deleted',
      job({ ttlSecondsAfterFinished: 10 }, complete, { deletionTimestamp: AT }),
      undefined,
    ],
  ])('%s', (_, given, at) => {
    expect(expiry(given)).toBe(at);
  });

  it('cannot be told where nobody wrote when it finished', () => {
    const broken = job({ ttlSecondsAfterFinished: 10 }, { type: 'Complete', status: 'True' });
    expect(() => expiry(broken)).toThrow('unable to find the time when the Job team/j finished');
  });
});
