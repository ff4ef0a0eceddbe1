import { isSidecar, podRequests } from '../../api/pod-resources.ts';
import { quantityMilliValue, quantityValue } from '../../api/quantity.ts';
import { requiredNodes } from '../../api/selectors/node-selector.ts';
import { untoleratedTaint } from '../../api/tolerations.ts';
import type { Node, Pod, PodSpec } from '../../api/types/gen/core-v1.ts';

/** Why a pod is not taken, in upstream's words. */
export interface Rejection {
  readonly reason: string;
  readonly message: string;
}

/** Resources that every node has, in the order in which upstream asks for them. */
const STANDARD = ['cpu', 'memory', 'ephemeral-storage'];

/**
 * Whether this node takes a pod that the API server has bound to it: whoever bound it may have known less. `others` are the pods that are here already. Undefined
 * where it is taken. Pure.
 */
export function admitPod(pod: Pod, others: readonly Pod[], node: Node): Rejection | undefined {
  const os = node.metadata.labels?.['kubernetes.io/os'] ?? 'linux';
  const wantedOs = pod.metadata.labels?.['kubernetes.io/os'];
  if (wantedOs !== undefined && wantedOs !== os)
    return {
      reason: 'PodOSSelectorNodeLabelDoesNotMatch',
      message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    };
  if (pod.spec.os !== undefined && pod.spec.os.name !== 'linux')
    return { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" };
  return (
    lacking(pod, others, node) ??
    (requiredNodes(pod.spec)?.matches(node) === false
      ? predicate('NodeAffinity', "node(s) didn't match Pod's node affinity/selector")
      : undefined) ??
    ((pod.spec.nodeName ?? '') !== node.metadata.name
      ? predicate('NodeName', "node(s) didn't match the requested node name")
      : undefined) ??
    (portsTaken(pod.spec, others)
      ? predicate('NodePorts', "node(s) didn't have free ports for the requested pod ports")
      : undefined) ??
    (untoleratedTaint(node.spec?.taints, pod.spec.tolerations, ['NoExecute']) !== undefined
      ? predicate('TaintToleration', "node(s) had taints that the pod didn't tolerate")
      : undefined)
  );
}

/**
 * Why this node cannot give a pod that runs here the amounts that it asks for now: not while the others have theirs, or never. Upstream's words. Undefined where
 * it can. Pure.
 */
export function refuseResize(
  pod: Pod,
  others: readonly Pod[],
  node: Node,
): { readonly reason: 'Deferred' | 'Infeasible'; readonly message: string } | undefined {
  const allocatable = node.status?.allocatable ?? {};
  const requests = podRequests(pod);
  for (const name of ['cpu', 'memory']) {
    const capacity = allocatable[name];
    const requested = amount(name, requests[name]);
    if (capacity !== undefined && requested > amount(name, capacity))
      return {
        reason: 'Infeasible',
        message: `Node didn't have enough capacity: ${name}, requested: ${requested}, capacity: ${amount(name, capacity)}`,
      };
  }
  const rejection = lacking(pod, others, node);
  return rejection === undefined ? undefined : { reason: 'Deferred', message: rejection.message };
}

function predicate(name: string, description: string): Rejection {
  return { reason: name, message: `Predicate ${name} failed: ${description}` };
}

/** The first resource of which there is too little. One that the Node does not tell of is not the kubelet's to judge. */
function lacking(pod: Pod, others: readonly Pod[], node: Node): Rejection | undefined {
  const allocatable = node.status?.allocatable ?? {};
  const places = allocatable['pods'];
  if (places !== undefined && others.length + 1 > quantityValue(places))
    return outOf('pods', 1, others.length, quantityValue(places));
  const requests = podRequests(pod);
  const asked = Object.keys(requests).filter(name => !STANDARD.includes(name));
  for (const name of [...STANDARD, ...asked.sort()]) {
    const capacity = allocatable[name];
    const requested = amount(name, requests[name]);
    if (capacity === undefined || requested === 0) continue;
    const used = others.reduce((sum, other) => sum + amount(name, podRequests(other)[name]), 0);
    if (requested > amount(name, capacity) - used) return outOf(name, requested, used, amount(name, capacity));
  }
  return undefined;
}

/** CPU is counted in thousandths. */
function amount(resource: string, quantity: string | undefined): number {
  if (quantity === undefined) return 0;
  return resource === 'cpu' ? quantityMilliValue(quantity) : quantityValue(quantity);
}

function outOf(resource: string, requested: number, used: number, capacity: number): Rejection {
  return {
    reason: `OutOf${resource}`,
    message: `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
  };
}

interface HostPort {
  readonly ip: string;
  /** `TCP/80`. */
  readonly port: string;
}

const ANY_IP = '0.0.0.0';

/** An address conflicts with itself and with all of them. */
function portsTaken(spec: PodSpec, others: readonly Pod[]): boolean {
  const wanted = hostPorts(spec);
  if (wanted.length === 0) return false;
  const taken = others.flatMap(other => hostPorts(other.spec));
  return wanted.some(a => taken.some(b => a.port === b.port && (a.ip === b.ip || a.ip === ANY_IP || b.ip === ANY_IP)));
}

/** Of what runs for as long as the pod: init containers that end give theirs back. */
function hostPorts(spec: PodSpec): readonly HostPort[] {
  const lasting = [...spec.containers, ...(spec.initContainers ?? []).filter(isSidecar)];
  return lasting.flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort = 0, hostIP = '', protocol = 'TCP' }) =>
      hostPort > 0 ? [{ ip: hostIP === '' ? ANY_IP : hostIP, port: `${protocol}/${hostPort}` }] : [],
    ),
  );
}
