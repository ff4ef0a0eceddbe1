import type { ContainerStatus, Pod } from '../../../api/types/gen/core-v1.ts';
import { badRequest, missing } from '../refusal.ts';

/** The id, with its scheme, of the container whose log is meant. Throws upstream's refusals where there is none yet, or none any more. Pure. */
export function logContainerId(pod: Pod, container: string, previous: boolean): string {
  const { name = '' } = pod.metadata;
  const { initContainers = [], containers, ephemeralContainers = [] } = pod.spec;
  if (![...initContainers, ...containers, ...ephemeralContainers].some(c => c.name === container))
    throw missing(`container ${JSON.stringify(container)} not found in pod ${JSON.stringify(name)}`);
  const what = `container ${JSON.stringify(container)} in pod ${JSON.stringify(name)}`;
  const status = statusOf(pod, container);
  if (status === undefined) throw badRequest(`${what} is not available`);
  return idOf(status, previous, what);
}

function statusOf({ status }: Pod, container: string): ContainerStatus | undefined {
  const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = status ?? {};
  return [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].find(
    c => c.name === container,
  );
}

function idOf({ state, lastState, containerID = '' }: ContainerStatus, previous: boolean, what: string): string {
  const last = lastState.terminated?.containerID ?? '';
  if (previous) {
    if (last === '') throw badRequest(`previous terminated ${what} not found`);
    return last;
  }
  if (state.running !== undefined) return containerID;
  if (state.terminated !== undefined || lastState.terminated !== undefined) {
    const id = (state.terminated?.containerID ?? '') || last;
    if (id === '') throw badRequest(`${what} is terminated`);
    return id;
  }
  switch (state.waiting?.reason) {
    case undefined:
      throw badRequest(`${what} is waiting to start - no logs yet`);
    case 'ErrImagePull':
      throw badRequest(`${what} is waiting to start: image can't be pulled`);
    case 'ImagePullBackOff':
      throw badRequest(`${what} is waiting to start: trying and failing to pull image`);
    default:
      throw badRequest(`${what} is waiting to start: ${state.waiting?.reason}`);
  }
}
