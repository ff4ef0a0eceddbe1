import { describe, expect, it } from 'vitest';
import type { PersistentVolumeClaim, Pod } from '../../../src/api/types/gen/core-v1.ts';
import type { ApiObject } from '../../../src/client/api-object.ts';
import { attributesClassesOf, claimsOf, protectedObject, usesClaim } from '../../../src/controllers/protection/plan.ts';

const FINALIZER = 'kubernetes.io/pvc-protection';
const GONE = '2030-01-01T00:00:00Z';
const object = (metadata: object): ApiObject => ({ metadata: { name: 'x', ...metadata } }) as ApiObject;

describe('a protected object', () => {
  const cases: readonly [sentence: string, metadata: object, isUsed: boolean, finalizers: string[] | undefined][] = [
    ['gets the finalizer while it lives', {}, false, [FINALIZER]],
    ['keeps the finalizers of others when it gets it', { finalizers: ['other/one'] }, true, ['other/one', FINALIZER]],
    ['is left alone while it lives and has it', { finalizers: [FINALIZER] }, false, undefined],
    ['is kept while it is used', { deletionTimestamp: GONE, finalizers: [FINALIZER] }, true, undefined],
    ['is let go when nobody uses it', { deletionTimestamp: GONE, finalizers: [FINALIZER] }, false, []],
    [
      'loses only this finalizer',
      { deletionTimestamp: GONE, finalizers: ['other/one', FINALIZER, 'other/two'] },
      false,
      ['other/one', 'other/two'],
    ],
    ['gets none once it is deleted', { deletionTimestamp: GONE, finalizers: ['other/one'] }, false, undefined],
  ];
  it.each(cases)('%s', (_, metadata, isUsed, finalizers) => {
    expect(protectedObject(object(metadata), FINALIZER, isUsed)?.metadata.finalizers).toEqual(finalizers);
  });
});

describe('a pod', () => {
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'pod-uid', controller: true };
  const claim = (name: string, metadata: object = {}): PersistentVolumeClaim =>
    ({ metadata: { name, namespace: 'team', ...metadata } }) as unknown as PersistentVolumeClaim;
  const pod = (spec: object, metadata: object = {}): Pod =>
    ({ metadata: { name: 'p', namespace: 'team', uid: 'pod-uid', ...metadata }, spec }) as unknown as Pod;
  const named = { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] };
  const inline = { volumes: [{ name: 'v', ephemeral: {} }] };
  const onNode = { nodeName: 'n' };
  const own = claim('p-v', { ownerReferences: [owner] });
  const cases: readonly [sentence: string, pod: Pod, claim: PersistentVolumeClaim, uses: boolean][] = [
    ['uses a claim that it names, once it has a node', pod({ ...named, ...onNode }), claim('data'), true],
    ['uses none before it has a node', pod(named), claim('data'), false],
    ['uses none that it does not name', pod({ ...named, ...onNode }), claim('other'), false],
    ['uses none of another namespace', pod({ ...named, ...onNode }), claim('data', { namespace: 'b' }), false],
    [
      'uses what it names to its very end',
      pod({ ...named, ...onNode }, { deletionTimestamp: GONE, deletionGracePeriodSeconds: 0 }),
      claim('data'),
      true,
    ],
    ['uses the claim that was made for it', pod({ ...inline, ...onNode }), own, true],
    ['does not use a claim of that name that is not its own', pod({ ...inline, ...onNode }), claim('p-v'), false],
    [
      'does not use its own once it is shut down',
      pod({ ...inline, ...onNode }, { deletionTimestamp: GONE, deletionGracePeriodSeconds: 0 }),
      own,
      false,
    ],
    [
      'uses its own while it ends',
      pod({ ...inline, ...onNode }, { deletionTimestamp: GONE, deletionGracePeriodSeconds: 30 }),
      own,
      true,
    ],
  ];
  it.each(cases)('%s', (_, given, of, uses) => {
    expect(usesClaim(given, of)).toBe(uses);
  });

  it('stands for the claims of its volumes and for those made of them', () => {
    const volumes = [...named.volumes, { name: 'own', ephemeral: {} }, { name: 'x', emptyDir: {} }];
    expect(claimsOf(pod({ volumes }))).toEqual(['data', 'p-own']);
  });
});

describe('a claim', () => {
  it('names the classes of attributes that it wants, has and gets, each once', () => {
    const claim = {
      spec: { volumeAttributesClassName: 'gold' },
      status: {
        currentVolumeAttributesClassName: 'silver',
        modifyVolumeStatus: { targetVolumeAttributesClassName: 'gold' },
      },
    } as unknown as PersistentVolumeClaim;
    expect(attributesClassesOf(claim)).toEqual(['gold', 'silver']);
    const none = { spec: { volumeAttributesClassName: '' }, status: {} } as unknown as PersistentVolumeClaim;
    expect(attributesClassesOf(none)).toEqual([]);
  });
});
