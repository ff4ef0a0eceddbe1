import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { errnoName, failedPrecondition } from '../../base/errors.ts';
import { bindMount, unmount } from '../../linux/mount.ts';
import { isThere } from './apply.ts';

const O_PATH = 0o10000000;
const WALK = O_PATH | constants.O_NOFOLLOW;

/** More than an environment file may hold. */
const MAX_FILE_BYTES = 64 * 1024;

/** A place inside a volume. */
interface Inside {
  readonly root: string;
  readonly path: string;
  readonly readOnly: boolean;
}

export interface SubPath extends Inside {
  /** The volume's directory on the node. */
  readonly root: string;
  /** Relative, inside it; a component that is missing is made as a directory, with the mode of the volume: who may write the one may write the other. */
  readonly path: string;
  readonly readOnly: boolean;
  /** `/var/lib/kubelet/pods/<uid>/volume-subpaths/<volume>/<container>/<index of the mount>`. */
  readonly target: string;
}

/**
 * Makes a part of a volume visible at `target`, which is what the runtime is given. A container of the pod may change the volume meanwhile, so the
 * path is resolved first, must lie inside the volume, and is then opened component by component without following links; the bind is made from
 * the opened directory, not from its name. Safe to repeat: a bind of an earlier attempt is replaced.
 */
export function bindSubPath(sub: SubPath): void {
  const fd = openInside(sub);
  try {
    unmount(sub.target, { lazy: true });
    if (fstatSync(fd).isDirectory()) mkdirSync(sub.target, { recursive: true, mode: 0o750 });
    else if (!isThere(sub.target)) {
      mkdirSync(sub.target.slice(0, sub.target.lastIndexOf('/')), { recursive: true, mode: 0o750 });
      writeFileSync(sub.target, '', { flag: 'wx' });
    }
    bindMount(`/proc/self/fd/${fd}`, sub.target, { recursive: true });
  } finally {
    closeSync(fd);
  }
}

/** The text of a regular file in a volume, found as a sub-path is. Throws where it is not there, is something else or holds more than 64 KiB. */
export function readInside(root: string, path: string): string {
  const fd = openInside({ root, path, readOnly: true });
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw failedPrecondition(`"${path}" is no regular file`);
    if (stat.size > MAX_FILE_BYTES) throw failedPrecondition(`"${path}" is larger than ${MAX_FILE_BYTES} bytes`);
    return readFileSync(`/proc/self/fd/${fd}`, 'utf8');
  } finally {
    closeSync(fd);
  }
}

function openInside(sub: Inside): number {
  const root = realpathSync(sub.root);
  const wanted = resolveInside(root, sub);
  let fd = openSync(root, WALK);
  try {
    for (const segment of wanted.split('/').filter(s => s !== '')) {
      const next = openOrMake(fd, segment, sub);
      closeSync(fd);
      fd = next;
    }
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The path with its links resolved as far as it exists, relative to the volume. */
function resolveInside(root: string, sub: Inside): string {
  if (sub.path.startsWith('/') || sub.path.split('/').includes('..')) throw outside(sub);
  const segments = sub.path.split('/').filter(s => s !== '' && s !== '.');
  for (let known = segments.length; known >= 0; known -= 1) {
    const path = [root, ...segments.slice(0, known)].join('/');
    if (!isThere(path)) continue;
    const real = realpathOf(path, sub);
    if (real !== root && !real.startsWith(`${root}/`)) throw outside(sub);
    return [real.slice(root.length), ...segments.slice(known)].join('/');
  }
  throw outside(sub);
}

function realpathOf(path: string, sub: Inside): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (errnoName(error) === 'ENOENT' || errnoName(error) === 'ELOOP') throw outside(sub);
    throw error;
  }
}

function openOrMake(fd: number, segment: string, sub: Inside): number {
  const path = `/proc/self/fd/${fd}/${segment}`;
  try {
    return checkedOpen(path, sub);
  } catch (error) {
    if (errnoName(error) !== 'ENOENT' || sub.readOnly) throw error;
    mkdirSync(path, 0o700);
    const made = checkedOpen(path, sub);
    chmodSync(`/proc/self/fd/${made}`, statSync(sub.root).mode & 0o7777);
    return made;
  }
}

/** O_PATH opens a link itself where O_NOFOLLOW is given: it appeared after the path was resolved, and is refused. */
function checkedOpen(path: string, sub: Inside): number {
  const fd = openSync(path, WALK);
  if (!fstatSync(fd).isSymbolicLink()) return fd;
  closeSync(fd);
  throw outside(sub);
}

function outside(sub: Inside): Error {
  return failedPrecondition(`subPath "${sub.path}" does not stay inside its volume`, {
    reason: 'CreateContainerConfigError',
  });
}
