/**
 * Pods whose containers get other amounts of CPU and memory while they run. What a pod asks for is first allocated, where the node has it, and then carried out. What
 * was allocated and what was carried out stand in the status that this kubelet writes, so that the next one goes on from there.
 */
import type { Container, ContainerStatus, Pod, ResourceRequirements } from '../../api/types/gen/core-v1.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import { newestContainer, type ObservedContainer } from '../observed/observed-pod.ts';
import { amounts, requestsOf } from '../resources/pod-requirements.ts';
import type { DecideInput } from './decide-container.ts';

/** CPU and memory of a container, the same for quantities that are equal. */
export function sizeOf(resources: ResourceRequirements): { readonly cpu: string; readonly memory: string } {
  const requests = requestsOf(resources);
  const limits = amounts(resources.limits);
  return {
    cpu: `${requests.milliCpu ?? 0}/${limits.milliCpu ?? 0}`,
    memory: `${requests.memoryBytes ?? 0}/${limits.memoryBytes ?? 0}`,
  };
}

/** The sizes of everything in a pod that is sized: one text for two pods means the same group of the pod. */
export function podSize({ spec }: Pod): string {
  const size = (resources: ResourceRequirements): string => Object.values(sizeOf(resources)).join();
  return [...(spec.initContainers ?? []), ...spec.containers]
    .map(c => `${c.name}=${size(c.resources)}`)
    .concat(spec.resources === undefined ? [] : [size(spec.resources)])
    .join(' ');
}

/**
 * What a running container was last given: by this kubelet, by the one before as its status says, or when it was made. Undefined where nothing says it, as of
 * a container that an older kubelet made: then it has what it should.
 */
export function givenTo(
  { memory, previous }: Pick<DecideInput, 'memory' | 'previous'>,
  newest: ObservedContainer,
): ResourceRequirements | undefined {
  return memory.given.get(newest.id) ?? toldOf(previous, newest)?.resources ?? newest.resources;
}

function toldOf(previous: DecideInput['previous'], { id, name }: ObservedContainer): ContainerStatus | undefined {
  const all = [...(previous?.initContainerStatuses ?? []), ...(previous?.containerStatuses ?? [])];
  return all.find(status => status.name === name && status.containerID?.endsWith(`://${id}`) === true);
}

/** What is to be done with a container that runs, for it to get what the pod asks for. Its own policy says whether it bears that in place. */
export function decideResize(
  input: Pick<DecideInput, 'memory' | 'previous' | 'desired'>,
  container: Container,
  newest: ObservedContainer,
): 'nothing' | 'in-place' | 'restart' {
  if (input.desired.source !== 'api' || newest.state !== 'running') return 'nothing';
  const given = givenTo(input, newest);
  if (given === undefined) return 'nothing';
  const before = sizeOf(given);
  const after = sizeOf(container.resources);
  const changed = (['cpu', 'memory'] as const).filter(resource => before[resource] !== after[resource]);
  if (changed.length === 0) return 'nothing';
  const restarts = changed.some(resource =>
    (container.resizePolicy ?? []).some(p => p.resourceName === resource && p.restartPolicy === 'RestartContainer'),
  );
  return restarts ? 'restart' : 'in-place';
}

/** A container that gets other limits as it runs: what it was last given, and what it gets. */
export interface ResizedContainer {
  readonly name: string;
  readonly id: string;
  readonly given: ResourceRequirements;
  readonly resources: ResourceRequirements;
}

/** The containers that are to be resized as they run, the smaller sizes first, so that what they give back is there for the others. */
export function inPlaceResizes(input: DecideInput): readonly ResizedContainer[] {
  const { initContainers = [], containers } = input.desired.pod.spec;
  return [...initContainers, ...containers].flatMap(container => {
    const newest = newestContainer(input.observed, container.name);
    if (newest === undefined || decideResize(input, container, newest) !== 'in-place') return [];
    const given = givenTo(input, newest);
    return given === undefined ? [] : [{ name: container.name, id: newest.id, given, resources: container.resources }];
  });
}

/** True while some container has not got what was allocated. */
export function isResizing(input: DecideInput): boolean {
  const { initContainers = [], containers } = input.desired.pod.spec;
  return [...initContainers, ...containers].some(container => {
    const newest = newestContainer(input.observed, container.name);
    return newest !== undefined && decideResize(input, container, newest) !== 'nothing';
  });
}

/** The pod with the sizes of another state of it. */
export function withSizesOf(
  pod: Pod,
  sized: ReadonlyMap<string, ResourceRequirements>,
  whole: Pod['spec']['resources'],
): Pod {
  const resized = (c: Container): Container => ({ ...c, resources: sized.get(c.name) ?? c.resources });
  const { initContainers, containers } = pod.spec;
  return {
    ...pod,
    spec: {
      ...pod.spec,
      ...(whole === undefined ? {} : { resources: whole }),
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map(resized) }),
      containers: containers.map(resized),
    },
  };
}

/** The pod as it was allocated by the kubelet before, by what that told of it; as it is where nothing was told yet. */
export function allocatedBefore(pod: Pod): Pod {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  const sized = new Map<string, ResourceRequirements>();
  for (const { name, allocatedResources, resources } of [...initContainerStatuses, ...containerStatuses])
    if (resources !== undefined)
      sized.set(name, { ...resources, ...(allocatedResources === undefined ? {} : { requests: allocatedResources }) });
  return withSizesOf(pod, sized, undefined);
}

/** The pod with the sizes that it runs with, while those that it asks for cannot be had. */
export function keptAt(
  pod: DesiredPod,
  allocated: Pod,
  reason: 'Deferred' | 'Infeasible',
  message: string,
): DesiredPod {
  const { initContainers = [], containers, resources } = allocated.spec;
  const sized = new Map([...initContainers, ...containers].map(c => [c.name, c.resources]));
  return { ...pod, pod: withSizesOf(pod.pod, sized, resources), resizePending: { reason, message } };
}

/** What events say of a resize: upstream's summary of the sizes that were asked for. */
export function resizeMessage(prefix: string, { metadata, spec }: Pod, error = ''): string {
  const summary = (all: readonly Container[] | undefined) =>
    all === undefined || all.length === 0 ? undefined : all.map(({ name, resources }) => ({ name, resources }));
  const text = JSON.stringify({
    initContainers: summary(spec.initContainers),
    containers: summary(spec.containers),
    generation: metadata.generation,
    ...(error === '' ? {} : { error }),
  });
  return `${prefix}: ${text}`;
}
