import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { failedPrecondition, invalidArgument } from '../base/errors.ts';
import { lastErrno, libc, SyscallError } from './ffi.ts';

/** Flags of mount(2). */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  REMOUNT: 32,
  BIND: 4096,
  MOVE: 8192,
  REC: 16384,
  UNBINDABLE: 1 << 17,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
  RELATIME: 1 << 21,
} as const;

const MNT_FORCE = 1;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

/** mount(2) copies one page of options and cuts what is over; the last byte is the terminating NUL. */
const MAX_OPTIONS = 4095;

/** Mounts. Empty `source` and `fstype` are right for binds, remounts and changes of propagation. Throws SyscallError. */
export function mount(source: string, target: string, fstype: string, flags: number, data = ''): void {
  const options = Buffer.byteLength(data);
  if (options > MAX_OPTIONS)
    throw failedPrecondition(
      `mount ${target}: ${options} bytes of options do not fit the ${MAX_OPTIONS} the kernel takes`,
    );
  const call = libc('int mount(const char*, const char*, const char*, ulong, const char*)');
  if (call(source, target, fstype, flags, data) < 0) throw new SyscallError('mount', lastErrno(), target);
}

/**
 * Takes the topmost mount off `target`; symbolic links are not followed. Nothing mounted there, or no such path, is fine. `lazy` detaches at once
 * even when it is busy; `force` ends what waits for the server of a network file system or of FUSE first, everywhere that it is mounted. Throws SyscallError
 * (EBUSY without `lazy`).
 */
export function unmount(target: string, options: { readonly lazy?: boolean; readonly force?: boolean } = {}): void {
  const call = libc('int umount2(const char*, int)');
  const flags = (options.lazy === true ? MNT_DETACH : 0) | (options.force === true ? MNT_FORCE : 0);
  if (call(target, UMOUNT_NOFOLLOW | flags) === 0) return;
  const error = new SyscallError('umount', lastErrno(), target);
  if (error.code !== 'EINVAL' && error.code !== 'ENOENT') throw error;
}

/** True where another file system than that of its parent is mounted at the directory. Asks the kernel about this one alone; a bind within one file system is not seen. */
export function isMountPoint(directory: string): boolean {
  return statSync(directory).dev !== statSync(dirname(directory)).dev;
}

/** Makes `source` visible at `target` too. A read-only bind takes two calls, for the kernel ignores the flag in the first. */
export function bindMount(
  source: string,
  target: string,
  options: { readonly recursive?: boolean; readonly readonly?: boolean } = {},
): void {
  mount(source, target, '', MS.BIND | (options.recursive === true ? MS.REC : 0));
  if (options.readonly !== true) return;
  try {
    mount('', target, '', MS.BIND | MS.REMOUNT | MS.RDONLY);
  } catch (error) {
    unmount(target, { lazy: true });
    throw error;
  }
}

/** Sets how mounts under `target` (and in all mounts beneath it) spread to other mount namespaces. */
export function setPropagation(target: string, propagation: 'PRIVATE' | 'SLAVE' | 'SHARED'): void {
  mount('', target, '', MS.REC | MS[propagation]);
}

export interface OverlayMount {
  /** Topmost layer first. */
  readonly lower: readonly string[];
  /** Undefined mounts read-only. */
  readonly upper: string | undefined;
  /** An empty directory on the file system of `upper`; needed with it. */
  readonly work: string | undefined;
}

/**
 * Mounts an overlay at `target`. Options are limited to one page: when absolute paths do not fit, the call is made from the directory that all lower ones
 * have in common and names them relative to it (the process's working directory is changed and set back within this synchronous call).
 * Throws SyscallError, or `failed-precondition` naming the number of layers when even that is too long.
 */
export function mountOverlay(target: string, overlay: OverlayMount, options: readonly string[] = []): void {
  const flags = overlay.upper === undefined ? MS.RDONLY : 0;
  const absolute = overlayOptions(overlay, overlay.lower, options);
  if (Buffer.byteLength(absolute) <= MAX_OPTIONS) {
    mount('overlay', target, 'overlay', flags, absolute);
    return;
  }
  const base = commonDirectory(overlay.lower);
  const relative = overlayOptions(
    overlay,
    overlay.lower.map(path => path.slice(base.length).replace(/^\/+/, '')),
    options,
  );
  if (Buffer.byteLength(relative) > MAX_OPTIONS)
    throw failedPrecondition(
      `${overlay.lower.length} layers are too many for one overlay mount at ${target}: their names take ${Buffer.byteLength(relative)} of ${MAX_OPTIONS} bytes`,
    );
  const before = process.cwd();
  process.chdir(base);
  try {
    mount('overlay', target, 'overlay', flags, relative);
  } finally {
    process.chdir(before);
  }
}

/** The option text of an overlay mount. A colon separates lower directories and a comma options: both are escaped in paths. */
export function overlayOptions(overlay: OverlayMount, lower: readonly string[], options: readonly string[]): string {
  const escaped = (path: string): string => path.replace(/[\\:,]/g, c => `\\${c}`);
  const parts = [`lowerdir=${lower.map(escaped).join(':')}`];
  if (overlay.upper !== undefined) parts.push(`upperdir=${escaped(overlay.upper)}`);
  if (overlay.work !== undefined) parts.push(`workdir=${escaped(overlay.work)}`);
  return [...parts, ...options].join(',');
}

/**
 * The option that gives all files of a mount an SELinux label, `user:role:type:level`. Quoted, since the categories of a level are separated by a comma, as options are. Throws `invalid-argument` for
 * one that has a comma before its level, or a quote anywhere: it would bring options of its own.
 */
export function labelOption(label: string): string {
  if (!/^[A-Za-z0-9_.-]+(:[A-Za-z0-9_.-]+){2}(:[A-Za-z0-9_.:,-]+)?$/.test(label))
    throw invalidArgument(`the SELinux label ${JSON.stringify(label)} is none that a mount can have`);
  return `context="${label}"`;
}

/** The deepest directory that holds every one of the absolute paths. */
export function commonDirectory(paths: readonly string[]): string {
  let base = dirname(paths[0] ?? '/');
  while (base !== '/' && !paths.every(path => path.startsWith(`${base}/`))) base = dirname(base);
  return base;
}

/** One line of /proc/pid/mountinfo (proc(5)). */
export interface MountRow {
  readonly id: number;
  readonly parentId: number;
  /** `major:minor`. */
  readonly device: string;
  /** The part of the file system that is seen at `target`. */
  readonly root: string;
  readonly target: string;
  readonly options: readonly string[];
  /** `shared:N`, `master:N`, … */
  readonly propagation: readonly string[];
  readonly fstype: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** Parses the text of a mountinfo file, in mount order. Spaces, tabs, newlines and backslashes come back unescaped. */
export function parseMountinfo(text: string): readonly MountRow[] {
  const rows: MountRow[] = [];
  for (const line of text.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const [id, parentId, device, root, target, options = '', ...propagation] = left.split(' ');
    const [fstype = '', source = '', superOptions = ''] = right.split(' ');
    if (
      id === undefined ||
      parentId === undefined ||
      device === undefined ||
      root === undefined ||
      target === undefined
    )
      continue;
    rows.push({
      id: Number(id),
      parentId: Number(parentId),
      device,
      root: unescapePath(root),
      target: unescapePath(target),
      options: options.split(','),
      propagation,
      fstype,
      source: unescapePath(source),
      superOptions: superOptions.split(','),
    });
  }
  return rows;
}

/** The mount that holds a path without links: the last one of those whose mount point is the nearest above it (a later one covers it). Pure. */
export function mountHolding(path: string, rows: readonly MountRow[]): MountRow | undefined {
  let best: MountRow | undefined;
  for (const row of rows) {
    const holds = row.target === '/' || path === row.target || path.startsWith(`${row.target}/`);
    if (holds && row.target.length >= (best?.target.length ?? 0)) best = row;
  }
  return best;
}

/** Where something is mounted below a directory, each once. Pure. */
export function mountsBelow(directory: string, rows: readonly MountRow[]): readonly string[] {
  return [...new Set(rows.map(({ target }) => target).filter(target => target.startsWith(`${directory}/`)))];
}

/** The mounts that a process sees. */
export function readMountinfo(pid: number | 'self' = 'self'): readonly MountRow[] {
  return parseMountinfo(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'));
}

function unescapePath(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_whole, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
