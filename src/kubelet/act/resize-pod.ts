import { qosClass } from '../../api/pod-resources.ts';
import { isNotFound, isUnimplemented } from '../../base/errors.ts';
import { type CgroupResources, updateCgroup } from '../../linux/cgroup.ts';
import { readCgroupUsage } from '../../linux/cgroup-reading.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import { containerResources } from '../resources/container-resources.ts';
import { podCgroup, podCgroupResources } from '../resources/pod-cgroup.ts';
import { sandboxResources } from '../resources/sandbox-resources.ts';
import type { KubeletSettings } from '../settings.ts';
import type { ActTools } from './pod-task.ts';
import { containerNamed } from './start-container.ts';

/**
 * Gives running containers what the pod asks for now. The group around them is widened first and narrowed later (`settleGroup`): the kernel lets no group of
 * cgroup v1 have more CPU time than the one around it. Safe to repeat.
 */
export async function resizeContainers(
  { runtime, settings }: Pick<ActTools, 'runtime' | 'settings'>,
  pod: DesiredPod,
  containers: readonly { readonly name: string; readonly id: string }[],
  sandboxId: string,
  signal: AbortSignal,
): Promise<void> {
  const path = groupOf(settings, pod);
  updateCgroup(path, widened(wantedOf(settings, pod), readCgroupUsage(path).memory?.limit));
  faultPoint('pod-resize/group-widened');
  await runtime
    .updateSandboxResources(sandboxId, sandboxResources(pod.pod, settings.cgroups), signal)
    .catch((error: unknown) => {
      // who does not know this call has no use for it
      if (!isUnimplemented(error) && !isNotFound(error)) throw error;
    });
  const qos = qosClass(pod.pod);
  for (const { name, id } of containers) {
    const wanted = containerResources(pod.pod, containerNamed(pod, name), qos, settings.capacity, settings.cgroups);
    // nothing leaves a limit as it was: one that the pod does not have is lifted
    const limits = wanted.cpuQuota === 0n ? { ...wanted, cpuQuota: -1n } : wanted;
    await runtime.updateContainer(id, limits, signal);
    faultPoint('pod-resize/container-resized');
  }
}

/** The pod's own limits, exactly, once its containers have theirs. Safe to repeat. */
export function settleGroup({ settings }: Pick<ActTools, 'settings'>, pod: DesiredPod): void {
  const { cpuQuotaUs = -1, memoryLimitBytes = -1, ...others } = wantedOf(settings, pod);
  updateCgroup(groupOf(settings, pod), { ...others, cpuQuotaUs, memoryLimitBytes });
}

function groupOf({ cgroups }: KubeletSettings, { uid, pod }: DesiredPod): string {
  return podCgroup(cgroups.root, qosClass(pod), uid);
}

function wantedOf({ cgroups }: KubeletSettings, { pod }: DesiredPod): CgroupResources {
  return podCgroupResources(pod, qosClass(pod), cgroups);
}

/** Limits that hold what the containers have together with what they are about to get. */
function widened(wanted: CgroupResources, memoryNow: number | undefined): CgroupResources {
  const { memoryLimitBytes } = wanted;
  return {
    ...wanted,
    cpuQuotaUs: -1,
    memoryLimitBytes:
      memoryLimitBytes === undefined || memoryNow === undefined ? -1 : Math.max(memoryLimitBytes, memoryNow),
  };
}
