import { describe, expect, it } from 'vitest';
import { labelSelectorOf } from '../../../src/api/selectors/label-selector.ts';
import type { Pod } from '../../../src/api/types/gen/core-v1.ts';
import {
  isSameStatus,
  planReplicas,
  type ReplicaStatus,
  replicaStatus,
} from '../../../src/controllers/replicas/plan.ts';

const NOW = Date.UTC(2030, 0, 1);
const NOW_TEXT = '2030-01-01T00:00:00Z';

const pod = (
  name: string,
  facts: { phase?: string; readyFor?: number; deleted?: boolean; labels?: object } = {},
): Pod =>
  ({
    metadata: {
      name,
      uid: name,
      labels: facts.labels ?? { app: 'web', extra: 'x' },
      ...(facts.deleted === true ? { deletionTimestamp: NOW_TEXT } : {}),
    },
    spec: { nodeName: 'node' },
    status: {
      phase: facts.phase ?? 'Running',
      conditions:
        facts.readyFor === undefined
          ? []
          : [
              {
                type: 'Ready',
                status: 'True',
                lastTransitionTime: new Date(NOW - facts.readyFor * 1000).toISOString(),
              },
            ],
    },
  }) as unknown as Pod;

describe('what a number of replicas asks for', () => {
  it.each([
    ['nothing where it is right', 2, [pod('a'), pod('b')], { kind: 'none' }],
    ['those that are missing', 3, [pod('a')], { kind: 'create', count: 2, because: '1 of 3 replicas' }],
    [
      'one for each that has failed',
      1,
      [pod('a', { phase: 'Failed' })],
      { kind: 'create', count: 1, because: '0 of 1 replicas' },
    ],
    [
      'one for each that is on its way out',
      1,
      [pod('a', { deleted: true })],
      { kind: 'create', count: 1, because: '0 of 1 replicas' },
    ],
    ['no more than a burst', 2000, [], { kind: 'create', count: 500, because: '0 of 2000 replicas' }],
    [
      'the end of those that are too many',
      1,
      [pod('a', { readyFor: 10 }), pod('b')],
      { kind: 'delete', pods: [pod('b')], because: '2 of 1 replicas' },
    ],
  ])('%s', (_, wanted, owned, expected) => {
    expect(planReplicas(wanted, owned, NOW)).toEqual(expected);
  });

  it('is nothing more once it was carried out', () => {
    const pods = Array.from({ length: 7 }, (_, i) => pod(`p${i}`));
    const plan = planReplicas(4, pods, NOW);
    const gone = plan.kind === 'delete' ? plan.pods : [];
    expect(
      planReplicas(
        4,
        pods.filter(each => !gone.includes(each)),
        NOW,
      ),
    ).toEqual({ kind: 'none' });
  });
});

describe('the status of replicas', () => {
  const statusOf = (
    owned: readonly Pod[],
    options: {
      minReadySeconds?: number;
      failure?: { reason: 'FailedCreate'; message: string };
      present?: ReplicaStatus;
    } = {},
  ) =>
    replicaStatus(options.present ?? { replicas: 0 }, {
      spec: {
        replicas: 3,
        minReadySeconds: options.minReadySeconds ?? 0,
        template: { metadata: {}, spec: { containers: [] } },
      },
      generation: 4,
      owned,
      templateLabels: labelSelectorOf({ matchLabels: { app: 'web', extra: 'x' } }) ?? expect.fail('no selector'),
      failure: options.failure,
      tellsTerminating: true,
      now: NOW,
      nowText: NOW_TEXT,
    });

  it('counts what is there, ready, available, fully labelled and on its way out', () => {
    const owned = [
      pod('a', { readyFor: 60 }),
      pod('b', { readyFor: 3 }),
      pod('c', { labels: { app: 'web' } }),
      pod('d', { deleted: true }),
      pod('e', { phase: 'Succeeded' }),
    ];
    expect(statusOf(owned, { minReadySeconds: 10 })).toEqual({
      status: {
        replicas: 3,
        fullyLabeledReplicas: 2,
        readyReplicas: 2,
        availableReplicas: 1,
        terminatingReplicas: 1,
        observedGeneration: 4,
      },
      againInMs: 7000,
    });
  });

  it('tells a failure once, and no more when it is over', () => {
    const failure = { reason: 'FailedCreate' as const, message: 'no quota' };
    const first = statusOf([], { failure }).status;
    expect(first.conditions).toEqual([
      { type: 'ReplicaFailure', status: 'True', lastTransitionTime: NOW_TEXT, ...failure },
    ]);
    const again = statusOf([], { failure: { ...failure, message: 'still none' }, present: first }).status;
    expect(isSameStatus(first, again)).toBe(true);
    expect(statusOf([], { present: again }).status.conditions).toBeUndefined();
  });

  it('is the same where nothing was counted and nothing was told', () => {
    expect(
      isSameStatus({ replicas: 0, observedGeneration: 1 }, { replicas: 0, readyReplicas: 0, observedGeneration: 1 }),
    ).toBe(true);
    expect(isSameStatus({ replicas: 0, observedGeneration: 1 }, { replicas: 0, observedGeneration: 2 })).toBe(false);
  });
});
