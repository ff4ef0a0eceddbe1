import { isSidecar } from '../../api/pod-resources.ts';
import type {
  Container,
  ContainerState,
  ContainerStatus,
  ContainerUser,
  PodStatus,
  ResourceRequirements,
  VolumeMount,
  VolumeMountStatus,
} from '../../api/types/gen/core-v1.ts';
import { newestContainer, type ObservedContainer } from '../observed/observed-pod.ts';
import { type ContainerRole, type DecideInput, decideContainer, type InitProgress } from './decide-container.ts';
import { neededImages } from './needed-images.ts';
import { type ImageState, imageOf, POD, pullBackoffShownAt } from './pod-memory.ts';
import { isReady, isStarted } from './probe-verdicts.ts';
import { decideResize, givenTo } from './resize.ts';

/** RFC 3339 in whole seconds, as API times are written. */
export function apiTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

export interface ContainerStatusInput extends DecideInput {
  readonly init: InitProgress;
  readonly sandboxId: string | undefined;
  /** The prefix of container ids: the runtime's name. */
  readonly runtimeName: string;
  /** The pod is being ended: nothing waits any more for a start. */
  readonly ending: boolean;
  /** What was told of the containers before. */
  readonly told: readonly ContainerStatus[];
  readonly previous: PodStatus | undefined;
}

/** The status of one container: its state now, how its predecessor ended, and why it waits when it does. */
export function computeContainerStatus(
  input: ContainerStatusInput,
  container: Container,
  role: ContainerRole,
): ContainerStatus {
  const newest = newestContainer(input.observed, container.name);
  const told = input.ending && newest === undefined ? input.told.find(s => s.name === container.name) : undefined;
  if (told !== undefined) return endedStatus(told);
  const previous = input.observed.containers.find(
    c => c.name === container.name && c.state === 'exited' && c.id !== newest?.id,
  );
  const state = computeState(input, container, role, newest);
  const lastDead = state.terminated === undefined && newest?.state === 'exited' ? newest : previous;
  const running = state.running !== undefined && newest !== undefined;
  const initDone = role === 'init' && !isSidecar(container) && state.terminated?.exitCode === 0;
  return {
    name: container.name,
    state,
    lastState: lastDead === undefined ? toldLastState(input, newest) : { terminated: terminated(input, lastDead) },
    ready: running ? (role === 'app' || isSidecar(container)) && isReady(container, newest.id, input.probed) : initDone,
    // upstream says of ephemeral containers neither that they are ready nor that they have started
    ...(role === 'ephemeral' ? {} : { started: running && isStarted(container, newest.id, input.probed) }),
    restartCount: newest?.restartCount ?? 0,
    image: newest?.image ?? container.image ?? '',
    imageID: newest?.imageId ?? '',
    ...(newest === undefined ? {} : { containerID: containerId(input, newest) }),
    ...(newest === undefined
      ? {}
      : {
          resources: appliedTo(input, container, newest),
          allocatedResources: container.resources?.requests,
          user: toldUser(newest),
        }),
    ...(container.volumeMounts === undefined ? {} : { volumeMounts: container.volumeMounts.map(mountStatus) }),
  };
}

/** What a container has now. */
function appliedTo(input: ContainerStatusInput, container: Container, newest: ObservedContainer): ResourceRequirements {
  if (decideResize(input, container, newest) === 'nothing') return container.resources;
  return givenTo(input, newest) ?? container.resources;
}

/** How the predecessor of a container ended, as it was told while that was kept: of two that are dead the older is removed. */
function toldLastState(input: ContainerStatusInput, newest: ObservedContainer | undefined): ContainerState {
  if (newest === undefined) return {};
  const id = containerId(input, newest);
  const last = input.told.find(s => s.containerID === id)?.lastState ?? {};
  return last.terminated?.containerID === id ? {} : last;
}

function toldUser({ user }: ObservedContainer): ContainerUser | undefined {
  return user === undefined ? undefined : { linux: user };
}

/** What upstream tells of a mount. Whether it is read-only all the way down is said of read-only ones alone. */
function mountStatus({ name, mountPath, readOnly, recursiveReadOnly }: VolumeMount): VolumeMountStatus {
  if (readOnly !== true) return { name, mountPath };
  return { name, mountPath, readOnly, recursiveReadOnly: recursiveReadOnly === 'Enabled' ? 'Enabled' : 'Disabled' };
}

/** A container of which nothing is left, by what was told of it while it was there. */
function endedStatus(told: ContainerStatus): ContainerStatus {
  if (told.state.running === undefined) return told;
  return { ...told, ready: false, started: false, state: { terminated: NOT_LOCATED } };
}

const NOT_LOCATED = {
  exitCode: 137,
  reason: 'ContainerStatusUnknown',
  message: 'The container could not be located when the pod was terminated',
};

function computeState(
  input: ContainerStatusInput,
  container: Container,
  role: ContainerRole,
  newest: ObservedContainer | undefined,
): ContainerState {
  if (newest?.state === 'running') return { running: { startedAt: apiTime(newest.startedAt) } };
  if (input.ending) {
    if (newest?.state === 'exited') return { terminated: terminated(input, newest) };
    return newest === undefined ? { waiting: { reason: 'ContainerCreating' } } : { terminated: NOT_LOCATED };
  }
  const decision = decideContainer(input, container, role, input.sandboxId);
  if (newest?.state === 'exited' && decision.do === 'nothing') return { terminated: terminated(input, newest) };
  if (decision.do === 'wait') return { waiting: { reason: decision.reason, message: decision.message } };
  const waiting = waitingReason(input, container);
  if (waiting !== undefined) return { waiting };
  if (newest?.state === 'exited') return { terminated: terminated(input, newest) };
  const initialising = role === 'app' && input.init.state !== 'done';
  return { waiting: { reason: initialising || hasInit(input) ? 'PodInitializing' : 'ContainerCreating' } };
}

function hasInit(input: ContainerStatusInput): boolean {
  return (input.desired.pod.spec.initContainers ?? []).length > 0;
}

/** A failed step explains why a container waits: its own first, then an image that it needs, then what failed for the whole pod. */
function waitingReason(
  input: ContainerStatusInput,
  container: Container,
): { readonly reason: string; readonly message: string } | undefined {
  const own = input.memory.failures.get(container.name);
  if (own !== undefined) return { reason: own.reason, message: own.message };
  for (const needed of neededImages(input.desired.pod.spec, container)) {
    const image = imageOf(input.memory, needed);
    if (image?.state === 'failed') return imageReason(image, input.now);
  }
  // upstream says that with events alone, and there are none without an API server
  const pod = input.desired.source === 'api' ? undefined : input.memory.failures.get(POD);
  return pod === undefined ? undefined : { reason: pod.reason, message: pod.message };
}

/** A failed pull is told as it failed, and after a moment as the back-off that it is in (upstream shows both in turn). */
function imageReason(
  failed: Extract<ImageState, { readonly state: 'failed' }>,
  now: number,
): { readonly reason: string; readonly message: string } {
  const { reason, message } = failed;
  if (now < pullBackoffShownAt(failed) || !PULL_FAILURES.has(reason)) return { reason, message };
  return {
    reason: 'ImagePullBackOff',
    message: `Back-off pulling image "${failed.of}": ${reason}: ${message}`,
  };
}

const PULL_FAILURES = new Set(['ErrImagePull', 'RegistryUnavailable', 'SignatureValidationFailed']);

function terminated(input: ContainerStatusInput, c: ObservedContainer): NonNullable<ContainerState['terminated']> {
  return {
    exitCode: c.exitCode,
    reason: c.reason !== '' ? c.reason : c.exitCode === 0 ? 'Completed' : 'Error',
    ...(c.message === '' ? {} : { message: c.message }),
    ...(c.startedAt === 0 ? {} : { startedAt: apiTime(c.startedAt) }),
    ...(c.finishedAt === 0 ? {} : { finishedAt: apiTime(c.finishedAt) }),
    containerID: containerId(input, c),
  };
}

function containerId(input: ContainerStatusInput, c: ObservedContainer): string {
  return `${input.runtimeName}://${c.id}`;
}
