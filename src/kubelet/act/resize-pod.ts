import { qosClass } from '../../api/pod-resources.ts';
import { failedPrecondition, internalError, isNotFound, isUnimplemented } from '../../base/errors.ts';
import type { CgroupResources } from '../../linux/cgroup.ts';
import { readCgroupUsage } from '../../linux/cgroup-reading.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import type { ActionOf } from '../decide/actions.ts';
import { isLowered, type MemoryChange, refuseMemoryDecrease } from '../decide/memory-decrease.ts';
import type { ResizedContainer } from '../decide/resize.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import { containerResources } from '../resources/container-resources.ts';
import { podCgroup, podCgroupResources } from '../resources/pod-cgroup.ts';
import { amounts } from '../resources/pod-requirements.ts';
import { sandboxResources } from '../resources/sandbox-resources.ts';
import type { KubeletSettings } from '../settings.ts';
import type { ActTools } from './pod-task.ts';
import { containerNamed } from './start-container.ts';

/**
 * Gives running containers what the pod asks for now. The group around them is widened first and narrowed later (`settleGroup`): the kernel lets no group of
 * cgroup v1 have more CPU time than the one around it. Throws `failed-precondition` before anything is changed where a memory limit would be below what is used. Safe to repeat.
 */
export async function resizeContainers(
  tools: Pick<ActTools, 'runtime' | 'settings' | 'cgroups'>,
  pod: DesiredPod,
  { containers, sandboxId, kills }: ActionOf<'resize-containers'>,
  signal: AbortSignal,
): Promise<void> {
  const { runtime, settings, cgroups } = tools;
  const group = groupOf(settings, pod);
  const lowered = await containerChanges(runtime, pod, containers, sandboxId, signal);
  // what those use that end next is given back: the group is looked at when it is settled
  throwRefusal(refuseMemoryDecrease(kills ? undefined : groupChange(tools, pod), lowered));
  const memoryNow = readCgroupUsage(cgroups.pathOf(group)).memory?.limit;
  await cgroups.update(group, widened(wantedOf(settings, pod), memoryNow), signal);
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

/** The pod's own limits, exactly, once its containers have theirs. Throws `failed-precondition` for a memory limit below what the pod uses. Safe to repeat. */
export async function settleGroup(
  tools: Pick<ActTools, 'settings' | 'cgroups'>,
  pod: DesiredPod,
  signal: AbortSignal,
): Promise<void> {
  const { settings, cgroups } = tools;
  throwRefusal(refuseMemoryDecrease(groupChange(tools, pod), []));
  const { cpuQuotaUs = -1, memoryLimitBytes = -1, ...others } = wantedOf(settings, pod);
  await cgroups.update(groupOf(settings, pod), { ...others, cpuQuotaUs, memoryLimitBytes }, signal);
}

function throwRefusal(refusal: string | undefined): void {
  if (refusal !== undefined) throw failedPrecondition(refusal);
}

function groupChange({ settings, cgroups }: Pick<ActTools, 'settings' | 'cgroups'>, pod: DesiredPod): MemoryChange {
  const memory = readCgroupUsage(cgroups.pathOf(groupOf(settings, pod))).memory;
  return { before: memory?.limit, after: wantedOf(settings, pod).memoryLimitBytes, used: memory?.used };
}

/** Those whose memory limit is lowered; the runtime is asked what they use where there are any. */
async function containerChanges(
  runtime: ActTools['runtime'],
  { uid, pod }: DesiredPod,
  containers: readonly ResizedContainer[],
  sandboxId: string,
  signal: AbortSignal,
): Promise<readonly (MemoryChange & { readonly name: string })[]> {
  const lowered = containers
    .map(({ name, id, given, resources }) => ({ name, id, before: memoryLimit(given), after: memoryLimit(resources) }))
    .filter(isLowered);
  if (lowered.length === 0) return [];
  const all = await runtime.podStats(signal).catch((error: unknown) => {
    const { name, namespace } = pod.metadata;
    throw internalError(`unable to read memory usage for pod "${name}_${namespace}(${uid})"`, { cause: error });
  });
  const stats = all.find(each => each.attributes?.id === sandboxId)?.linux?.containers ?? [];
  return lowered.map(container => {
    const used = stats.find(each => each.attributes?.id === container.id)?.memory?.usageBytes?.value;
    return { ...container, used: used === undefined ? undefined : Number(used) };
  });
}

function memoryLimit(resources: ResizedContainer['given']): number | undefined {
  const { memoryBytes = 0 } = amounts(resources.limits);
  return memoryBytes > 0 ? memoryBytes : undefined;
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
