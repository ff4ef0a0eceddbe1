import type { LinuxContainerUser, ResourceRequirements } from '../../api/types/gen/core-v1.ts';
import {
  type Container,
  ContainerState,
  type ContainerStatus,
  type PodSandbox,
  PodSandboxState,
  type PodSandboxStatus,
} from '../../rpc/cri-api.ts';
import { ANNOTATION, LABEL } from '../runtime/labels.ts';
import type { ObservedContainer, ObservedContainerState, ObservedSandbox } from './observed-pod.ts';

const milliseconds = (nanoseconds: bigint): number => Number(nanoseconds / 1_000_000n);

export function containerState(state: ContainerState): ObservedContainerState {
  switch (state) {
    case ContainerState.CONTAINER_CREATED:
      return 'created';
    case ContainerState.CONTAINER_RUNNING:
      return 'running';
    case ContainerState.CONTAINER_EXITED:
      return 'exited';
    default:
      return 'unknown';
  }
}

/** `status` is undefined where only the list was read; a dead sandbox needs no more. */
export function observedSandbox(sandbox: PodSandbox, status: PodSandboxStatus | undefined): ObservedSandbox {
  const network = status?.network;
  const ips = [network?.ip ?? '', ...(network?.additionalIps ?? []).map(a => a.ip)].filter(ip => ip !== '');
  return {
    id: sandbox.id,
    attempt: sandbox.metadata?.attempt ?? 0,
    state: sandbox.state === PodSandboxState.SANDBOX_READY ? 'ready' : 'not-ready',
    createdAt: milliseconds(sandbox.createdAt),
    ips,
    annotations: sandbox.annotations,
  };
}

export function observedContainer(
  listed: Container,
  status: ContainerStatus,
  terminationMessage: string,
): ObservedContainer {
  const annotations = status.annotations;
  return {
    id: listed.id,
    sandboxId: listed.podSandboxId,
    name: status.metadata?.name ?? listed.labels[LABEL.containerName] ?? '',
    state: containerState(status.state),
    createdAt: milliseconds(status.createdAt),
    startedAt: milliseconds(status.startedAt),
    finishedAt: milliseconds(status.finishedAt),
    exitCode: status.exitCode,
    reason: status.reason,
    message: [terminationMessage, status.message].filter(t => t !== '').join(': '),
    image: userImage(status),
    imageId: status.imageRef,
    hash: annotations[ANNOTATION.hash] ?? '',
    restartCount: Number(annotations[ANNOTATION.restartCount] ?? status.metadata?.attempt ?? 0),
    graceSeconds: Number(annotations[ANNOTATION.podGracePeriod] ?? -1),
    logPath: status.logPath,
    user: containerUser(status),
    resources: resourcesOf(annotations[ANNOTATION.resources]),
  };
}

/** What somebody else has written there is as good as nothing. */
function resourcesOf(text: string | undefined): ResourceRequirements | undefined {
  try {
    const value: unknown = text === undefined ? undefined : JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as ResourceRequirements) : undefined;
  } catch {
    return undefined;
  }
}

function containerUser({ user }: ContainerStatus): LinuxContainerUser | undefined {
  if (user?.linux === undefined) return undefined;
  const { uid, gid, supplementalGroups } = user.linux;
  return { uid: Number(uid), gid: Number(gid), supplementalGroups: supplementalGroups.map(Number) };
}

/** The name that the pod gave; some runtimes tell only what it was resolved to. */
function userImage({ image }: ContainerStatus): string {
  return image === undefined ? '' : image.userSpecifiedImage !== '' ? image.userSpecifiedImage : image.image;
}

/** Newest first; made in the same millisecond, the later attempt first. */
export function newestFirst<T extends { readonly createdAt: number }>(attempt: (item: T) => number) {
  return (a: T, b: T): number => attempt(b) - attempt(a) || b.createdAt - a.createdAt;
}
