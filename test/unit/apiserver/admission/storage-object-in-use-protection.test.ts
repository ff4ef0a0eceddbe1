import { describe, expect, it } from 'vitest';
import type { WriteRequest } from '../../../../src/apiserver/admission/admission.ts';
import { decideStorageObjectInUseProtection } from '../../../../src/apiserver/admission/storage-object-in-use-protection.ts';
import { userInfo } from '../../../../src/apiserver/authn/user.ts';

const write = (resource: string, finalizers?: readonly string[], more: Partial<WriteRequest> = {}): WriteRequest => {
  const [plural = '', ...group] = resource.split('.');
  return {
    operation: 'CREATE',
    resource: { group: group.join('.'), resource: plural },
    subresource: '',
    namespace: '',
    name: 'x',
    user: userInfo('jane', []),
    now: '2030-01-01T00:00:00Z',
    object: { metadata: { name: 'x', ...(finalizers === undefined ? {} : { finalizers }) } },
    oldObject: undefined,
    ...more,
  };
};

describe('StorageObjectInUseProtection', () => {
  const cases: readonly [sentence: string, request: WriteRequest, finalizers: readonly string[] | undefined][] = [
    ['protects a volume', write('persistentvolumes'), ['kubernetes.io/pv-protection']],
    ['protects a claim', write('persistentvolumeclaims'), ['kubernetes.io/pvc-protection']],
    [
      'protects a class of attributes',
      write('volumeattributesclasses.storage.k8s.io'),
      ['kubernetes.io/vac-protection'],
    ],
    [
      'keeps the finalizers that an object comes with',
      write('persistentvolumes', ['other/one']),
      ['other/one', 'kubernetes.io/pv-protection'],
    ],
    ['leaves alone what is protected', write('persistentvolumes', ['kubernetes.io/pv-protection']), undefined],
    ['leaves alone other kinds', write('storageclasses.storage.k8s.io'), undefined],
    ['leaves alone a kind of that name in another group', write('persistentvolumes.example.com'), undefined],
    [
      'gives no finalizer back to what is changed',
      write('persistentvolumes', [], { operation: 'UPDATE', oldObject: { metadata: { name: 'x' } } }),
      undefined,
    ],
  ];
  it.each(cases)('%s', (_, request, finalizers) => {
    const decision = decideStorageObjectInUseProtection(request);
    const object = decision.kind === 'allow' ? decision.object : undefined;
    expect(object?.metadata.finalizers).toEqual(finalizers);
  });
});
