import { failedPrecondition, invalidArgument } from '../../base/errors.ts';
import type { CriMount, SandboxFacts } from './inputs.ts';
import { MOUNT_PROPAGATION } from './inputs.ts';
import type { OciMount } from './oci-spec.ts';

export interface MountRequest {
  readonly mounts: readonly CriMount[];
  readonly sandbox: Pick<SandboxFacts, 'shmPath' | 'resolvConfPath' | 'hostnamePath' | 'hostsPath'>;
  readonly privileged: boolean;
  readonly readonlyRootfs: boolean;
  /** Whether the runtime and the kernel can make a whole tree of mounts read-only. */
  readonly recursiveReadOnly: boolean;
}

export interface MountDecision {
  readonly mounts: readonly OciMount[];
  /** What the root mount must be for the propagation that was asked for; undefined leaves the runtime's default. */
  readonly rootfsPropagation: 'rslave' | 'rshared' | undefined;
}

/** The kernel file systems of every container, parents first. */
export function kernelMounts(privileged: boolean): readonly OciMount[] {
  const access = privileged ? 'rw' : 'ro';
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', access] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: ['nosuid', 'noexec', 'nodev', 'relatime', access],
    },
  ];
}

/** The pod's shared memory directory as a mount. */
export function shmMount(shmPath: string): OciMount {
  return {
    destination: '/dev/shm',
    type: 'bind',
    source: shmPath,
    options: ['rbind', 'rprivate', 'nosuid', 'nodev', 'noexec', 'rw'],
  };
}

/**
 * Every mount of a container, parents before children: kernel file systems, the pod's shared files, the request's mounts. A mount of the request replaces a
 * default at the same place and, when it covers /dev, /proc or /sys, the defaults beneath it. Throws `invalid-argument` on contradictory requests,
 * `failed-precondition` where recursive read-only or propagation is asked for and cannot be had. Image volumes come with the place at which their image is mounted.
 */
export function decideMounts(request: MountRequest): MountDecision {
  const asked = request.mounts.map(mount => requestedMount(mount, request.recursiveReadOnly));
  const replaced = new Set(asked.map(mount => mount.destination));
  const defaults = [
    ...kernelMounts(request.privileged),
    shmMount(request.sandbox.shmPath),
    podFile('/etc/resolv.conf', request.sandbox.resolvConfPath, request.readonlyRootfs),
    podFile('/etc/hostname', request.sandbox.hostnamePath, request.readonlyRootfs),
    podFile('/etc/hosts', request.sandbox.hostsPath, request.readonlyRootfs),
  ].filter(mount => !replaced.has(mount.destination) && !isBeneathReplaced(mount.destination, replaced));
  const mounts = [...defaults, ...asked].sort((a, b) => depth(a.destination) - depth(b.destination));
  return { mounts, rootfsPropagation: rootfsPropagation(request.mounts) };
}

function requestedMount(mount: CriMount, canRecurse: boolean): OciMount {
  const destination = cleanPath(mount.containerPath);
  if (mount.hostPath === '') throw invalidArgument(`mount ${destination}: no host path is given`);
  if (mount.recursiveReadOnly && !mount.readonly)
    throw invalidArgument(`mount ${destination}: recursive_read_only needs readonly`);
  if (mount.recursiveReadOnly && mount.propagation !== MOUNT_PROPAGATION.PRIVATE)
    throw invalidArgument(`mount ${destination}: recursive_read_only needs private propagation`);
  if (mount.recursiveReadOnly && !canRecurse)
    throw failedPrecondition(
      `mount ${destination}: recursive read-only needs Linux 5.12 and a runtime that knows it; use a plain read-only mount`,
    );
  requirePropagation(mount);
  const access = mount.recursiveReadOnly ? 'rro' : mount.readonly ? 'ro' : 'rw';
  return { destination, type: 'bind', source: mount.hostPath, options: ['rbind', propagationOption(mount), access] };
}

/** Mounts of the machine reach the container, and its own the machine, only where the mount that holds the source spreads them. Upstream's rule and words. */
function requirePropagation({ hostPath, propagation, heldBy }: CriMount): void {
  if (heldBy === undefined || propagation === MOUNT_PROPAGATION.PRIVATE) return;
  const isShared = heldBy.propagation.some(p => p.startsWith('shared:'));
  const isSlave = heldBy.propagation.some(p => p.startsWith('master:'));
  const place = `path "${hostPath}" is mounted on "${heldBy.target}" but it is not a shared`;
  if (propagation === MOUNT_PROPAGATION.BIDIRECTIONAL && !isShared) throw failedPrecondition(`${place} mount`);
  if (propagation === MOUNT_PROPAGATION.HOST_TO_CONTAINER && !isShared && !isSlave)
    throw failedPrecondition(`${place} or slave mount`);
}

function propagationOption(mount: CriMount): string {
  switch (mount.propagation) {
    case MOUNT_PROPAGATION.HOST_TO_CONTAINER:
      return 'rslave';
    case MOUNT_PROPAGATION.BIDIRECTIONAL:
      return 'rshared';
    default:
      return 'rprivate';
  }
}

function rootfsPropagation(mounts: readonly CriMount[]): 'rslave' | 'rshared' | undefined {
  if (mounts.some(m => m.propagation === MOUNT_PROPAGATION.BIDIRECTIONAL)) return 'rshared';
  if (mounts.some(m => m.propagation === MOUNT_PROPAGATION.HOST_TO_CONTAINER)) return 'rslave';
  return undefined;
}

function podFile(destination: string, source: string, readonlyRootfs: boolean): OciMount {
  return { destination, type: 'bind', source, options: ['rbind', 'rprivate', readonlyRootfs ? 'ro' : 'rw'] };
}

function isBeneathReplaced(destination: string, replaced: ReadonlySet<string>): boolean {
  return ['/dev', '/proc', '/sys'].some(top => replaced.has(top) && destination.startsWith(`${top}/`));
}

/** An absolute path without `.`, `..`, doubled or trailing slashes. Throws `invalid-argument` when it leaves the root. */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) throw invalidArgument(`path "${path}" leads out of the root`);
  }
  return `/${parts.join('/')}`;
}

function depth(path: string): number {
  return path.split('/').filter(part => part !== '').length;
}
