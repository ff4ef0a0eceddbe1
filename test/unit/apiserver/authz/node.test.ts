import { describe, expect, it } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../../../src/api/types/gen/core-v1.ts';
import { userInfo } from '../../../../src/apiserver/authn/user.ts';
import { requestAttributes } from '../../../../src/apiserver/authz/attributes.ts';
import { CLUSTER_ROLES } from '../../../../src/apiserver/authz/default-policy/cluster-roles.ts';
import { nodeAuthorizer } from '../../../../src/apiserver/authz/node/node-authorizer.ts';
import { requestInfo } from '../../../../src/apiserver/request-info.ts';
import { listerOf } from '../listers.ts';

const pod = (name: string, nodeName: string, spec: object, more: object = {}): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'a', name, ...more },
    spec: { nodeName, containers: [], ...spec },
  }) as unknown as Pod;

const PODS = [
  pod('p1', 'n1', {
    serviceAccountName: 'robot',
    imagePullSecrets: [{ name: 'pull' }],
    containers: [
      {
        name: 'c',
        env: [{ name: 'E', valueFrom: { secretKeyRef: { name: 'env', key: 'k' } } }],
        envFrom: [{ configMapRef: { name: 'from' } }],
      },
    ],
    initContainers: [{ name: 'i', envFrom: [{ secretRef: { name: 'init' } }] }],
    volumes: [
      { name: 'v1', secret: { secretName: 'vol' } },
      {
        name: 'v2',
        projected: { sources: [{ configMap: { name: 'kube-root-ca.crt' } }, { secret: { name: 'projected' } }] },
      },
      { name: 'v3', persistentVolumeClaim: { claimName: 'claim' } },
      { name: 'scratch', ephemeral: {} },
    ],
    resourceClaims: [{ name: 'gpu', resourceClaimName: 'gpu-claim' }],
  }),
  pod('p2', 'n2', { volumes: [{ name: 'v', secret: { secretName: 'other' } }] }),
  pod(
    'mirror',
    'n1',
    { volumes: [{ name: 'v', secret: { secretName: 'stolen' } }] },
    { annotations: { 'kubernetes.io/config.mirror': 'x' } },
  ),
];
const volume = {
  metadata: { name: 'pv' },
  spec: {
    claimRef: { namespace: 'a', name: 'claim' },
    csi: {
      nodeStageSecretRef: { namespace: 'csi', name: 'stage' },
      controllerPublishSecretRef: { namespace: 'csi', name: 'controller' },
    },
  },
} as unknown as PersistentVolume;
const claim = {
  metadata: { namespace: 'a', name: 'claim' },
  spec: { volumeName: 'pv' },
} as unknown as PersistentVolumeClaim;

const authorizer = nodeAuthorizer(
  {
    podsOnNode: node => PODS.filter(each => each.spec.nodeName === node),
    pods: listerOf(PODS),
    persistentVolumeClaims: listerOf([claim]),
    persistentVolumes: listerOf([volume]),
    volumeAttachments: listerOf([{ metadata: { name: 'va' }, spec: { nodeName: 'n1' } }]),
    resourceSlices: listerOf([{ metadata: { name: 'slice' }, spec: { nodeName: 'n1' } }]),
  },
  CLUSTER_ROLES.find(role => role.metadata.name === 'system:node')?.rules ?? [],
);
const n1 = userInfo('system:node:n1', ['system:nodes']);
const decide = (method: string, url: string, user = n1) => {
  const [path = '', query = ''] = url.split('?');
  return authorizer.authorize(requestAttributes(user, requestInfo(method, path, new URLSearchParams(query))));
};

const ALLOWED: readonly (readonly [string, string])[] = [
  ...['pull', 'env', 'init', 'vol', 'projected'].map(name => ['GET', `/api/v1/namespaces/a/secrets/${name}`] as const),
  ['GET', '/api/v1/namespaces/a/secrets?watch=1&fieldSelector=metadata.name%3Dvol'],
  ['GET', '/api/v1/namespaces/csi/secrets/stage'],
  ['GET', '/api/v1/namespaces/a/configmaps/from'],
  ['GET', '/api/v1/namespaces/a/configmaps/kube-root-ca.crt'],
  ['GET', '/api/v1/namespaces/a/persistentvolumeclaims/claim'],
  ['GET', '/api/v1/namespaces/a/persistentvolumeclaims/p1-scratch'],
  ['PATCH', '/api/v1/namespaces/a/persistentvolumeclaims/claim/status'],
  ['GET', '/api/v1/persistentvolumes/pv'],
  ['GET', '/apis/storage.k8s.io/v1/volumeattachments/va'],
  ['GET', '/apis/resource.k8s.io/v1/namespaces/a/resourceclaims/gpu-claim'],
  ['PUT', '/apis/resource.k8s.io/v1/resourceslices/slice'],
  ['GET', '/apis/resource.k8s.io/v1/resourceslices?fieldSelector=spec.nodeName%3Dn1'],
  ['POST', '/api/v1/namespaces/a/serviceaccounts/robot/token'],
  ['GET', '/api/v1/nodes/n1'],
  ['POST', '/api/v1/nodes'],
  ['PATCH', '/api/v1/nodes/n1/status'],
  ['GET', '/api/v1/pods?fieldSelector=spec.nodeName%3Dn1&watch=1'],
  ['GET', '/api/v1/namespaces/a/pods/p1'],
  ['POST', '/api/v1/namespaces/a/pods/p1/eviction'],
  ['PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1'],
  ['PUT', '/apis/storage.k8s.io/v1/csinodes/n1'],
  ['GET', '/api/v1/services'],
  ['GET', '/apis/node.k8s.io/v1/runtimeclasses'],
  ['POST', '/apis/certificates.k8s.io/v1/certificatesigningrequests'],
];

const NO_RELATION = "no relationship found between node 'n1' and this object";
const REFUSED: readonly (readonly [string, string, string])[] = [
  ['GET', '/api/v1/namespaces/a/secrets/other', NO_RELATION],
  ['GET', '/api/v1/namespaces/b/secrets/vol', NO_RELATION],
  ['GET', '/api/v1/namespaces/a/secrets/stolen', NO_RELATION],
  ['GET', '/api/v1/namespaces/csi/secrets/controller', NO_RELATION],
  ['GET', '/api/v1/namespaces/a/secrets', 'No Object name found'],
  ['GET', '/api/v1/secrets', 'can only read namespaced object of this type'],
  ['DELETE', '/api/v1/namespaces/a/secrets/vol', 'can only read resources of this type'],
  ['GET', '/api/v1/persistentvolumes/other', NO_RELATION],
  ['GET', '/api/v1/persistentvolumes', 'can only get individual resources of this type'],
  ['GET', '/api/v1/nodes/n2', "node 'n1' cannot read 'n2', only its own Node object"],
  ['GET', '/api/v1/nodes', "node 'n1' cannot read all nodes, only its own Node object"],
  ['GET', '/api/v1/pods', 'can only list/watch pods with spec.nodeName field selector'],
  [
    'GET',
    '/api/v1/pods?fieldSelector=spec.nodeName%3Dn2',
    'can only list/watch pods with spec.nodeName field selector',
  ],
  [
    'GET',
    '/api/v1/pods?fieldSelector=spec.nodeName!%3Dn1',
    'can only list/watch pods with spec.nodeName field selector',
  ],
  ['GET', '/api/v1/namespaces/a/pods/p2', NO_RELATION],
  [
    'PUT',
    '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n2',
    'can only access node lease with the same name as the requesting node',
  ],
  [
    'PUT',
    '/apis/coordination.k8s.io/v1/namespaces/a/leases/n1',
    'can only access leases in the "kube-node-lease" system namespace',
  ],
  ['POST', '/api/v1/namespaces/a/serviceaccounts/other/token', NO_RELATION],
  [
    'GET',
    '/apis/resource.k8s.io/v1/resourceslices',
    'can only list/watch/deletecollection resourceslices with nodeName field selector',
  ],
  ['DELETE', '/apis/apps/v1/namespaces/a/deployments/x', ''],
];

describe('the node authorizer', () => {
  it.each(ALLOWED)('allows %s %s', (method, url) => {
    expect(decide(method, url)).toEqual({ kind: 'allow', reason: '' });
  });

  it.each(REFUSED)('does not allow %s %s', (method, url, reason) => {
    expect(decide(method, url)).toEqual({ kind: 'no-opinion', reason });
  });

  it('has nothing to say of others, and knows nodes by name only', () => {
    expect(decide('GET', '/api/v1/nodes', userInfo('jane', ['system:nodes']))).toEqual({
      kind: 'no-opinion',
      reason: '',
    });
    expect(decide('GET', '/api/v1/nodes', userInfo('system:node:', ['system:nodes'])).reason).toBe(
      'unknown node for user "system:node:"',
    );
    expect(authorizer.rulesFor(n1, 'a')).toMatchObject({ incomplete: true });
    expect(authorizer.rulesFor(userInfo('jane', []), 'a')).toMatchObject({ incomplete: false });
  });
});
