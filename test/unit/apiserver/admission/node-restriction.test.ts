import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Lister, WriteRequest } from '../../../../src/apiserver/admission/admission.ts';
import { decideNodeRestriction } from '../../../../src/apiserver/admission/node-restriction/node-restriction.ts';
import { userInfo } from '../../../../src/apiserver/authn/user.ts';
import type { Attributes } from '../../../../src/apiserver/authz/attributes.ts';
import type { ApiObject } from '../../../../src/apiserver/resources/strategy.ts';
import { createCertificateRequest } from '../../../../src/pki/certificate-request.ts';

type Objects = Readonly<Record<string, readonly object[]>>;

const lister = (objects: Objects): Lister => ({
  get: ({ resource }, _namespace, name) =>
    (objects[resource] as readonly ApiObject[] | undefined)?.find(object => object.metadata.name === name),
  list: ({ resource }) => (objects[resource] ?? []) as readonly ApiObject[],
});
const NODE = userInfo('system:node:n1', ['system:nodes']);
const write = (resource: string, more: object): WriteRequest => {
  const [plural = '', ...group] = resource.split('.');
  return {
    operation: 'CREATE',
    resource: { group: group.join('.'), resource: plural },
    subresource: '',
    namespace: 'default',
    name: 'x',
    user: NODE,
    now: '2030-01-01T00:00:00Z',
    object: undefined,
    oldObject: undefined,
    ...more,
  } as WriteRequest;
};
const outcome = (
  request: WriteRequest,
  objects: Objects = {},
  may: (asked: Attributes) => boolean = () => false,
): string => {
  const authorize = (asked: Attributes) => ({ kind: may(asked) ? 'allow' : 'no-opinion', reason: '' }) as const;
  const decision = decideNodeRestriction(request, lister(objects), { authorize });
  return decision.kind === 'deny' ? decision.error.message.replace(/^.* is forbidden: /, '') : 'allowed';
};
const named = (name: string, rest: object = {}): object => ({ metadata: { name }, ...rest });
const pod = (nodeName: string, status: object = {}, metadata: object = {}): object => ({
  metadata: { name: 'web', uid: 'u', ...metadata },
  spec: { nodeName },
  status,
});
const owned = (owner: object, nodeName = 'n1'): object => ({
  metadata: {
    name: 'web',
    annotations: { 'kubernetes.io/config.mirror': 'x' },
    ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'u1', controller: true, ...owner }],
  },
  spec: { nodeName, containers: [] },
});
const claim = (status: object, metadata: object = {}): object => ({
  metadata: { name: 'x', resourceVersion: '1', ...metadata },
  spec: {},
  status,
});
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const csr = (commonName: string, signerName = 'kubernetes.io/kubelet-serving'): object => {
  const pem = createCertificateRequest({ subject: { commonName, organizations: ['system:nodes'] } }, privateKey);
  return named('x', { spec: { signerName, request: Buffer.from(pem).toString('base64') } });
};

describe('a node', () => {
  const nodes = [named('n1', { metadata: { name: 'n1', uid: 'u1' } })];
  const pods = [pod('n1'), { ...pod('n2'), metadata: { name: 'other', uid: 'u2' } }];
  const cases: readonly [sentence: string, request: WriteRequest, outcome: string][] = [
    ['makes a mirror pod of its own', write('pods', { object: owned({}) }), 'allowed'],
    [
      'makes no mirror pod of another node',
      write('pods', { object: owned({}, 'n2') }),
      'node "n1" can only create pods with spec.nodeName set to itself',
    ],
    [
      'makes none that another owns',
      write('pods', { object: owned({ name: 'n2' }) }),
      'node "n1" can only create pods with an owner reference set to itself',
    ],
    [
      'makes none that it does not control',
      write('pods', { object: owned({ controller: undefined }) }),
      'node "n1" can only create pods with a controller owner reference set to itself',
    ],
    [
      'makes none that holds up its own deletion',
      write('pods', { object: owned({ blockOwnerDeletion: true }) }),
      'node "n1" must not set blockOwnerDeletion on an owner reference',
    ],
    [
      'makes none for a node that it was before',
      write('pods', { object: owned({ uid: 'u0' }) }),
      'node n1 UID mismatch: expected u0 got u1',
    ],
    [
      'does not change pods',
      write('pods', { operation: 'UPDATE', object: pod('n1'), oldObject: pod('n1') }),
      'unexpected operation "UPDATE", node "n1" can only create and delete mirror pods',
    ],
    ['deletes its pods', write('pods', { operation: 'DELETE', oldObject: pod('n1') }), 'allowed'],
    [
      'deletes no others',
      write('pods', { operation: 'DELETE', oldObject: pod('n2') }),
      'node "n1" can only delete pods with spec.nodeName set to itself',
    ],
    ['evicts its pods', write('pods', { subresource: 'eviction', name: 'web' }), 'allowed'],
    [
      'evicts no others',
      write('pods', { subresource: 'eviction', name: 'other' }),
      'node n1 can only evict pods with spec.nodeName set to itself',
    ],
    ['evicts none that is not there', write('pods', { subresource: 'eviction', name: 'gone' }), 'pod "gone" not found'],
    [
      'binds no pods',
      write('pods', { subresource: 'binding', name: 'web' }),
      "unexpected pod subresource \"binding\", only 'status' and 'eviction' are allowed",
    ],
    [
      'writes the status of its pods',
      write('pods', {
        subresource: 'status',
        operation: 'UPDATE',
        object: pod('n1', { phase: 'Running' }),
        oldObject: pod('n1'),
      }),
      'allowed',
    ],
    [
      'writes no labels there',
      write('pods', {
        subresource: 'status',
        operation: 'UPDATE',
        object: pod('n1', {}, { labels: { a: 'b' } }),
        oldObject: pod('n1'),
      }),
      'node "n1" cannot update labels through pod status',
    ],
    [
      'claims no devices there',
      write('pods', {
        subresource: 'status',
        operation: 'UPDATE',
        object: pod('n1', { resourceClaimStatuses: [{ name: 'gpu', resourceClaimName: 'c' }] }),
        oldObject: pod('n1'),
      }),
      'node "n1" cannot update resource claim statues',
    ],
    [
      'claims no extended resources there',
      write('pods', {
        subresource: 'status',
        operation: 'UPDATE',
        object: pod('n1', { extendedResourceClaimStatus: { resourceClaimName: 'c', requestMappings: [] } }),
        oldObject: pod('n1'),
      }),
      'node "n1" cannot update extended resource claim status',
    ],
    [
      'says how large a volume has become',
      write('persistentvolumeclaims', {
        subresource: 'status',
        operation: 'UPDATE',
        object: claim({ capacity: { storage: '2Gi' }, conditions: [], allocatedResources: { storage: '2Gi' } }),
        oldObject: claim({ capacity: { storage: '1Gi' } }, { resourceVersion: '2' }),
      }),
      'allowed',
    ],
    [
      'says nothing else of a claim',
      write('persistentvolumeclaims', {
        subresource: 'status',
        operation: 'UPDATE',
        object: claim({ phase: 'Lost' }, { labels: { a: 'b' } }),
        oldObject: claim({ phase: 'Bound' }),
      }),
      'node "n1" is not allowed to update fields other than status.quantity and status.conditions: metadata.labels, status.phase',
    ],
    ['makes no claims', write('persistentvolumeclaims', { object: claim({}) }), 'may only update PVC status'],
    ['registers itself', write('nodes', { name: 'n1', object: named('n1', { spec: {} }) }), 'allowed'],
    [
      'registers no other',
      write('nodes', { name: 'n2', object: named('n2', { spec: {} }) }),
      'node "n1" is not allowed to modify node "n2"',
    ],
    [
      'deletes no other',
      write('nodes', { operation: 'DELETE', name: 'n2', oldObject: named('n2') }),
      'node "n1" is not allowed to modify node "n2"',
    ],
    [
      'gives itself no labels that others trust',
      write('nodes', {
        name: 'n1',
        object: {
          metadata: {
            name: 'n1',
            labels: {
              'a.node-restriction.kubernetes.io/b': '',
              'node-role.kubernetes.io/control-plane': '',
              'topology.kubernetes.io/zone': 'z',
              'kubelet.kubernetes.io/x': '',
              'example.com/x': '',
            },
          },
          spec: {},
        },
      }),
      'node "n1" is not allowed to set the following labels: a.node-restriction.kubernetes.io/b, node-role.kubernetes.io/control-plane',
    ],
    [
      'does not change its taints',
      write('nodes', {
        operation: 'UPDATE',
        name: 'n1',
        object: named('n1', { spec: {} }),
        oldObject: named('n1', { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }),
      }),
      'node "n1" is not allowed to modify taints',
    ],
    [
      'writes the lease of its name',
      write('leases.coordination.k8s.io', { namespace: 'kube-node-lease', object: named('n1') }),
      'allowed',
    ],
    [
      'writes no other lease',
      write('leases.coordination.k8s.io', { namespace: 'kube-node-lease', operation: 'UPDATE', name: 'n2' }),
      'can only access node lease with the same name as the requesting node',
    ],
    [
      'writes no lease elsewhere',
      write('leases.coordination.k8s.io', { namespace: 'kube-system', object: named('n1') }),
      'can only access leases in the "kube-node-lease" system namespace',
    ],
    ['writes the CSINode of its name', write('csinodes.storage.k8s.io', { object: named('n1') }), 'allowed'],
    [
      'makes no other CSINode',
      write('csinodes.storage.k8s.io', { object: named('n2') }),
      'can only access CSINode with the same name as the requesting node',
    ],
    [
      'deletes no other CSINode',
      write('csinodes.storage.k8s.io', { operation: 'DELETE', name: 'n2', oldObject: named('n2') }),
      'can only access CSINode with the same name as the requesting node',
    ],
    [
      'offers its own devices',
      write('resourceslices.resource.k8s.io', { object: named('x', { spec: { nodeName: 'n1' } }) }),
      'allowed',
    ],
    [
      'offers no devices of another',
      write('resourceslices.resource.k8s.io', { object: named('x', { spec: { nodeName: 'n2' } }) }),
      'can only create ResourceSlice with the same NodeName as the requesting node',
    ],
    [
      'withdraws no devices of all nodes',
      write('resourceslices.resource.k8s.io', {
        operation: 'DELETE',
        oldObject: named('x', { spec: { allNodes: true } }),
      }),
      'can only delete ResourceSlice with the same NodeName as the requesting node',
    ],
    [
      'asks for a certificate of its own',
      write('certificatesigningrequests.certificates.k8s.io', { object: csr('system:node:n1') }),
      'allowed',
    ],
    [
      'asks for no certificate of another',
      write('certificatesigningrequests.certificates.k8s.io', { object: csr('system:node:n2') }),
      'can only create a node CSR with CN=system:node:n1',
    ],
    [
      'asks other signers for what it likes',
      write('certificatesigningrequests.certificates.k8s.io', { object: csr('jane', 'example.com/x') }),
      'allowed',
    ],
  ];
  it.each(cases)('%s', (_, request, expected) => {
    expect(outcome(request, { nodes, pods })).toBe(expected);
  });

  it('that is none is not held to anything', () => {
    expect(outcome(write('pods', { user: userInfo('jane', []), object: pod('n2') }))).toBe('allowed');
  });

  it('that does not say which it is may do nothing', () => {
    const user = userInfo('system:node:', ['system:nodes']);
    expect(outcome(write('pods', { user, object: pod('n1') }))).toBe(
      'could not determine node from user "system:node:"',
    );
  });
});

describe('a token that a node asks for', () => {
  const spec = (audiences: readonly string[], ref: object = {}): object => ({
    audiences,
    boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'web', uid: 'u', ...ref },
  });
  const token = (audiences: readonly string[], ref: object = {}): WriteRequest =>
    write('serviceaccounts', {
      subresource: 'token',
      name: 'robot',
      object: { metadata: {}, spec: spec(audiences, ref) },
    });
  const withVolumes = (...volumes: object[]): object => ({
    metadata: { name: 'web', namespace: 'default', uid: 'u' },
    spec: { nodeName: 'n1', volumes },
  });
  const projected = { projected: { sources: [{ serviceAccountToken: { audience: 'vault', path: 'p' } }] } };
  const csidrivers = [named('d', { spec: { tokenRequests: [{ audience: 'cloud' }] } })];
  const persistentvolumes = [named('pv', { spec: { csi: { driver: 'd' } } })];
  const persistentvolumeclaims = [
    named('data', { spec: { volumeName: 'pv' } }),
    named('web-tmp', { spec: { volumeName: 'pv' } }),
  ];
  const storage = { csidrivers, persistentvolumes, persistentvolumeclaims };
  const refused = (audience: string): string =>
    `audience "${audience}" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience`;

  const cases: readonly [sentence: string, request: WriteRequest, pod: object, outcome: string][] = [
    ['is given where the pod mounts it', token(['vault']), withVolumes(projected), 'allowed'],
    ['is refused for another audience', token(['other']), withVolumes(projected), refused('other')],
    ['is refused without audience where the pod mounts none', token([]), withVolumes(), refused('')],
    ['is given for what a driver asks for', token(['cloud']), withVolumes({ csi: { driver: 'd' } }), 'allowed'],
    [
      'is given for what the driver of a claim asks for',
      token(['cloud']),
      withVolumes({ persistentVolumeClaim: { claimName: 'data' } }),
      'allowed',
    ],
    [
      'is given for what the driver of a claim of the pod itself asks for',
      token(['cloud']),
      withVolumes({ name: 'tmp', ephemeral: { volumeClaimTemplate: {} } }),
      'allowed',
    ],
    ['is of one audience', token(['vault', 'other']), withVolumes(projected), 'node may only request 0 or 1 audiences'],
    [
      'is bound to a pod',
      token(['vault'], { kind: 'Secret' }),
      withVolumes(projected),
      'node requested token not bound to a pod',
    ],
    [
      'is bound to a pod with its uid',
      token(['vault'], { uid: '' }),
      withVolumes(projected),
      'node requested token with a pod binding without a uid',
    ],
    [
      'is bound to a pod that is there',
      token(['vault'], { name: 'gone' }),
      withVolumes(projected),
      'pod "gone" not found',
    ],
    [
      'is bound to a pod of the node',
      token(['vault']),
      { ...withVolumes(projected), spec: { nodeName: 'n2' } },
      'node requested token bound to a pod scheduled on a different node',
    ],
  ];
  it.each(cases)('%s', (_, request, pod, expected) => {
    expect(outcome(request, { pods: [pod], ...storage })).toBe(expected);
  });

  const successors: readonly [source: string, driver: string][] = [
    ['awsElasticBlockStore', 'ebs.csi.aws.com'],
    ['azureDisk', 'disk.csi.azure.com'],
    ['azureFile', 'file.csi.azure.com'],
    ['cinder', 'cinder.csi.openstack.org'],
    ['gcePersistentDisk', 'pd.csi.storage.gke.io'],
    ['portworxVolume', 'pxd.portworx.com'],
    ['vsphereVolume', 'csi.vsphere.vmware.com'],
  ];
  it.each(successors)('is given for what the driver asks for that took over %s', (source, driver) => {
    const objects = {
      csidrivers: [named(driver, { spec: { tokenRequests: [{ audience: 'cloud' }] } })],
      persistentvolumes: [named('pv', { spec: { [source]: {} } })],
      persistentvolumeclaims,
    };
    for (const volume of [{ [source]: {} }, { persistentVolumeClaim: { claimName: 'data' } }]) {
      const all = { pods: [withVolumes(volume)], ...objects };
      expect([outcome(token(['cloud']), all), outcome(token(['other']), all)]).toEqual(['allowed', refused('other')]);
    }
  });

  const unknown: readonly [sentence: string, volumes: readonly object[], because: string][] = [
    ['driver', [{ csi: { driver: 'gone' } }], 'csidriver.storage.k8s.io "gone" not found'],
    ['claim', [{ persistentVolumeClaim: { claimName: 'gone' } }], 'persistentvolumeclaim "gone" not found'],
    ['volume of a claim', [{ persistentVolumeClaim: { claimName: 'unbound' } }], 'persistentvolume "" not found'],
    ['driver for the kind', [{ azureDisk: { kind: 'Shared' } }], 'kind(Shared) is not supported in csi migration'],
    [
      'driver or claim',
      [{ csi: { driver: 'gone' } }, { csi: { driver: 'gone' } }, { persistentVolumeClaim: { claimName: 'gone' } }],
      '[csidriver.storage.k8s.io "gone" not found, persistentvolumeclaim "gone" not found]',
    ],
  ];
  it.each(unknown)('is refused where the %s of a volume is not there', (_, volumes, because) => {
    const claims = [...persistentvolumeclaims, named('unbound', { spec: {} })];
    const objects = { ...storage, persistentvolumeclaims: claims, pods: [withVolumes(...volumes)] };
    expect(outcome(token(['other']), objects, () => true)).toBe(`error validating audience "other": ${because}`);
    const beside = { ...objects, pods: [withVolumes(...volumes, projected)] };
    expect(outcome(token(['vault']), beside)).toBe('allowed');
  });

  it('is given where the node has a right to the audience', () => {
    const may = ({ verb, resource, name, namespace }: Attributes): boolean =>
      [verb, resource, name, namespace].join(' ') === 'request-serviceaccounts-token-audience other robot default';
    expect(outcome(token(['other']), { pods: [withVolumes()] }, may)).toBe('allowed');
  });
});
