import { invalidArgument } from '../../base/errors.ts';
import { expandSlice } from '../../linux/systemd-slice.ts';
import { cleanPath } from './mounts.ts';
import type { OciResources } from './oci-spec.ts';

/** Where a container goes when the request names no parent, without systemd and with it. */
const DEFAULT_PARENT = '/gantry';
export const DEFAULT_SLICE = 'system.slice';
const SCOPE_PREFIX = 'gantry';
const SCOPE = '.scope';

/** Whether systemd is to make the groups of what has this parent. */
export function isSlice(parent: string): boolean {
  return parent.endsWith('.slice');
}

/**
 * `linux.cgroupsPath` of a container. A parent that ends in `.slice` is the systemd driver's and gives `slice:gantry:id`; any other is a path from the root
 * of every hierarchy and gives `parent/id`. Throws `invalid-argument` for a parent that leads out of the root.
 */
export function cgroupsPath(parent: string, id: string): string {
  if (isSlice(parent)) return `${baseName(parent)}:${SCOPE_PREFIX}:${id}`;
  if (parent.split('/').includes('..')) throw invalidArgument(`cgroup parent "${parent}" may not contain ".."`);
  return cleanPath(`${parent === '' ? DEFAULT_PARENT : parent}/${id}`);
}

/** The scope that systemd makes of a container whose parent is a slice. */
export function scopeName(id: string): string {
  return `${SCOPE_PREFIX}-${id}${SCOPE}`;
}

/** The group of a container with that `linux.cgroupsPath`, from the root of every hierarchy. */
export function groupOf(path: string): string {
  return path.startsWith('/') ? path : systemdScopePath(path);
}

/** The group that a parent is, from the root of every hierarchy. Throws `invalid-argument` for what is no slice. */
export function groupOfParent(parent: string): string {
  return isSlice(parent) ? slicePath(baseName(parent)) : parent;
}

/**
 * How crun and runc are to make a scope: forgotten by systemd although it failed, since its name is used once; without a limit of processes that nobody asked for, where systemd
 * has one for every unit (15 % of what the kernel can number); and by crun without a group below it, so that the limits, the processes and the figures are where they are with runc.
 */
export function scopeAnnotations(
  parent: string,
  { pids }: Pick<OciResources, 'pids'> = {},
): Readonly<Record<string, string>> {
  if (!isSlice(parent)) return {};
  return {
    'org.systemd.property.CollectMode': "'inactive-or-failed'",
    ...(pids === undefined ? { 'org.systemd.property.TasksMax': `uint64 ${2n ** 64n - 1n}` } : {}),
    'run.oci.systemd.subgroup': '',
  };
}

/**
 * The cgroup that systemd makes of `slice:prefix:name`, as a path from the root: every dash in a slice's name is a level
 * (`a-b.slice` lies in `a.slice`), and the container is a scope in it.
 */
export function systemdScopePath(path: string): string {
  const [slice = '', prefix = '', name = ''] = path.split(':');
  const parent = slicePath(slice);
  return `${parent === '/' ? '' : parent}/${prefix}-${name}${SCOPE}`;
}

function slicePath(slice: string): string {
  const path = expandSlice(slice);
  if (path === undefined) throw invalidArgument(`"${slice}" is not the name of a systemd slice`);
  return path;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
