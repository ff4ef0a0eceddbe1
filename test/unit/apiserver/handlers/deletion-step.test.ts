import { describe, expect, it } from 'vitest';
import type { DeleteOptions } from '../../../../src/api/types/gen/meta-v1.ts';
import { type DeletedKind, decideDeletion } from '../../../../src/apiserver/handlers/deletion-step.ts';
import type { ApiObject } from '../../../../src/apiserver/resources/strategy.ts';

const NOW = Date.UTC(2030, 0, 1);
const at = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString().replace('.000Z', 'Z');
const object = (metadata: object = {}, rest: object = {}): ApiObject =>
  ({ metadata: { name: 'x', ...metadata }, ...rest }) as ApiObject;
const pod = (metadata: object = {}, phase = 'Running', nodeName = 'n1'): ApiObject =>
  object(metadata, { spec: { nodeName, terminationGracePeriodSeconds: 30 }, status: { phase } });
const DEPENDENTS: Readonly<Record<string, DeletedKind['dependents']>> = { Job: 'orphan', Event: 'none' };
const ofKind = (kind: string): DeletedKind => ({ resource: { kind }, dependents: DEPENDENTS[kind] ?? 'delete' });
const outcome = (kind: string, each: ApiObject, options: DeleteOptions = {}): string => {
  const step = decideDeletion(ofKind(kind), each, options, NOW);
  if (step.kind !== 'mark') return step.kind;
  const { deletionTimestamp = '', deletionGracePeriodSeconds, finalizers = [] } = step.object.metadata;
  return [(Date.parse(deletionTimestamp) - NOW) / 1000, deletionGracePeriodSeconds, ...finalizers].join(' ');
};
const marked = (inSeconds: number, grace: number, finalizers: readonly string[] = []): object => ({
  deletionTimestamp: at(inSeconds),
  deletionGracePeriodSeconds: grace,
  finalizers,
});

describe('a deletion', () => {
  const cases: readonly [sentence: string, kind: string, object: ApiObject, options: DeleteOptions, outcome: string][] =
    [
      ['removes what nothing keeps', 'ConfigMap', object(), {}, 'remove'],
      ['marks what a finalizer keeps', 'ConfigMap', object({ finalizers: ['a'] }), {}, '0 0 a'],
      ['leaves the time of a mark that stands', 'ConfigMap', object(marked(-60, 0, ['a'])), {}, '-60 0 a'],
      ['keeps the dependents by a finalizer', 'ConfigMap', object(), { propagationPolicy: 'Orphan' }, '0 0 orphan'],
      [
        'waits for the dependents by a finalizer',
        'ConfigMap',
        object(),
        { propagationPolicy: 'Foreground' },
        '0 0 foregroundDeletion',
      ],
      [
        'changes the policy later',
        'ConfigMap',
        object(marked(-5, 0, ['orphan'])),
        { propagationPolicy: 'Foreground' },
        '-5 0 foregroundDeletion',
      ],
      [
        'removes what only a policy kept that is taken back',
        'ConfigMap',
        object(marked(-5, 0, ['orphan'])),
        { propagationPolicy: 'Background' },
        'remove',
      ],
      ['keeps to a policy that nobody speaks of', 'ConfigMap', object({ finalizers: ['orphan'] }), {}, '0 0 orphan'],
      ['keeps the pods of a job', 'Job', object(), {}, '0 0 orphan'],
      ['does not keep them where somebody says so', 'Job', object(), { propagationPolicy: 'Background' }, 'remove'],
      ['knows the old word for that', 'Job', object(), { orphanDependents: false }, 'remove'],
      ['keeps no policy for events', 'Event', object(), { propagationPolicy: 'Orphan' }, 'remove'],
      [
        'waits for the finalizers of a namespace',
        'Namespace',
        object({}, { kind: 'Namespace', spec: { finalizers: ['kubernetes'] } }),
        {},
        '0 0',
      ],
      ['gives a pod its time', 'Pod', pod(), {}, '30 30'],
      ['gives a pod the time that is asked for', 'Pod', pod(), { gracePeriodSeconds: 90 }, '90 90'],
      ['gives a pod that no node has none', 'Pod', pod({}, 'Pending', ''), {}, 'remove'],
      ['gives a pod that has ended none', 'Pod', pod({}, 'Failed'), {}, 'remove'],
      ['counts a negative time as a second', 'Pod', pod(), { gracePeriodSeconds: -1 }, '1 1'],
      ['does not hurry a pod again that nobody says anything of', 'Pod', pod(marked(50, 60)), {}, 'pending'],
      ['gives a pod no more time', 'Pod', pod(marked(50, 60)), { gracePeriodSeconds: 90 }, 'pending'],
      [
        'does not change the policy while a pod has time',
        'Pod',
        pod(marked(50, 60)),
        { propagationPolicy: 'Orphan' },
        'pending',
      ],
      ['gives a pod less time', 'Pod', pod(marked(50, 60)), { gracePeriodSeconds: 20 }, '10 20'],
      [
        'gives a pod whose shorter time is over a second',
        'Pod',
        pod(marked(10, 60)),
        { gracePeriodSeconds: 20 },
        '0 1',
      ],
      ['removes a pod that is given no time', 'Pod', pod(marked(10, 60)), { gracePeriodSeconds: 0 }, 'remove'],
      [
        'marks a pod that is given no time and has finalizers',
        'Pod',
        pod(marked(10, 60, ['a'])),
        { gracePeriodSeconds: 0 },
        '0 0 a',
      ],
      ['removes a pod whose time is up', 'Pod', pod(marked(-5, 0)), {}, 'remove'],
    ];
  it.each(cases)('%s', (_, kind, each, options, expected) => {
    expect(outcome(kind, each, options)).toBe(expected);
  });

  it('raises the generation once', () => {
    const first = decideDeletion(ofKind('ReplicaSet'), object({ generation: 3, finalizers: ['a'] }), {}, NOW);
    expect(first).toMatchObject({ object: { metadata: { generation: 4 } } });
    const second = decideDeletion(ofKind('ReplicaSet'), object({ generation: 4, ...marked(-5, 0, ['a']) }), {}, NOW);
    expect(second).toMatchObject({ object: { metadata: { generation: 4 } } });
  });
});
