import type { ConfigMap, Secret, Service } from '../../api/types/gen/core-v1.ts';
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from '../../api/types/gen/rbac-v1.ts';
import type { ResourceId } from '../../client/api-object.ts';
import { PROXY_CONFIG_KEY, PROXY_CONFIG_MAP } from '../proxy-configuration.ts';
import { type ClusterSettings, dnsAddress, NODE_TOKEN_GROUP } from '../settings.ts';
import { type StoredToken, secretOfToken } from '../tokens/stored-token.ts';

/** An object that has to be there, with the parts of it that are ours to say. */
export interface WantedObject {
  readonly resource: ResourceId;
  readonly object: ConfigMap | Secret | Service | Role | RoleBinding | ClusterRole | ClusterRoleBinding;
  /** The top-level fields that are compared and written; the API server and others own the rest. */
  readonly fields: readonly string[];
  /** True where `data` is all ours: keys that we no longer say go. Others put keys of theirs beside ours unless this is set. */
  readonly ownsData?: boolean;
}

const NODES_GROUP = 'system:nodes';
const ADMINS = 'kubeadm:cluster-admins';
const RBAC = 'rbac.authorization.k8s.io';
const SYSTEM = 'kube-system';
const PUBLIC = 'kube-public';

export const CLUSTER_INFO = { namespace: PUBLIC, name: 'cluster-info' } as const;

/** Keys of signatures in cluster-info begin so; the id of the token follows. */
export const SIGNATURE_KEY = 'jws-kubeconfig-';

const CONFIG_MAPS = { group: '', version: 'v1', plural: 'configmaps' } as const;
const SECRETS = { group: '', version: 'v1', plural: 'secrets' } as const;
const SERVICES = { group: '', version: 'v1', plural: 'services' } as const;
const rbac = (plural: string): ResourceId => ({ group: RBAC, version: 'v1', plural });

/** What gives those with admin.conf their rights; super-admin.conf makes it, being above all rules. */
export function adminBinding(): WantedObject {
  return clusterBinding(ADMINS, 'cluster-admin', [group(ADMINS)]);
}

/** kubeadm-config with its readers. `configuration` is the text of a ClusterConfiguration. */
export function kubeadmConfigObjects(configuration: string): readonly WantedObject[] {
  return [
    configMap(SYSTEM, 'kubeadm-config', { ClusterConfiguration: configuration }),
    ...configReaders('kubeadm:nodes-kubeadm-config', 'kubeadm-config'),
  ];
}

/** kubelet-config with its readers. `configuration` is the text of a KubeletConfiguration. */
export function kubeletConfigObjects(configuration: string): readonly WantedObject[] {
  return [
    configMap(SYSTEM, 'kubelet-config', { kubelet: configuration }),
    ...configReaders('kubeadm:kubelet-config', 'kubelet-config'),
  ];
}

/** cluster-info and everybody's right to read it. The signatures in it are the bootstrap signer's. */
export function clusterInfoObjects(kubeconfig: string): readonly WantedObject[] {
  const name = 'kubeadm:bootstrap-signer-clusterinfo';
  return [
    configMap(PUBLIC, CLUSTER_INFO.name, { kubeconfig }),
    role(PUBLIC, name, CLUSTER_INFO.name),
    binding(PUBLIC, name, [{ kind: 'User', name: 'system:anonymous', apiGroup: RBAC }]),
  ];
}

/** The Secret that makes a token valid. What it no longer says, as until when it holds, what for and for which groups, is no longer so. */
export function tokenObject(token: StoredToken): WantedObject {
  return { resource: SECRETS, fields: ['data', 'type'], ownsData: true, object: secretOfToken(token) };
}

/** What nodes that join with a token may do, and which of their requests for certificates are approved by themselves; each with what to say of it. */
export function bootstrapRules(): readonly { readonly say: string; readonly objects: readonly WantedObject[] }[] {
  return [
    {
      say: 'Configured RBAC rules to allow Node Bootstrap tokens to get nodes',
      objects: [
        clusterRole('kubeadm:get-nodes', [{ verbs: ['get'], apiGroups: [''], resources: ['nodes'] }]),
        clusterBinding('kubeadm:get-nodes', 'kubeadm:get-nodes', [group(NODE_TOKEN_GROUP)]),
      ],
    },
    {
      say: 'Configured RBAC rules to allow Node Bootstrap tokens to post CSRs in order for nodes to get long term certificate credentials',
      objects: [clusterBinding('kubeadm:kubelet-bootstrap', 'system:node-bootstrapper', [group(NODE_TOKEN_GROUP)])],
    },
    {
      say: 'Configured RBAC rules to allow the csrapprover controller automatically approve CSRs from a Node Bootstrap Token',
      objects: [
        clusterBinding(
          'kubeadm:node-autoapprove-bootstrap',
          'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
          [group(NODE_TOKEN_GROUP)],
        ),
      ],
    },
    {
      say: 'Configured RBAC rules to allow certificate rotation for all node client certificates in the cluster',
      objects: [
        clusterBinding(
          'kubeadm:node-autoapprove-certificate-rotation',
          'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
          [group(NODES_GROUP)],
        ),
      ],
    },
    {
      say: 'Configured RBAC rules to allow the API server kubelet client certificate to access the kubelet API',
      objects: [
        clusterBinding('kubeadm:apiserver-kubelet-client', 'system:kubelet-api-admin', [
          { kind: 'User', name: 'kube-apiserver-kubelet-client', apiGroup: RBAC },
        ]),
      ],
    },
  ];
}

/** The configuration of the proxies with its readers: nodes, and those who become one. */
export function proxyConfigObjects(configuration: string): readonly WantedObject[] {
  return [
    configMap(SYSTEM, PROXY_CONFIG_MAP, { [PROXY_CONFIG_KEY]: configuration }),
    ...configReaders('kube-proxy', PROXY_CONFIG_MAP),
  ];
}

/** The proxy of a node reads Services and slices as that node: there are no pods of its own with an account. */
export function proxyRules(): readonly WantedObject[] {
  return [clusterBinding('kubeadm:node-proxier', 'system:node-proxier', [group(NODES_GROUP)])];
}

/** The pod network of a node has routes to all others, which a node may not list for itself. */
export function networkRules(): readonly WantedObject[] {
  return [
    clusterRole('gantry:node-network', [{ verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['nodes'] }]),
    clusterBinding('gantry:node-network', 'gantry:node-network', [group(NODES_GROUP)]),
  ];
}

/** The DNS server of a node reads as that node, too. */
export function dnsRules(): readonly WantedObject[] {
  return [
    clusterRole('system:coredns', [
      // not pods, as for the DNS server of upstream: a node is to see its own alone
      { verbs: ['list', 'watch'], apiGroups: [''], resources: ['services', 'namespaces'] },
      { verbs: ['list', 'watch'], apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'] },
    ]),
    clusterBinding('system:coredns', 'system:coredns', [group(NODES_GROUP)]),
  ];
}

/** The Service behind the address that pods are given as their DNS server. */
export function dnsService(cluster: ClusterSettings): WantedObject {
  const port = (name: string, protocol: 'TCP' | 'UDP') => ({ name, port: 53, protocol, targetPort: 53 });
  return {
    resource: SERVICES,
    // the address cannot be changed, and the rest of the spec is the API server's
    fields: [],
    object: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        name: 'kube-dns',
        namespace: SYSTEM,
        labels: {
          'k8s-app': 'kube-dns',
          'kubernetes.io/cluster-service': 'true',
          'kubernetes.io/name': 'CoreDNS',
        },
      },
      spec: { clusterIP: dnsAddress(cluster), ports: [port('dns', 'UDP'), port('dns-tcp', 'TCP')] },
    },
  };
}

function configMap(namespace: string, name: string, data: Record<string, string>): WantedObject {
  return {
    resource: CONFIG_MAPS,
    fields: ['data'],
    object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data },
  };
}

function configReaders(name: string, configMapName: string): readonly WantedObject[] {
  return [role(SYSTEM, name, configMapName), binding(SYSTEM, name, [group(NODE_TOKEN_GROUP), group(NODES_GROUP)])];
}

function role(namespace: string, name: string, configMapName: string): WantedObject {
  return {
    resource: rbac('roles'),
    fields: ['rules'],
    object: {
      apiVersion: `${RBAC}/v1`,
      kind: 'Role',
      metadata: { name, namespace },
      rules: [{ verbs: ['get'], apiGroups: [''], resources: ['configmaps'], resourceNames: [configMapName] }],
    },
  };
}

function binding(namespace: string, name: string, subjects: readonly Subject[]): WantedObject {
  return {
    resource: rbac('rolebindings'),
    fields: ['subjects'],
    object: {
      apiVersion: `${RBAC}/v1`,
      kind: 'RoleBinding',
      metadata: { name, namespace },
      roleRef: { apiGroup: RBAC, kind: 'Role', name },
      subjects,
    },
  };
}

function clusterRole(name: string, rules: readonly PolicyRule[]): WantedObject {
  return {
    resource: rbac('clusterroles'),
    fields: ['rules'],
    object: { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name }, rules },
  };
}

function clusterBinding(name: string, role: string, subjects: readonly Subject[]): WantedObject {
  return {
    resource: rbac('clusterrolebindings'),
    fields: ['subjects'],
    object: {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role },
      subjects,
    },
  };
}

function group(name: string): Subject {
  return { kind: 'Group', name, apiGroup: RBAC };
}
