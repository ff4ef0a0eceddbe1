import { goQuote } from '../../../api/go-quote.ts';
import { equalValues } from '../../../api/semantic-equal.ts';
import type { Node } from '../../../api/types/gen/core-v1.ts';
import { ALLOW, type Decision, deny, type WriteRequest } from '../admission.ts';

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
];

/** What a kubelet may write of nodes: its own, without what would draw others' pods to it. */
export function decideNodeObject(request: WriteRequest, nodeName: string): Decision {
  const quoted = goQuote(nodeName);
  const requested = request.operation === 'CREATE' ? (request.object?.metadata.name ?? '') : request.name;
  if (requested !== nodeName)
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
  const isIn = (own: string): boolean => domain === own || domain.endsWith(`.${own}`);
  if (isIn('node-restriction.kubernetes.io')) return true;
  if (!isIn('kubernetes.io') && !isIn('k8s.io')) return false;
  return !OWN_LABELS.includes(key) && !isIn('kubelet.kubernetes.io') && !isIn('node.kubernetes.io');
}
