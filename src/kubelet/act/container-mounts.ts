import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Container, VolumeMount } from '../../api/types/gen/core-v1.ts';
import { failedPrecondition } from '../../base/errors.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import { expand } from '../env/expand.ts';
import { podDir } from '../pod-paths.ts';
import type { ResolvedMount } from '../runtime/container-config.ts';
import { hostNetworkHostsFile, hostsFile } from '../runtime/hosts-file.ts';
import { podHostname } from '../runtime/pod-hostname.ts';
import type { KubeletSettings } from '../settings.ts';
import { isReadOnly, volumeSource } from '../volumes/plan.ts';
import { bindSubPath } from '../volumes/subpath.ts';
import { volumesOf } from './pod-volumes.ts';

const HOSTS = '/etc/hosts';

export interface MountsInput {
  readonly settings: KubeletSettings;
  readonly pod: DesiredPod;
  readonly container: Container;
  readonly restartCount: number;
  readonly podIPs: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  /** The pod's runtime handler can mount read-only with all that is below. */
  readonly canRecurse: boolean;
  /** The images of volumes that are here, by the name of the volume. */
  readonly images: ReadonlyMap<string, { readonly ref: string; readonly userSpecified: string }>;
}

/** Makes what a container mounts (sub-paths, its hosts file, its termination message file) and says where all of it is. Safe to repeat. */
export function containerMounts(input: MountsInput): readonly ResolvedMount[] {
  const { container } = input;
  const mounts = (container.volumeMounts ?? []).map((mount, index) => volumeMount(input, mount, index));
  const taken = new Set(mounts.map(m => m.containerPath));
  if (!taken.has(HOSTS)) mounts.push(plain(HOSTS, writeHosts(input)));
  const messagePath = container.terminationMessagePath ?? '';
  if (messagePath !== '' && !taken.has(messagePath)) mounts.push(plain(messagePath, makeMessageFile(input)));
  return mounts;
}

function plain(containerPath: string, hostPath: string): ResolvedMount {
  return { containerPath, hostPath, readOnly: false, recursiveReadOnly: false, propagation: undefined };
}

function volumeMount(input: MountsInput, mount: VolumeMount, index: number): ResolvedMount {
  const { settings, pod, container } = input;
  const image = input.images.get(mount.name);
  if (image !== undefined) return imageMount(input, mount, image);
  const directory = podDir(settings, pod.uid);
  const steps = volumesOf(settings, pod);
  const source = volumeSource(steps, mount.name);
  if (source === undefined)
    throw failedPrecondition(`volumeMount ${mount.mountPath}: the pod has no volume "${mount.name}"`, {
      reason: 'CreateContainerConfigError',
    });
  const subPath = subPathOf(input, mount);
  const readOnly = mount.readOnly === true || isReadOnly(steps, mount.name);
  const target = `${directory}/volume-subpaths/${mount.name}/${container.name}/${index}`;
  if (subPath !== '') bindSubPath({ root: source, path: subPath, readOnly, target });
  return {
    containerPath: absolute(mount.mountPath),
    hostPath: subPath === '' ? source : target,
    readOnly,
    recursiveReadOnly: recursiveReadOnly(mount, input.canRecurse),
    propagation: mount.mountPropagation,
  };
}

/** Whether all that is mounted below is read-only too, by upstream's rules and in its words. */
export function recursiveReadOnly(mount: VolumeMount, canRecurse: boolean): boolean {
  const mode = mount.recursiveReadOnly ?? 'Disabled';
  if (mode === 'Disabled') return false;
  const refuse = (why: string): Error =>
    failedPrecondition(`volume "${mount.name}" requested recursive read-only mode, but it is ${why}`, {
      reason: 'CreateContainerConfigError',
    });
  if (mount.readOnly !== true) throw refuse('not read-only');
  const { mountPropagation = 'None' } = mount;
  if (mountPropagation !== 'None') throw refuse(`not compatible with propagation "${mountPropagation}"`);
  if (mode === 'Enabled' && !canRecurse) throw refuse('not supported by the runtime');
  return canRecurse;
}
const absolute = (path: string): string => (path.startsWith('/') ? path : `/${path}`);

/** The runtime mounts the image and finds the sub-path in it; nothing of it can be made, nor written to. */
function imageMount(
  input: MountsInput,
  mount: VolumeMount,
  image: { readonly ref: string; readonly userSpecified: string },
): ResolvedMount {
  const subPath = subPathOf(input, mount);
  if (subPath.startsWith('/') || subPath.split('/').includes('..'))
    throw failedPrecondition(`volumeMount ${mount.mountPath}: subPath "${subPath}" must stay inside the image`, {
      reason: 'CreateContainerConfigError',
    });
  return {
    containerPath: absolute(mount.mountPath),
    hostPath: '',
    image: { ...image, subPath },
    readOnly: true,
    recursiveReadOnly: recursiveReadOnly(mount, input.canRecurse),
    propagation: mount.mountPropagation,
  };
}

function subPathOf({ env }: MountsInput, mount: VolumeMount): string {
  if (mount.subPathExpr === undefined || mount.subPathExpr === '') return mount.subPath ?? '';
  const missing = new Set<string>();
  const path = expand(mount.subPathExpr, name => {
    const value = env.get(name) ?? '';
    // one that is empty would name the whole volume
    if (value === '') missing.add(name);
    return value;
  });
  if (missing.size > 0)
    throw failedPrecondition(`missing value for ${[...missing].sort().join(', ')}`, {
      reason: 'CreateContainerConfigError',
    });
  return path;
}

/** Containers that run have the file mounted: it is written in place, and only when it says something else. */
function writeHosts({ settings, pod, podIPs }: MountsInput): string {
  const path = `${podDir(settings, pod.uid)}/etc-hosts`;
  const { spec } = pod.pod;
  const aliases = spec.hostAliases ?? [];
  const text =
    spec.hostNetwork === true
      ? hostNetworkHostsFile(readFileSync(HOSTS, 'utf8'), aliases)
      : hostsFile({ podIPs, ...podHostname(pod, settings.dns.clusterDomain), aliases });
  if (readIfThere(path) !== text) {
    writeFileSync(path, text, { mode: 0o644 });
    chmodSync(path, 0o644);
  }
  return path;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** An empty file that any user of the container may write; the one of the attempt before is kept, older ones go. */
function makeMessageFile({ settings, pod, container, restartCount }: MountsInput): string {
  const directory = `${podDir(settings, pod.uid)}/containers/${container.name}`;
  mkdirSync(directory, { recursive: true, mode: 0o750 });
  for (const name of readdirSync(directory))
    if (Number(name) < restartCount - 1) rmSync(`${directory}/${name}`, { force: true });
  const path = `${directory}/${restartCount}`;
  writeFileSync(path, '');
  chmodSync(path, 0o666);
  return path;
}
