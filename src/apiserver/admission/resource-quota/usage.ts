import { podLimits, podRequests, qosClass } from '../../../api/pod-resources.ts';
import type { GroupResource } from '../../../api/status.ts';
import type {
  PersistentVolumeClaim,
  Pod,
  ResourceList,
  ResourceQuota,
  Service,
} from '../../../api/types/gen/core-v1.ts';
import type { ApiObject } from '../../resources/strategy.ts';

const COUNTED = [
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
];

/** What an object uses of every resource that a quota can name. Pure; a pod that has ended uses only its place in the count. */
export function usageOf(resource: GroupResource, object: ApiObject): ResourceList {
  const { group, resource: plural } = resource;
  const usage: Record<string, string> = { [`count/${plural}${group === '' ? '' : `.${group}`}`]: '1' };
  if (group !== '') return usage;
  if (COUNTED.includes(plural)) usage[plural] = '1';
  switch (plural) {
    case 'pods':
      return { ...usage, ...podUsage(object as Pod) };
    case 'services':
      return { ...usage, ...serviceUsage(object as Service) };
    case 'persistentvolumeclaims':
      return { ...usage, ...claimUsage(object as PersistentVolumeClaim) };
    default:
      return usage;
  }
}

/** True for a pod that still counts for compute. */
function isLive({ status }: Pod): boolean {
  return status.phase !== 'Succeeded' && status.phase !== 'Failed';
}

function podUsage(pod: Pod): ResourceList {
  if (!isLive(pod)) return {};
  const usage: Record<string, string> = { pods: '1' };
  for (const [name, amount] of Object.entries(podRequests(pod))) {
    usage[`requests.${name}`] = amount;
    if (['cpu', 'memory', 'ephemeral-storage'].includes(name) || name.startsWith('hugepages-')) usage[name] = amount;
  }
  for (const [name, amount] of Object.entries(podLimits(pod)))
    if (['cpu', 'memory', 'ephemeral-storage'].includes(name)) usage[`limits.${name}`] = amount;
  return usage;
}

function serviceUsage({ spec }: Service): ResourceList {
  const ports = (spec.ports ?? []).length;
  const balanced = spec.type === 'LoadBalancer';
  const named = (spec.ports ?? []).filter(port => (port.nodePort ?? 0) !== 0).length;
  const nodePorts =
    spec.type === 'NodePort' ? ports : !balanced ? 0 : spec.allocateLoadBalancerNodePorts === false ? named : ports;
  return { 'services.nodeports': String(nodePorts), 'services.loadbalancers': balanced ? '1' : '0' };
}

function claimUsage({ spec }: PersistentVolumeClaim): ResourceList {
  const storage = spec.resources.requests?.['storage'];
  const prefix = `${spec.storageClassName ?? ''}.storageclass.storage.k8s.io`;
  const usage: Record<string, string> = storage === undefined ? {} : { 'requests.storage': storage };
  if ((spec.storageClassName ?? '') === '') return usage;
  usage[`${prefix}/persistentvolumeclaims`] = '1';
  if (storage !== undefined) usage[`${prefix}/requests.storage`] = storage;
  return usage;
}

/** True where a quota's scopes say that it is about the object. */
export function quotaMatches({ spec }: ResourceQuota, resource: GroupResource, object: ApiObject): boolean {
  const simple = (spec.scopes ?? []).map(scopeName => ({
    scopeName,
    operator: 'Exists',
    values: [] as readonly string[],
  }));
  const selected = (spec.scopeSelector?.matchExpressions ?? []).map(({ scopeName, operator, values = [] }) => ({
    scopeName,
    operator,
    values,
  }));
  const scopes = [...simple, ...selected];
  if (scopes.length === 0) return true;
  if (resource.group !== '' || resource.resource !== 'pods') return false;
  const pod = object as Pod;
  return scopes.every(({ scopeName, operator, values }) => podInScope(pod, scopeName, operator, values));
}

function podInScope(pod: Pod, scope: string, operator: string, values: readonly string[]): boolean {
  switch (scope) {
    case 'Terminating':
      return (pod.spec.activeDeadlineSeconds ?? -1) >= 0;
    case 'NotTerminating':
      return (pod.spec.activeDeadlineSeconds ?? -1) < 0;
    case 'BestEffort':
      return qosClass(pod) === 'BestEffort';
    case 'NotBestEffort':
      return qosClass(pod) !== 'BestEffort';
    case 'PriorityClass': {
      const name = pod.spec.priorityClassName ?? '';
      if (operator === 'In') return values.includes(name);
      if (operator === 'NotIn') return !values.includes(name);
      return operator === 'Exists' ? name !== '' : name === '';
    }
    case 'CrossNamespacePodAffinity': {
      const terms = [pod.spec.affinity?.podAffinity, pod.spec.affinity?.podAntiAffinity].flatMap(affinity => [
        ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
        ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(term => term.podAffinityTerm),
      ]);
      return terms.some(term => (term.namespaces ?? []).length > 0 || term.namespaceSelector !== undefined);
    }
    default:
      return false;
  }
}
