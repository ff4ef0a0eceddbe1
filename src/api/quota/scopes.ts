import { qosClass } from '../pod-resources.ts';
import type { GroupResource } from '../status.ts';
import type { PersistentVolumeClaim, Pod, ResourceQuota } from '../types/gen/core-v1.ts';
import type { CountedObject } from './usage.ts';

/** A part of the objects of a namespace, as the scopes of a quota name it. */
interface Scope {
  readonly scopeName: string;
  readonly operator: string;
  readonly values: readonly string[];
}

/** True where a quota's scopes say that it is about the object; without scopes it is about all. */
export function isInScopes({ spec }: ResourceQuota, resource: GroupResource, object: CountedObject): boolean {
  const scopes: readonly Scope[] = [
    ...(spec.scopes ?? []).map(scopeName => ({ scopeName, operator: 'Exists', values: [] })),
    ...(spec.scopeSelector?.matchExpressions ?? []).map(({ values = [], ...scope }) => ({ ...scope, values })),
  ];
  return scopes.every(scope => matches(scope, resource, object));
}

function matches(scope: Scope, { group, resource }: GroupResource, object: CountedObject): boolean {
  if (group !== '') return false;
  if (resource === 'pods') return podMatches(scope, object as Pod);
  return resource === 'persistentvolumeclaims' && claimMatches(scope, object as PersistentVolumeClaim);
}

/** True for a pod that ends by itself after a time. */
export function isTerminating({ spec }: Pod): boolean {
  return (spec.activeDeadlineSeconds ?? -1) >= 0;
}

function podMatches(scope: Scope, pod: Pod): boolean {
  switch (scope.scopeName) {
    case 'Terminating':
      return isTerminating(pod);
    case 'NotTerminating':
      return !isTerminating(pod);
    case 'BestEffort':
      return qosClass(pod) === 'BestEffort';
    case 'NotBestEffort':
      return qosClass(pod) !== 'BestEffort';
    case 'PriorityClass': {
      const name = pod.spec.priorityClassName ?? '';
      return selects(scope, name === '' ? [] : [name]);
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

/** By the classes that a claim has, gets or asks for. */
function claimMatches(scope: Scope, { spec, status }: PersistentVolumeClaim): boolean {
  if (scope.scopeName !== 'VolumeAttributesClass') return false;
  const names = [
    spec.volumeAttributesClassName,
    status.currentVolumeAttributesClassName,
    status.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ].filter(name => name !== undefined && name !== '');
  return selects(scope, names as readonly string[]);
}

/** A selector over names of which an object has some; one that matches is enough. */
function selects({ operator, values }: Scope, names: readonly string[]): boolean {
  switch (operator) {
    case 'In':
      return names.some(name => values.includes(name));
    case 'NotIn':
      return names.length === 0 || names.some(name => !values.includes(name));
    case 'Exists':
      return names.length > 0;
    default:
      return names.length === 0;
  }
}
