import type { DesiredPod } from '../desired/desired-pod.ts';
import { podDir } from '../pod-paths.ts';
import { podLimits } from '../resources/pod-requirements.ts';
import type { KubeletSettings } from '../settings.ts';
import { planVolumes, type VolumeStep } from '../volumes/plan.ts';

/** The volumes of a pod on this node. One in memory may take as much as the pod may, or all pods together. */
export function volumesOf(settings: KubeletSettings, pod: DesiredPod): readonly VolumeStep[] {
  const { memoryBytes } = podLimits(pod.pod);
  const { memoryBytes: allocatable } = settings.allocatable;
  return planVolumes(pod.pod.spec, podDir(settings, pod.uid), {
    memoryBytes: memoryBytes !== undefined && memoryBytes > 0 ? Math.min(memoryBytes, allocatable) : allocatable,
  });
}
