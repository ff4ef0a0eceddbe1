import { addQuantities, maxQuantity, parseQuantity } from './quantity.ts';
import type { Container, Pod, PodSpec, ResourceList } from './types/gen/core-v1.ts';

/** What a pod asks for as a whole, and the class of service that follows from it. Pure. */

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

type Side = 'requests' | 'limits';

/** By which resources of its containers a pod is counted: what is asked for, or that and what they have while they are resized, whichever is more. */
export type ResourceSource = 'spec' | 'spec-and-status';

/** An init container that keeps running beside the pod's containers. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

/** True for what may be set in `spec.resources` of a pod: cpu, memory and huge pages. */
export function isPodLevelResource(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');
}

/**
 * The sum of one side of the containers' resources: all containers and sidecars together, or the largest init container
 * with the sidecars that start before it, whichever is more.
 */
export function aggregateContainers(
  spec: PodSpec,
  side: Side,
  ofContainer = (container: Container) => container.resources[side],
): ResourceList {
  const total: Record<string, string> = {};
  for (const container of spec.containers) addTo(total, ofContainer(container));
  const sidecars: Record<string, string> = {};
  const init: Record<string, string> = {};
  for (const container of spec.initContainers ?? []) {
    const own = ofContainer(container);
    if (isSidecar(container)) {
      addTo(total, own);
      addTo(sidecars, own);
      raiseTo(init, sidecars);
    } else {
      const during = { ...sidecars };
      addTo(during, own);
      raiseTo(init, during);
    }
  }
  raiseTo(total, init);
  return total;
}

/**
 * The pod's requests: those of `spec.resources` where given, else of its containers; with the overhead. `unset` is what a container counts for that says
 * nothing of a resource.
 */
export function podRequests(pod: Pod, source: ResourceSource = 'spec', unset?: ResourceList): ResourceList {
  const total: Record<string, string> = { ...ofContainers(pod, 'requests', source, unset) };
  for (const [name, quantity] of Object.entries(pod.spec.resources?.requests ?? {}))
    if (isPodLevelResource(name)) total[name] = quantity;
  addTo(total, pod.spec.overhead);
  return total;
}

/** The pod's limits. The overhead is added only to what is limited at all. */
export function podLimits(pod: Pod, source: ResourceSource = 'spec'): ResourceList {
  const total: Record<string, string> = { ...ofContainers(pod, 'limits', source) };
  for (const [name, quantity] of Object.entries(pod.spec.resources?.limits ?? {}))
    if (isPodLevelResource(name)) total[name] = quantity;
  for (const [name, quantity] of Object.entries(pod.spec.overhead ?? {})) {
    const limit = total[name];
    if (limit !== undefined && !isZero(limit)) total[name] = addQuantities(limit, quantity);
  }
  return total;
}

function ofContainers(pod: Pod, side: Side, source: ResourceSource, unset?: ResourceList): ResourceList {
  const complete = (list: ResourceList | undefined): ResourceList | undefined =>
    unset === undefined ? list : { ...unset, ...list };
  if (source === 'spec') return aggregateContainers(pod.spec, side, each => complete(each.resources[side]));
  const { conditions = [], containerStatuses = [], initContainerStatuses = [] } = pod.status;
  // what a node will never give is not counted
  const isRefused = conditions.find(({ type }) => type === 'PodResizePending')?.reason === 'Infeasible';
  const statuses = new Map([...containerStatuses, ...initContainerStatuses].map(status => [status.name, status]));
  const ended = new Set((pod.spec.initContainers ?? []).filter(each => !isSidecar(each)));
  return aggregateContainers(pod.spec, side, container => {
    const asked = container.resources[side];
    const { resources, allocatedResources } = statuses.get(container.name) ?? {};
    if (resources === undefined || ended.has(container)) return complete(asked);
    const most: Record<string, string> = { ...resources[side] };
    if (side === 'requests') raiseTo(most, allocatedResources ?? {});
    if (!isRefused) raiseTo(most, asked ?? {});
    return complete(most);
  });
}

/** True if every container, sidecar and init container has a limit of a resource; only then is the pod itself limited. */
export function allContainersLimited(spec: PodSpec, resource: string): boolean {
  return [...spec.containers, ...(spec.initContainers ?? [])].every(container => {
    const limit = container.resources.limits?.[resource];
    return limit !== undefined && !isZero(limit);
  });
}

/**
 * The QoS class by cpu and memory: BestEffort where nothing is requested or limited, Guaranteed where everything has both
 * and they are equal, else Burstable. Zero counts as not given. Pod-level resources decide alone where there are any.
 */
export function qosClass(pod: Pod): QosClass {
  const podLevel = pod.spec.resources;
  const parts =
    podLevel !== undefined
      ? [podLevel]
      : [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].map(container => container.resources);
  if (!parts.some(hasComputeResources)) return 'BestEffort';
  const guaranteed = parts.every(part =>
    COMPUTE.every(name => {
      const limit = part.limits?.[name];
      if (limit === undefined || !isPositive(limit)) return false;
      const request = part.requests?.[name];
      return request === undefined || parseQuantity(request).nano === parseQuantity(limit).nano;
    }),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

const COMPUTE = ['cpu', 'memory'] as const;

function hasComputeResources(part: {
  readonly requests?: ResourceList | undefined;
  readonly limits?: ResourceList | undefined;
}): boolean {
  return COMPUTE.some(name =>
    [part.requests?.[name], part.limits?.[name]].some(quantity => quantity !== undefined && isPositive(quantity)),
  );
}

function isPositive(quantity: string): boolean {
  return parseQuantity(quantity).nano > 0n;
}

function isZero(quantity: string): boolean {
  return parseQuantity(quantity).nano === 0n;
}

function addTo(total: Record<string, string>, list: ResourceList | undefined): void {
  for (const [name, quantity] of Object.entries(list ?? {})) {
    const before = total[name];
    total[name] = before === undefined ? quantity : addQuantities(before, quantity);
  }
}

function raiseTo(total: Record<string, string>, list: ResourceList): void {
  for (const [name, quantity] of Object.entries(list)) {
    const before = total[name];
    total[name] = before === undefined ? quantity : maxQuantity(before, quantity);
  }
}
