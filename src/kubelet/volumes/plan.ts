import { quantityValue } from '../../api/quantity.ts';
import type { HostPathType, PodSpec, Volume } from '../../api/types/gen/core-v1.ts';

/** What has to be there before a container can mount a volume. */
export type VolumeStep =
  | {
      readonly kind: 'empty-dir';
      readonly volume: string;
      readonly path: string;
      /** Undefined is the disk under the pod's directory. */
      readonly tmpfs: { readonly sizeBytes: number | undefined } | undefined;
      /** Group that owns the directory, from the pod's fsGroup. */
      readonly group: number | undefined;
    }
  | { readonly kind: 'host-path'; readonly volume: string; readonly path: string; readonly type: HostPathType }
  | { readonly kind: 'unsupported'; readonly volume: string; readonly because: string };

/** `/var/lib/kubelet/pods/<uid>/volumes/kubernetes.io~empty-dir/<name>`, as upstream lays it out. */
export function emptyDirPath(podDir: string, volume: string): string {
  return `${podDir}/volumes/kubernetes.io~empty-dir/${volume}`;
}

/** The step for each volume of the pod, in order. Pure. */
export function planVolumes(spec: PodSpec, podDir: string): readonly VolumeStep[] {
  return (spec.volumes ?? []).map(volume => planVolume(spec, volume, podDir));
}

function planVolume(spec: PodSpec, volume: Volume, podDir: string): VolumeStep {
  if (volume.emptyDir !== undefined) {
    const { medium = '', sizeLimit } = volume.emptyDir;
    if (medium !== '' && medium !== 'Memory')
      return unsupported(volume, `emptyDir medium "${medium}" is not supported`);
    const limit = sizeLimit === undefined ? 0 : quantityValue(sizeLimit);
    return {
      kind: 'empty-dir',
      volume: volume.name,
      path: emptyDirPath(podDir, volume.name),
      tmpfs: medium === 'Memory' ? { sizeBytes: limit > 0 ? limit : undefined } : undefined,
      group: spec.securityContext?.fsGroup,
    };
  }
  if (volume.hostPath !== undefined)
    return { kind: 'host-path', volume: volume.name, path: volume.hostPath.path, type: volume.hostPath.type ?? '' };
  const type =
    Object.entries(volume).find(([key, value]) => key !== 'name' && value !== undefined)?.[0] ?? 'of no type';
  return unsupported(volume, `volume type ${type} is not supported for pods from files; emptyDir and hostPath are`);
}

function unsupported(volume: Volume, because: string): VolumeStep {
  return { kind: 'unsupported', volume: volume.name, because: `volume "${volume.name}": ${because}` };
}

/** Where on the node the content of a mounted volume is; undefined for a volume that is not there or not supported. */
export function volumeSource(steps: readonly VolumeStep[], volume: string): string | undefined {
  const step = steps.find(s => s.volume === volume);
  return step === undefined || step.kind === 'unsupported' ? undefined : step.path;
}
