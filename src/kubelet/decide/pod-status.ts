import { qosClass } from '../../api/pod-resources.ts';
import type {
  ContainerState,
  ContainerStatus,
  Pod,
  PodCondition,
  PodPhase,
  PodQOSClass,
  PodStatus,
} from '../../api/types/gen/core-v1.ts';
import type { Rejection } from './admit-pod.ts';
import { apiTime, computeContainerStatus } from './container-status.ts';
import { type DecideInput, deadlineOf, decideInit, isFinished } from './decide-container.ts';
import { computeConditions, type ResizeProgress } from './pod-conditions.ts';
import { RESIZE } from './pod-memory.ts';
import { computePhase } from './pod-phase.ts';
import { isResizing, podSize } from './resize.ts';

export interface StatusInput extends DecideInput {
  readonly previous: PodStatus | undefined;
  readonly hostIPs: readonly string[];
  readonly runtimeName: string;
  readonly qosClass: PodQOSClass;
  /** The pod is being terminated because it is not wanted any more. */
  readonly terminating: boolean;
  /** It is, because the machine goes down. */
  readonly shutdown?: boolean;
}

/** Upstream's words for a pod that ends with its machine. */
const SHUTDOWN_REASON = 'Terminated';
const SHUTDOWN_MESSAGE = 'Pod was terminated in response to imminent node shutdown.';

/** The one author of a pod's status: everything in it follows from what is wanted, what is observed, and what failed. Pure. */
export function computePodStatus(input: StatusInput): PodStatus {
  const { observed, desired, previous } = input;
  // of what was rejected, or was taken away after its end, nothing more can be learnt
  const nothing = observed.sandboxes.length + observed.containers.length === 0;
  if (desired.finished === true && nothing && previous !== undefined) return previous;
  const { spec } = input.desired.pod;
  const sandbox = input.observed.sandboxes[0];
  const ready = sandbox?.state === 'ready' ? sandbox : undefined;
  const deadline = deadlineOf(input);
  const expired = deadline !== undefined && deadline <= input.now;
  const finished = input.desired.finished === true;
  const containerInput = {
    ...input,
    init: decideInit(input, sandbox?.id),
    sandboxId: sandbox?.id,
    ending: input.terminating || expired || finished || isFinished(input),
    told: [
      ...(input.previous?.initContainerStatuses ?? []),
      ...(input.previous?.containerStatuses ?? []),
      ...(input.previous?.ephemeralContainerStatuses ?? []),
    ],
  };
  const initStatuses = (spec.initContainers ?? []).map(c => computeContainerStatus(containerInput, c, 'init'));
  const appStatuses = spec.containers.map(c => computeContainerStatus(containerInput, c, 'app'));
  const ephemeralStatuses = (spec.ephemeralContainers ?? []).map(c =>
    computeContainerStatus(containerInput, c, 'ephemeral'),
  );
  const outcome = input.previous?.phase;
  // what has ended has ended, even if nothing is left from which that could be seen
  const ended = outcome === 'Succeeded' || outcome === 'Failed' ? outcome : undefined;
  const deleted = input.terminating && input.desired.source === 'api';
  // whatever its containers ended with: it is to be made anew
  const shutDown = ended === undefined && input.shutdown === true;
  const reached = ended ?? (shutDown || expired ? 'Failed' : computePhase(spec, initStatuses, appStatuses, deleted));
  const phase = settledPhase(input, reached);
  const hostNetwork = spec.hostNetwork === true;
  // a pod that has ended keeps the address that it had
  const own = ready === undefined ? (previous?.podIPs ?? []).flatMap(each => each.ip ?? []) : ready.ips;
  const ips = hostNetwork ? (sandbox === undefined ? [] : input.hostIPs) : own;
  const [podIP] = ips;
  const [hostIP] = input.hostIPs;
  const startedAt = input.observed.sandboxes.at(-1)?.createdAt;
  const count = spec.containers.length + (spec.initContainers ?? []).length + (spec.ephemeralContainers ?? []).length;
  const shorten = (status: ContainerStatus): ContainerStatus =>
    withShortMessages(status, Math.floor(MAX_MESSAGE_BYTES / count));
  const { generation } = input.desired.pod.metadata;
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase,
    conditions: [
      ...computeConditions({
        spec,
        generation,
        phase,
        sandboxReady: ready !== undefined,
        initStatuses,
        appStatuses,
        resize: resizeOf(input),
        previous: input.previous?.conditions ?? [],
        gates: input.desired.pod.status?.conditions ?? [],
        now: apiTime(input.now),
      }),
      ...(input.shutdown === true ? [disruption(generation, input.previous, apiTime(input.now))] : []),
    ],
    ...(ended !== undefined
      ? outcomeText(input.previous)
      : shutDown
        ? { reason: SHUTDOWN_REASON, message: SHUTDOWN_MESSAGE }
        : expired
          ? { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' }
          : {}),
    ...(hostIP === undefined ? {} : { hostIP, hostIPs: input.hostIPs.map(ip => ({ ip })) }),
    ...(podIP === undefined ? {} : { podIP, podIPs: ips.map(ip => ({ ip })) }),
    startTime: input.previous?.startTime ?? apiTime(startedAt ?? input.now),
    ...(initStatuses.length === 0 ? {} : { initContainerStatuses: initStatuses.map(shorten) }),
    // as upstream tells them: those of init containers in their order, these by name
    containerStatuses: appStatuses.map(shorten).sort(byName),
    ...(ephemeralStatuses.length === 0
      ? {}
      : { ephemeralContainerStatuses: ephemeralStatuses.map(shorten).sort(byName) }),
    qosClass: input.qosClass,
  };
}

/** What says that a pod ends for the sake of its machine, and not by a fault of its own. */
function disruption(generation: number | undefined, previous: PodStatus | undefined, now: string): PodCondition {
  const type = 'DisruptionTarget';
  const before = previous?.conditions?.find(each => each.type === type && each.status === 'True');
  return {
    type,
    status: 'True',
    reason: 'TerminationByKubelet',
    message: SHUTDOWN_MESSAGE,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    lastTransitionTime: before?.lastTransitionTime ?? now,
  };
}

/** How far a resize is that the pod asks for. */
function resizeOf(input: StatusInput): ResizeProgress {
  const { memory, desired } = input;
  const failure = memory.failures.get(RESIZE);
  // all containers have what they get, and the group around them cannot
  const isUnsettled = failure?.action === 'settle-group' && memory.groupSize !== podSize(desired.pod);
  return {
    pending: input.desired.resizePending,
    inProgress: !input.terminating && (isResizing(input) || isUnsettled) ? { error: failure?.message } : undefined,
  };
}

const byName = (a: ContainerStatus, b: ContainerStatus): number => (a.name < b.name ? -1 : 1);

/** The status of a pod that this node does not take. */
export function rejectedStatus(pod: Pod, { reason, message }: Rejection, now: number): PodStatus {
  const { generation } = pod.metadata;
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase: 'Failed',
    reason,
    message: `Pod was rejected: ${message}`,
    startTime: pod.status?.startTime ?? apiTime(now),
    qosClass: qosClass(pod),
  };
}

/** Upstream's: what the containers of a pod have left to say is shared among them. */
const MAX_MESSAGE_BYTES = 12 * 1024;

function withShortMessages(status: ContainerStatus, maxBytes: number): ContainerStatus {
  const shorten = (state: ContainerState): ContainerState => {
    const message = state.terminated?.message;
    if (state.terminated === undefined || message === undefined || Buffer.byteLength(message) <= maxBytes) return state;
    return {
      ...state,
      terminated: { ...state.terminated, message: Buffer.from(message).toString('utf8', 0, maxBytes) },
    };
  };
  return { ...status, state: shorten(status.state), lastState: shorten(status.lastState) };
}

/** The API server's clients may take what a pod held as free once it has ended: it has not while anything of it can still run. */
function settledPhase({ desired, observed, previous }: StatusInput, reached: PodPhase): PodPhase {
  if (desired.source === 'file' || (reached !== 'Succeeded' && reached !== 'Failed')) return reached;
  if (!observed.containers.some(c => c.state === 'running' || c.state === 'unknown')) return reached;
  return previous?.phase ?? 'Running';
}

/** Why the pod ended as it did, as that was told before. */
function outcomeText(previous: PodStatus | undefined): Pick<PodStatus, 'reason' | 'message'> {
  return {
    ...(previous?.reason === undefined ? {} : { reason: previous.reason }),
    ...(previous?.message === undefined ? {} : { message: previous.message }),
  };
}
