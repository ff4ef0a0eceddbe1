import { isPodLevelResource, podRequests } from '../api/pod-resources.ts';
import type { Pod, ResourceList } from '../api/types/gen/core-v1.ts';
import { errorMessage } from '../base/errors.ts';
import { keyOf } from '../client/api-object.ts';
import { type AffinityTerms, affinityTermsOf, NO_TERMS } from './affinity-term.ts';
import { type HostPort, hostPortsOf } from './host-ports.ts';
import { claimOf } from './pod-claims.ts';
import { type ResourceVector, resourceVector } from './resource-vector.ts';

/** What a container counts for, where nodes are compared, that asks for no CPU or memory: upstream's figures. */
const UNSET_REQUESTS: ResourceList = { cpu: '100m', memory: '200Mi' };

/** A pod with what is asked about it again and again, read once. */
export interface PodInfo {
  readonly pod: Pod;
  readonly uid: string;
  /** `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
  readonly priority: number;
  readonly requests: ResourceVector;
  /** Requests with the usual amounts for containers that state none: for scores only. */
  readonly usualRequests: ResourceVector;
  readonly hostPorts: readonly HostPort[];
  readonly terms: AffinityTerms;
  /** Names of claims in its namespace. */
  readonly claims: readonly string[];
  /** Why the affinity of the pod cannot be read, where it cannot. */
  readonly unreadable: string | undefined;
}

/** Reads a pod. Never throws: what cannot be read is told in `unreadable` and counts for nothing. */
export function podInfo(pod: Pod): PodInfo {
  const { uid = '', namespace = '' } = pod.metadata;
  let terms = NO_TERMS;
  let unreadable: string | undefined;
  try {
    terms = affinityTermsOf(pod);
  } catch (error) {
    unreadable = errorMessage(error);
  }
  const requests = podRequests(pod, 'spec-and-status');
  return {
    pod,
    uid,
    key: keyOf(pod),
    namespace,
    priority: pod.spec.priority ?? 0,
    requests: resourceVector(requests),
    usualRequests: resourceVector(podRequests(pod, 'spec-and-status', unsetRequests(pod, requests))),
    hostPorts: hostPortsOf(pod.spec),
    terms,
    claims: claimsOf(pod),
    unreadable,
  };
}

/** A pod that asks for something as a whole asks for what it says, and the usual amounts are for what nobody in it says anything of. */
function unsetRequests({ spec }: Pod, requests: ResourceList): ResourceList {
  if (!Object.keys(spec.resources?.requests ?? {}).some(isPodLevelResource)) return UNSET_REQUESTS;
  return Object.fromEntries(Object.entries(UNSET_REQUESTS).filter(([name]) => requests[name] === undefined));
}

/** True if the pod has affinity of any kind, which makes it count where others are placed. */
export function hasAffinity({ terms }: PodInfo): boolean {
  return terms !== NO_TERMS;
}

/** The claims of a pod, those of its ephemeral volumes by the names that their controller gives them. */
function claimsOf(pod: Pod): readonly string[] {
  return (pod.spec.volumes ?? []).flatMap(volume => claimOf(volume, pod) ?? []);
}
