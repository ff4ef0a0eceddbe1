import type { PodQOSClass, PodStatus } from '../../api/types/gen/core-v1.ts';
import { apiTime, computeContainerStatus } from './container-status.ts';
import { type DecideInput, deadlineOf, decideInit, isFinished } from './decide-container.ts';
import { computeConditions } from './pod-conditions.ts';
import { computePhase } from './pod-phase.ts';

export interface StatusInput extends DecideInput {
  readonly previous: PodStatus | undefined;
  readonly hostIPs: readonly string[];
  readonly runtimeName: string;
  readonly qosClass: PodQOSClass;
  /** The pod is being terminated because it is not wanted any more. */
  readonly terminating: boolean;
}

/** The one author of a pod's status: everything in it follows from what is wanted, what is observed, and what failed. Pure. */
export function computePodStatus(input: StatusInput): PodStatus {
  const { spec } = input.desired.pod;
  const sandbox = input.observed.sandboxes[0];
  const ready = sandbox?.state === 'ready' ? sandbox : undefined;
  const deadline = deadlineOf(input);
  const expired = deadline !== undefined && deadline <= input.now;
  const containerInput = {
    ...input,
    init: decideInit(input, sandbox?.id),
    sandboxId: sandbox?.id,
    ending: input.terminating || expired || isFinished(input),
  };
  const initStatuses = (spec.initContainers ?? []).map(c => computeContainerStatus(containerInput, c, 'init'));
  const appStatuses = spec.containers.map(c => computeContainerStatus(containerInput, c, 'app'));
  const phase = expired ? 'Failed' : computePhase(spec, initStatuses, appStatuses);
  const hostNetwork = spec.hostNetwork === true;
  const ips = hostNetwork ? (sandbox === undefined ? [] : input.hostIPs) : (ready?.ips ?? []);
  const [podIP] = ips;
  const [hostIP] = input.hostIPs;
  const startedAt = input.observed.sandboxes.at(-1)?.createdAt;
  return {
    phase,
    conditions: computeConditions({
      spec,
      phase,
      sandboxReady: ready !== undefined,
      initStatuses,
      appStatuses,
      previous: input.previous?.conditions ?? [],
      now: apiTime(input.now),
    }),
    ...(expired
      ? { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' }
      : {}),
    ...(hostIP === undefined ? {} : { hostIP, hostIPs: input.hostIPs.map(ip => ({ ip })) }),
    ...(podIP === undefined ? {} : { podIP, podIPs: ips.map(ip => ({ ip })) }),
    startTime: input.previous?.startTime ?? apiTime(startedAt ?? input.now),
    ...(initStatuses.length === 0 ? {} : { initContainerStatuses: initStatuses }),
    containerStatuses: appStatuses,
    qosClass: input.qosClass,
  };
}
