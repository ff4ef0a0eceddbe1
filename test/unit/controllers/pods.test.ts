import { describe, expect, it } from 'vitest';
import { labelSelectorOf } from '../../../src/api/selectors/label-selector.ts';
import type { Pod } from '../../../src/api/types/gen/core-v1.ts';
import { claim } from '../../../src/controllers/pods/claim.ts';
import { deletionOrder } from '../../../src/controllers/pods/deletion-order.ts';
import { Expectations } from '../../../src/controllers/pods/expectations.ts';
import { availableInMs, isActive, isTerminating } from '../../../src/controllers/pods/pod-state.ts';
import { slowStart } from '../../../src/controllers/pods/slow-start.ts';
import { FakeClock } from '../../harness/fake-clock.ts';

const NOW = Date.UTC(2030, 0, 1);
const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();

interface PodFacts {
  readonly labels?: Record<string, string>;
  readonly node?: string;
  readonly phase?: string;
  readonly readyFor?: number;
  readonly cost?: string;
  readonly restarts?: number;
  readonly age?: number;
  readonly owner?: string;
  readonly deleted?: boolean;
}

function pod(name: string, facts: PodFacts = {}): Pod {
  const { labels, node, phase = 'Running', readyFor, cost, restarts = 0, age = 1000, owner, deleted } = facts;
  return {
    metadata: {
      name,
      namespace: 'n',
      uid: name,
      labels: labels ?? { app: 'web' },
      creationTimestamp: ago(age),
      ...(deleted === true ? { deletionTimestamp: ago(0) } : {}),
      ...(cost === undefined ? {} : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } }),
      ...(owner === undefined
        ? {}
        : {
            ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: owner, controller: true }],
          }),
    },
    spec: { containers: [], ...(node === undefined ? {} : { nodeName: node }) },
    status: {
      phase,
      conditions: readyFor === undefined ? [] : [{ type: 'Ready', status: 'True', lastTransitionTime: ago(readyFor) }],
      containerStatuses: [{ name: 'c', restartCount: restarts }],
    },
  } as unknown as Pod;
}

describe('the state of a pod', () => {
  it.each([
    ['one that runs is active', pod('p'), true, false],
    ['one that is being deleted terminates', pod('p', { deleted: true }), false, true],
    ['one that has failed is neither', pod('p', { phase: 'Failed', deleted: true }), false, false],
  ])('%s', (_, given, active, terminating) => {
    expect([isActive(given), isTerminating(given)]).toEqual([active, terminating]);
  });

  it.each([
    ['one that is not ready is not available', {}, 10, undefined],
    ['one that is ready is at once without a minimum', { readyFor: 0 }, 0, 0],
    ['one that is ready for long enough is', { readyFor: 10 }, 10, 0],
    ['one that is ready for three seconds of ten waits seven', { readyFor: 3 }, 10, 7000],
  ])('%s', (_, facts, minReadySeconds, expected) => {
    expect(availableInMs(pod('p', facts), minReadySeconds, NOW)).toBe(expected);
  });
});

describe('the order in which pods go', () => {
  it.each([
    ['unassigned before assigned', { phase: 'Pending' }, { phase: 'Pending', node: 'a' }],
    ['pending before running', { node: 'a', phase: 'Pending' }, { node: 'b' }],
    ['not ready before ready', { node: 'a' }, { node: 'b', readyFor: 10 }],
    ['cheap before dear', { node: 'a', readyFor: 10, cost: '-5' }, { node: 'b', readyFor: 10 }],
    ['a cost that is none is 0', { node: 'a', readyFor: 10, cost: '+7' }, { node: 'b', readyFor: 10, cost: '1' }],
    ['ready for a short time before a long one', { node: 'a', readyFor: 10 }, { node: 'b', readyFor: 1000 }],
    ['often restarted before seldom', { node: 'a', readyFor: 10, restarts: 3 }, { node: 'b', readyFor: 10 }],
    ['young before old', { node: 'a', readyFor: 10, age: 10 }, { node: 'b', readyFor: 10, age: 100_000 }],
    ['of one age by uid', { node: 'a', readyFor: 10, age: 1000 }, { node: 'b', readyFor: 10, age: 1001 }],
  ])('%s', (_, first, second) => {
    const order = deletionOrder([pod('2', second), pod('1', first)], NOW);
    expect(order.map(each => each.metadata.name)).toEqual(['1', '2']);
  });

  it('takes from the node that has most', () => {
    const pods = [
      pod('a1', { node: 'a', readyFor: 10 }),
      pod('b1', { node: 'b', readyFor: 10 }),
      pod('b2', { node: 'b', readyFor: 10 }),
    ];
    expect(deletionOrder(pods, NOW)[0]?.spec.nodeName).toBe('b');
  });
});

describe('what belongs to an owner', () => {
  const selector = labelSelectorOf({ matchLabels: { app: 'web' } });
  const owner = { metadata: { name: 'rs', namespace: 'n', uid: 'me' } };
  const names = (pods: readonly Pod[]): (string | undefined)[] => pods.map(each => each.metadata.name);
  const sorted = (pods: readonly Pod[], who = owner) => {
    const { owned, adopt, release } = claim(pods, who, selector ?? expect.fail('no selector'));
    return [names(owned), names(adopt), names(release)];
  };
  const pods = [
    pod('mine', { owner: 'me' }),
    pod('strayed', { owner: 'me', labels: { app: 'other' } }),
    pod('orphan'),
    pod('ending-orphan', { deleted: true }),
    pod('unfit-orphan', { labels: {} }),
    pod('others', { owner: 'you' }),
  ];

  it('is what it has, and the orphans that fit; what fits no more is let go', () => {
    expect(sorted(pods)).toEqual([['mine'], ['orphan'], ['strayed']]);
  });

  it('is only what it has once it is being deleted', () => {
    const ending = { metadata: { ...owner.metadata, deletionTimestamp: ago(0) } };
    expect(sorted(pods, ending)).toEqual([['mine', 'strayed'], [], []]);
  });
});

describe('what was written and is not seen yet', () => {
  const setUp = (): { clock: FakeClock; expectations: Expectations } => {
    const clock = new FakeClock();
    return { clock, expectations: new Expectations(clock) };
  };
  const came = (object: Pod) => ({ key: 'n/p', before: undefined, after: object });

  it('is waited for, each by its uid', () => {
    const { expectations } = setUp();
    expectations.begin('k');
    for (const name of ['a', 'b']) expectations.created('k', pod(name));
    expectations.end('k');
    expectations.observe('k', came(pod('a')));
    expect(expectations.satisfied('k')).toBe(false);
    expectations.observe('k', came(pod('b')));
    expect(expectations.satisfied('k')).toBe(true);
  });

  it('is not waited for where it was seen before the answer came', () => {
    const { expectations } = setUp();
    expectations.begin('k');
    expectations.observe('k', came(pod('a')));
    expectations.observe('k', came(pod('b', { deleted: true })));
    expectations.created('k', pod('a'));
    expectations.deleted('k', pod('b'));
    expectations.end('k');
    expect(expectations.satisfied('k')).toBe(true);
  });

  it('counts a mark as a deletion, and no other change', () => {
    const { expectations } = setUp();
    expectations.begin('k');
    expectations.deleted('k', pod('a'));
    expectations.end('k');
    expectations.observe('k', came(pod('a')));
    expect(expectations.satisfied('k')).toBe(false);
    expectations.observe('k', came(pod('a', { deleted: true })));
    expect(expectations.satisfied('k')).toBe(true);
  });

  it('is given up after five minutes', async () => {
    const { clock, expectations } = setUp();
    expectations.created('k', pod('a'));
    await clock.advance(299_000);
    expect(expectations.satisfied('k')).toBe(false);
    await clock.advance(1_000);
    expect(expectations.satisfied('k')).toBe(true);
  });
});

describe('a slow start', () => {
  it('makes all calls where none fails', async () => {
    let calls = 0;
    const call = async (): Promise<void> => {
      calls += 1;
    };
    expect([await slowStart(10, call), calls]).toEqual([{ done: 10, error: undefined }, 10]);
  });

  it('tries no further batch after a failure', async () => {
    let calls = 0;
    const call = async (): Promise<void> => {
      calls += 1;
      if (calls >= 3) throw new Error(`call ${calls}`);
    };
    // 1, then 2 of which one fails
    expect(await slowStart(100, call)).toEqual({ done: 2, error: new Error('call 3') });
    expect(calls).toBe(3);
  });

  it('makes none of none', async () => {
    expect(await slowStart(0, () => Promise.reject(new Error('called')))).toEqual({ done: 0, error: undefined });
  });
});
