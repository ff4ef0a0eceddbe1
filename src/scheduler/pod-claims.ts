import type { Pod, Volume } from '../api/types/gen/core-v1.ts';

/** The claim that a volume stands for; undefined for volumes without one. */
export function claimOf(volume: Volume, pod: Pod): string | undefined {
  if (volume.persistentVolumeClaim !== undefined) return volume.persistentVolumeClaim.claimName;
  return volume.ephemeral === undefined ? undefined : `${pod.metadata.name}-${volume.name}`;
}
