import { describe, expect, it } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../../../src/api/types/gen/core-v1.ts';
import type { StorageClass } from '../../../../src/api/types/gen/storage-v1.ts';
import type { ClusterChange } from '../../../../src/scheduler/cluster-change.ts';
import { PodChecks, prepareChecks } from '../../../../src/scheduler/filter/all.ts';
import { volumeBinding } from '../../../../src/scheduler/filter/volume-binding.ts';
import { volumeRestrictions } from '../../../../src/scheduler/filter/volume-restrictions.ts';
import { podInfo } from '../../../../src/scheduler/pod-info.ts';
import { pictureOf, settled, testNode, testPod } from '../../../harness/scheduling.ts';

const BOUND = { 'pv.kubernetes.io/bind-completed': 'yes' };
const claim = (name: string, spec: object, metadata: object = {}, phase = 'Bound'): PersistentVolumeClaim =>
  ({
    metadata: { name, namespace: 'default', ...metadata },
    spec,
    status: { phase },
  }) as unknown as PersistentVolumeClaim;
const CLAIMS = [
  claim('local', { volumeName: 'on-a' }, { annotations: BOUND }),
  claim('anywhere', { volumeName: 'free' }, { annotations: BOUND }),
  claim('alone', { volumeName: 'free', accessModes: ['ReadWriteOncePod'] }, { annotations: BOUND }),
  claim('vanished', { volumeName: 'gone' }, { annotations: BOUND }),
  claim('unbound', { storageClassName: 'now' }, {}, 'Pending'),
  claim('waiting', { storageClassName: 'later' }, {}, 'Pending'),
  claim('lost', { volumeName: 'gone' }, { annotations: BOUND }, 'Lost'),
  claim('going', { volumeName: 'free' }, { annotations: BOUND, deletionTimestamp: '2030-01-01T00:00:00Z' }),
  claim('p-foreign', { volumeName: 'free' }, { annotations: BOUND }),
];
const VOLUMES = [
  { metadata: { name: 'free' }, spec: {} },
  {
    metadata: { name: 'on-a' },
    spec: {
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['a'] }] }],
        },
      },
    },
  },
] as unknown as readonly PersistentVolume[];
const CLASSES = [
  { metadata: { name: 'later' }, volumeBindingMode: 'WaitForFirstConsumer' },
  { metadata: { name: 'now' }, volumeBindingMode: 'Immediate' },
] as unknown as readonly StorageClass[];
const named = <T extends { readonly metadata: { readonly name?: string | undefined } }>(
  all: readonly T[],
  name: string,
) => all.find(({ metadata }) => metadata.name === name);
const OBJECTS = {
  claim: (_: string, name: string) => named(CLAIMS, name),
  volume: (name: string) => named(VOLUMES, name),
  storageClass: (name: string) => named(CLASSES, name),
};

const uses = (...claims: string[]) => ({
  volumes: claims.map(claimName => ({ name: claimName, persistentVolumeClaim: { claimName } })),
});
const disk = (readOnly: boolean) => ({ volumes: [{ name: 'd', gcePersistentDisk: { pdName: 'd', readOnly } }] });

/** What is said of the nodes a and b. */
function refusals(spec: object, pods: readonly Pod[] = []): unknown {
  const picture = pictureOf([testNode('a'), testNode('b')], pods, OBJECTS);
  const checks = settled(prepareChecks(podInfo(testPod('p', { spec })), picture));
  if (!(checks instanceof PodChecks)) return checks.reasons.join();
  return picture.nodes.map(node => checks.check(node)?.reasons.join() ?? '');
}

const ELSEWHERE = "node(s) didn't match PersistentVolume's node affinity";
const IN_USE =
  'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod';

describe('the volumes of a pod', () => {
  it.each<[string, object, Pod[], unknown]>([
    ['that can be anywhere', uses('anywhere'), [], ['', '']],
    ['that can be on one node', uses('local', 'anywhere'), [], ['', ELSEWHERE]],
    [
      'that is gone',
      uses('vanished'),
      [],
      Array(2).fill('node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'),
    ],
    ['that is not bound', uses('anywhere', 'unbound'), [], 'pod has unbound immediate PersistentVolumeClaims'],
    [
      'that waits for its first consumer',
      uses('waiting'),
      [],
      Array(2).fill("node(s) didn't find available persistent volumes to bind"),
    ],
    ['whose claim is missing', uses('missing'), [], 'persistentvolumeclaim "missing" not found'],
    [
      'whose claim has lost it',
      uses('lost'),
      [],
      'persistentvolumeclaim "lost" bound to non-existent persistentvolume "gone"',
    ],
    ['whose claim is being deleted', uses('going'), [], 'persistentvolumeclaim "going" is being deleted'],
    [
      'whose claim is to be made for it',
      { volumes: [{ name: 'own', ephemeral: {} }] },
      [],
      'waiting for ephemeral volume controller to create the persistentvolumeclaim "p-own"',
    ],
    [
      'whose claim was made for another',
      { volumes: [{ name: 'foreign', ephemeral: {} }] },
      [],
      'PVC default/p-foreign was not created for pod default/p (pod is not owner)',
    ],
    ['that is for one pod, which it is', uses('alone'), [], ['', '']],
    [
      'that is for one pod, which is there',
      uses('alone'),
      [testPod('o', { node: 'a', spec: uses('alone') })],
      [IN_USE, IN_USE],
    ],
    [
      'that is a disk in use',
      disk(false),
      [testPod('o', { node: 'a', spec: disk(true) })],
      ['node(s) had no available disk', ''],
    ],
    ['that is a disk which all only read', disk(true), [testPod('o', { node: 'a', spec: disk(true) })], ['', '']],
  ])('%s', (_, spec, pods, expected) => {
    expect(refusals(spec, pods)).toEqual(expected);
  });

  it('that are devices of resource claims are not given out', () => {
    expect(refusals({ resourceClaims: [{ name: 'gpu' }] })).toBe(
      'this scheduler does not allocate the devices of resource claims',
    );
  });
});

describe('a change helps the volumes of a pod', () => {
  const asked = podInfo(testPod('p', { spec: uses('alone') }));
  const unbound = claim('alone', {});
  const of = (kind: 'claim', after: PersistentVolumeClaim): ClusterChange => ({ kind, before: unbound, after });

  it.each<[typeof volumeBinding, ClusterChange, boolean]>([
    [volumeBinding, of('claim', claim('alone', { volumeName: 'free' }, { annotations: BOUND })), true],
    [volumeBinding, of('claim', claim('other', {})), false],
    [volumeBinding, { kind: 'volume', before: undefined, after: VOLUMES[0] }, true],
    [volumeBinding, { kind: 'storage-class', before: undefined, after: CLASSES[0] }, true],
    [volumeBinding, { kind: 'node', before: undefined, after: testNode('a') }, true],
    [
      volumeBinding,
      { kind: 'node', before: testNode('a'), after: testNode('a', { allocatable: { cpu: '9' } }) },
      false,
    ],
    [
      volumeRestrictions,
      { kind: 'pod', before: testPod('o', { node: 'a', spec: uses('alone') }), after: undefined },
      true,
    ],
    [
      volumeRestrictions,
      { kind: 'pod', before: testPod('o', { node: 'a', spec: uses('other') }), after: undefined },
      false,
    ],
    [volumeRestrictions, of('claim', claim('alone', { accessModes: ['ReadWriteMany'] })), true],
    [volumeRestrictions, { kind: 'node', before: undefined, after: testNode('a') }, true],
  ])('%o', (filter, change, expected) => {
    expect(filter.changes).toContain(change.kind);
    expect(filter.mayHelp(change, asked, pictureOf([]))).toBe(expected);
  });
});
