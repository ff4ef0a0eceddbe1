import { quantityValue } from '../../api/quantity.ts';
import type { HostPathType, PodSpec, Volume, VolumeProjection } from '../../api/types/gen/core-v1.ts';

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
  | FilesStep
  /** The runtime mounts it; what is to be done is the pull (decide/needed-images.ts). */
  | { readonly kind: 'image'; readonly volume: string }
  | { readonly kind: 'unsupported'; readonly volume: string; readonly because: string };

/** A volume of files that the kubelet writes, and writes anew when their sources change. */
export interface FilesStep {
  readonly kind: 'files';
  readonly volume: string;
  readonly path: string;
  /** In memory: secrets and tokens never reach a disk. */
  readonly tmpfs: { readonly sizeBytes: number | undefined } | undefined;
  readonly sources: readonly VolumeProjection[];
  readonly defaultMode: number;
  readonly group: number | undefined;
  /** Who owns token files: the user as whom all containers run, where that is one. */
  readonly user: number | undefined;
  /** Directories that mounts of other volumes need inside this one. */
  readonly mountPoints: readonly string[];
}

/** What of the node a volume's size depends on. */
export interface VolumeLimits {
  /** What a volume in memory may take at most where it says nothing less. */
  readonly memoryBytes: number | undefined;
}

/** The API's default. */
const DEFAULT_MODE = 0o644;

/** `/var/lib/kubelet/pods/<uid>/volumes/kubernetes.io~<plugin>/<name>`, as upstream lays it out. */
function volumePath(podDir: string, plugin: string, volume: string): string {
  return `${podDir}/volumes/kubernetes.io~${plugin}/${volume}`;
}

export function emptyDirPath(podDir: string, volume: string): string {
  return volumePath(podDir, 'empty-dir', volume);
}

/** True for the path of a volume that may be a memory file system of ours. */
export function isMemoryVolumePath(podDir: string, path: string): boolean {
  return ['empty-dir', 'secret', 'downward-api', 'projected'].some(plugin =>
    path.startsWith(volumePath(podDir, plugin, '')),
  );
}

/** True when the pod has a volume of files that are to be kept up to date. */
export function hasFiles(spec: PodSpec): boolean {
  return (spec.volumes ?? []).some(v => (v.configMap ?? v.secret ?? v.downwardAPI ?? v.projected) !== undefined);
}

/** The step for each volume of the pod, in order. Pure. */
export function planVolumes(spec: PodSpec, podDir: string, limits: VolumeLimits): readonly VolumeStep[] {
  return (spec.volumes ?? []).map(volume => planVolume(spec, volume, podDir, limits));
}

function planVolume(spec: PodSpec, volume: Volume, podDir: string, limits: VolumeLimits): VolumeStep {
  const { name, emptyDir, hostPath } = volume;
  if (emptyDir !== undefined) {
    const { medium = '', sizeLimit } = emptyDir;
    if (medium !== '' && medium !== 'Memory')
      return unsupported(volume, `emptyDir medium "${medium}" is not supported`);
    const limit = sizeLimit === undefined ? 0 : quantityValue(sizeLimit);
    return {
      kind: 'empty-dir',
      volume: name,
      path: emptyDirPath(podDir, name),
      tmpfs: medium === 'Memory' ? { sizeBytes: smallest(limit, limits.memoryBytes) } : undefined,
      group: spec.securityContext?.fsGroup,
    };
  }
  if (hostPath !== undefined)
    return { kind: 'host-path', volume: name, path: hostPath.path, type: hostPath.type ?? '' };
  if (volume.image !== undefined) return { kind: 'image', volume: name };
  const files = filesOf(volume);
  if (files !== undefined)
    return {
      kind: 'files',
      volume: name,
      path: volumePath(podDir, files.plugin, name),
      tmpfs: files.plugin === 'configmap' ? undefined : { sizeBytes: smallest(0, limits.memoryBytes) },
      sources: files.sources,
      defaultMode: files.defaultMode ?? DEFAULT_MODE,
      group: spec.securityContext?.fsGroup,
      user: oneUser(spec),
      mountPoints: mountPointsIn(spec, name),
    };
  const type =
    Object.entries(volume).find(([key, value]) => key !== 'name' && value !== undefined)?.[0] ?? 'of no type';
  return unsupported(
    volume,
    `volume type ${type} is not supported; emptyDir, hostPath, configMap, secret, downwardAPI, projected and image are`,
  );
}

function filesOf({ configMap, secret, downwardAPI, projected }: Volume):
  | {
      readonly plugin: string;
      readonly sources: readonly VolumeProjection[];
      readonly defaultMode: number | undefined;
    }
  | undefined {
  if (configMap !== undefined)
    return { plugin: 'configmap', sources: [{ configMap }], defaultMode: configMap.defaultMode };
  if (secret !== undefined) {
    const { secretName, items, optional, defaultMode } = secret;
    return { plugin: 'secret', sources: [{ secret: { name: secretName, items, optional } }], defaultMode };
  }
  if (downwardAPI !== undefined)
    return { plugin: 'downward-api', sources: [{ downwardAPI }], defaultMode: downwardAPI.defaultMode };
  if (projected !== undefined)
    return { plugin: 'projected', sources: projected.sources ?? [], defaultMode: projected.defaultMode };
  return undefined;
}

/** Undefined unless every container says as whom it runs, and all say the same. */
function oneUser(spec: PodSpec): number | undefined {
  const containers = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
  const users = new Set(containers.map(c => c.securityContext?.runAsUser ?? spec.securityContext?.runAsUser));
  return users.size === 1 ? [...users][0] : undefined;
}

/** Where other volumes are mounted below this one, relative to it: the runtime cannot make a directory in a volume that is read-only. */
function mountPointsIn(spec: PodSpec, volume: string): readonly string[] {
  const points = new Set<string>();
  for (const { volumeMounts = [] } of [...(spec.initContainers ?? []), ...spec.containers])
    for (const own of volumeMounts.filter(m => m.name === volume && (m.subPath ?? '') === '')) {
      const root = `${cleanPath(own.mountPath)}/`;
      for (const other of volumeMounts)
        if (other !== own && cleanPath(other.mountPath).startsWith(root))
          points.add(cleanPath(other.mountPath).slice(root.length));
    }
  const inside = [...points].filter(point => point !== '' && !point.split('/').some(part => part.startsWith('..')));
  // what lies below another mount is that one's to give
  return inside.filter(point => !inside.some(other => point.startsWith(`${other}/`))).sort();
}

function cleanPath(path: string): string {
  return path.split('/').reduce((clean, part) => (part === '' || part === '.' ? clean : `${clean}/${part}`), '');
}

/** The smaller of two sizes of which one that is not above zero says nothing. */
function smallest(a: number, b: number | undefined): number | undefined {
  const known = [a, b ?? 0].filter(size => size > 0);
  return known.length === 0 ? undefined : Math.min(...known);
}

function unsupported(volume: Volume, because: string): VolumeStep {
  return { kind: 'unsupported', volume: volume.name, because: `volume "${volume.name}": ${because}` };
}

/** Where on the node the content of a mounted volume is; undefined for a volume that is not there, not supported, or an image. */
export function volumeSource(steps: readonly VolumeStep[], volume: string): string | undefined {
  const step = steps.find(s => s.volume === volume);
  return step !== undefined && 'path' in step ? step.path : undefined;
}

/** True for a volume that the kubelet writes: containers only read it, whatever their mounts say. */
export function isReadOnly(steps: readonly VolumeStep[], volume: string): boolean {
  return steps.find(s => s.volume === volume)?.kind === 'files';
}
