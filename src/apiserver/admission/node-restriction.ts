import { goQuote } from '../../api/go-quote.ts';
import { equalValues } from '../../api/semantic-equal.ts';
import type { Node, Pod } from '../../api/types/gen/core-v1.ts';
import { nodeOf } from '../authn/user.ts';
import { ALLOW, type Decision, deny, type Lister, type WriteRequest } from './admission.ts';
import { apiReference, isMirrorPod } from './mirror-pod.ts';

const PODS = { group: '', resource: 'pods' };
const NODES = { group: '', resource: 'nodes' };
const MIRROR = 'kubernetes.io/config.mirror';
/** Labels of Kubernetes' own domains that a kubelet may give its node. */
const OWN_LABELS = [
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'node.kubernetes.io/windows-build',
];

/** A kubelet writes its own node, its own lease, and the status of pods bound to it. Who is no node is let through. */
export function decideNodeRestriction(request: WriteRequest, lister: Lister): Decision {
  const { isNode, nodeName } = nodeOf(request.user);
  if (!isNode) return ALLOW;
  if (nodeName === '') return deny(request, `could not determine node from user ${goQuote(request.user.name)}`);
  const { group, resource } = request.resource;
  switch (group === '' ? resource : `${resource}.${group}`) {
    case 'pods':
      return podDecision(request, lister, nodeName);
    case 'nodes':
      return nodeDecision(request, nodeName);
    case 'persistentvolumeclaims':
      return request.subresource === 'status' ? ALLOW : deny(request, 'may only update PVC status');
    case 'serviceaccounts':
      return request.subresource === 'token' ? tokenDecision(request, lister, nodeName) : ALLOW;
    case 'leases.coordination.k8s.io': {
      const name = request.object?.metadata.name ?? request.name;
      if (request.namespace !== 'kube-node-lease')
        return deny(request, 'can only access leases in the "kube-node-lease" system namespace');
      return name === nodeName
        ? ALLOW
        : deny(request, 'can only access node lease with the same name as the requesting node');
    }
    default:
      return ALLOW;
  }
}

function podDecision(request: WriteRequest, lister: Lister, nodeName: string): Decision {
  const quoted = goQuote(nodeName);
  const existing = (): Pod | undefined => lister.get(PODS, request.namespace, request.name) as Pod | undefined;
  switch (request.subresource) {
    case '':
      if (request.operation === 'CREATE') return mirrorDecision(request, lister, nodeName);
      if (request.operation === 'DELETE') {
        const pod = (request.oldObject as Pod | undefined) ?? existing();
        return pod === undefined || pod.spec.nodeName === nodeName
          ? ALLOW
          : deny(request, `node ${quoted} can only delete pods with spec.nodeName set to itself`);
      }
      return deny(
        request,
        `unexpected operation ${goQuote(request.operation)}, node ${quoted} can only create and delete mirror pods`,
      );
    case 'status': {
      const old = request.oldObject as Pod | undefined;
      if (old?.spec.nodeName !== nodeName)
        return deny(request, `node ${quoted} can only update pod status for pods with spec.nodeName set to itself`);
      return equalValues(old.metadata.labels, request.object?.metadata.labels)
        ? ALLOW
        : deny(request, `node ${quoted} cannot update labels through pod status`);
    }
    case 'eviction':
      return existing()?.spec.nodeName === nodeName
        ? ALLOW
        : deny(request, `node ${nodeName} can only evict pods with spec.nodeName set to itself`);
    default:
      return deny(
        request,
        `unexpected pod subresource ${goQuote(request.subresource)}, only 'status' and 'eviction' are allowed`,
      );
  }
}

function mirrorDecision(request: WriteRequest, lister: Lister, nodeName: string): Decision {
  const pod = request.object as Pod;
  const quoted = goQuote(nodeName);
  if (!isMirrorPod(pod))
    return deny(request, `pod does not have ${goQuote(MIRROR)} annotation, node ${quoted} can only create mirror pods`);
  if (pod.spec.nodeName !== nodeName)
    return deny(request, `node ${quoted} can only create pods with spec.nodeName set to itself`);
  const reference = apiReference(pod);
  if (reference !== undefined) return deny(request, `node ${quoted} can not create pods that reference ${reference}`);
  const owners = pod.metadata.ownerReferences ?? [];
  const [owner] = owners;
  if (owners.length > 1)
    return deny(request, `node ${quoted} can only create pods with a single owner reference set to itself`);
  if (owner === undefined || owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== nodeName)
    return deny(request, `node ${quoted} can only create pods with an owner reference set to itself`);
  if (owner.controller !== true)
    return deny(request, `node ${quoted} can only create pods with a controller owner reference set to itself`);
  if (owner.blockOwnerDeletion === true)
    return deny(request, `node ${quoted} must not set blockOwnerDeletion on an owner reference`);
  const uid = lister.get(NODES, '', nodeName)?.metadata.uid;
  if (uid === undefined)
    return deny(request, `error looking up node ${nodeName} to verify uid: node "${nodeName}" not found`);
  return uid === owner.uid ? ALLOW : deny(request, `node ${nodeName} UID mismatch: expected ${owner.uid} got ${uid}`);
}

function nodeDecision(request: WriteRequest, nodeName: string): Decision {
  const quoted = goQuote(nodeName);
  const requested = request.object?.metadata.name ?? request.name;
  if (requested !== '' && requested !== nodeName)
    return deny(request, `node ${quoted} is not allowed to modify node ${goQuote(requested)}`);
  const node = request.object as Node | undefined;
  if (node === undefined || request.operation === 'DELETE') return ALLOW;
  const labels = node.metadata.labels ?? {};
  if (request.operation === 'CREATE') {
    if (node.spec.configSource !== undefined)
      return deny(request, `node ${quoted} is not allowed to create pods with a non-nil configSource`);
    const refused = Object.keys(labels).filter(isRestricted).toSorted();
    return refused.length === 0
      ? ALLOW
      : deny(request, `node ${quoted} is not allowed to set the following labels: ${refused.join(', ')}`);
  }
  const old = request.oldObject as Node | undefined;
  if (node.spec.configSource !== undefined && !equalValues(node.spec.configSource, old?.spec.configSource))
    return deny(request, `node ${quoted} is not allowed to update configSource to a new non-nil configSource`);
  if (!equalValues(node.spec.taints, old?.spec.taints))
    return deny(request, `node ${quoted} is not allowed to modify taints`);
  if (!equalValues(node.metadata.ownerReferences, old?.metadata.ownerReferences))
    return deny(request, `node ${quoted} is not allowed to modify ownerReferences`);
  const before = old?.metadata.labels ?? {};
  const changed = [...new Set([...Object.keys(labels), ...Object.keys(before)])]
    .filter(key => labels[key] !== before[key] && isRestricted(key))
    .toSorted();
  return changed.length === 0 ? ALLOW : deny(request, `is not allowed to modify labels: ${changed.join(', ')}`);
}

/** True for labels by which others tell which nodes to trust. */
function isRestricted(key: string): boolean {
  const domain = key.includes('/') ? key.slice(0, key.indexOf('/')) : '';
  if (domain === 'node-restriction.kubernetes.io' || domain.endsWith('.node-restriction.kubernetes.io')) return true;
  const reserved = ['kubernetes.io', 'k8s.io'].some(own => domain === own || domain.endsWith(`.${own}`));
  if (!reserved || OWN_LABELS.includes(key)) return false;
  return !['kubelet.kubernetes.io', 'node.kubernetes.io'].some(own => domain === own || domain.endsWith(`.${own}`));
}

function tokenDecision(request: WriteRequest, lister: Lister, nodeName: string): Decision {
  const { spec } = request.object as unknown as {
    readonly spec: { readonly boundObjectRef?: Readonly<Record<'kind' | 'name' | 'uid' | 'apiVersion', string>> };
  };
  const ref = spec.boundObjectRef;
  if (ref?.kind !== 'Pod' || ref.apiVersion !== 'v1' || ref.name === '')
    return deny(request, 'node requested token not bound to a pod');
  if ((ref.uid ?? '') === '') return deny(request, 'node requested token with a pod binding without a uid');
  const pod = lister.get(PODS, request.namespace, ref.name) as Pod | undefined;
  if (pod === undefined) return deny(request, `pod "${ref.name}" not found`);
  if (pod.metadata.uid !== ref.uid)
    return deny(
      request,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  return pod.spec.nodeName === nodeName
    ? ALLOW
    : deny(request, 'node requested token bound to a pod scheduled on a different node');
}
