import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { check, lastErrno, libc, SyscallError } from './ffi.ts';

const CLONE_NEWNET = 0x40000000;
const MS_BIND = 4096;
const MS_SHARED = 1 << 20;
const MNT_DETACH = 2;
/** statfs(2) f_type of the file system that holds bound namespaces (NSFS_MAGIC). */
const NSFS_MAGIC = 0x6e736673;
const EINVAL = 22;
const ENOENT = 2;
const THREAD_NETNS = '/proc/thread-self/ns/net';

/** Directories whose propagation was looked at by this process: `path:device:inode`. */
const prepared = new Set<string>();

/**
 * Makes a new network namespace and binds it at `path`; the calling thread is back in its own namespace when this returns. The file and its
 * parent folder are made; a plain file left there by a crash is taken over. Throws `EEXIST` when a namespace is bound there already. Returns the
 * namespace's inode (see `netnsInode`). About 1 ms.
 */
export function createNetns(path: string): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
  shareMount(dirname(path));
  if (netnsExists(path)) throw new SyscallError('create network namespace', 17, path);
  closeSync(openSync(path, 'a', 0o444));
  const own = openSync(THREAD_NETNS, 'r');
  try {
    check(libc('int unshare(int)')(CLONE_NEWNET), 'unshare', 'network namespace');
    try {
      const mount = libc('int mount(const char*, const char*, const char*, ulong, void*)');
      check(mount(THREAD_NETNS, path, 'none', MS_BIND, null), 'mount', path);
    } finally {
      enterOrDie(own);
    }
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(own);
  }
  return statSync(path).ino;
}

/**
 * Takes the bound namespace away: unmounts whatever is stacked at `path` (lazily, so users inside do not matter) and removes the file. Safe to
 * repeat. The kernel destroys the namespace with its links by itself, some 20 ms later, once no process and no descriptor holds it.
 */
export function removeNetns(path: string): void {
  const umount = libc('int umount2(const char*, int)');
  while (umount(path, MNT_DETACH) === 0);
  const errno = lastErrno();
  if (errno !== EINVAL && errno !== ENOENT) throw new SyscallError('umount2', errno, path);
  rmSync(path, { force: true });
}

/**
 * Runs `fn` with this thread inside the namespace given by its path or an open descriptor, and returns its result. `fn` must be synchronous: what
 * it creates at once (a socket, a libnftables context, a sysctl write through a sync fs call) belongs to that namespace for good; what happens
 * later does not. May be nested. The process aborts when the thread cannot get back: going on in the wrong namespace would be worse. 35 to 140 µs.
 */
export function inNetns<T>(target: string | number, fn: () => T): T {
  const own = openSync(THREAD_NETNS, 'r');
  try {
    const fd = typeof target === 'number' ? target : openSync(target, 'r');
    try {
      check(libc('int setns(int, int)')(fd, CLONE_NEWNET), 'setns', String(target));
    } finally {
      if (typeof target === 'string') closeSync(fd);
    }
    let result: T;
    try {
      result = fn();
    } finally {
      enterOrDie(own);
    }
    if (result instanceof Promise) throw new TypeError('the function given to inNetns must be synchronous');
    return result;
  } finally {
    closeSync(own);
  }
}

/** Whether a namespace is bound at `path` (a plain or missing file is not one). */
export function netnsExists(path: string): boolean {
  try {
    return statfsSync(path).type === NSFS_MAGIC;
  } catch {
    return false;
  }
}

/**
 * The inode of the namespace bound at `path`, undefined when there is none. Two different inodes are two different namespaces; the kernel gives a
 * number again after the namespace is gone, so equality means the same one only together with the path and the boot.
 */
export function netnsInode(path: string): number | undefined {
  if (!netnsExists(path)) return undefined;
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}

/** Undoes what `createNetns` did to the folder of bound namespaces, for a folder that is about to be removed. Safe to repeat. */
export function releaseNetnsFolder(folder: string): void {
  prepared.clear();
  libc('int umount2(const char*, int)')(folder, MNT_DETACH);
}

/**
 * A namespace bound in a private mount lives on in every mount namespace that copied it (each container's, for a while), and with it its links and
 * addresses. On a shared mount the unmount reaches the copies. So the folder is bound on itself and shared, unless its mount is shared as it is.
 */
export function shareMount(folder: string): void {
  const { dev, ino } = statSync(folder);
  const key = `${folder}:${dev}:${ino}`;
  if (prepared.has(key)) return;
  if (!isOnSharedMount(readFileSync('/proc/thread-self/mountinfo', 'utf8'), folder)) {
    const mount = libc('int mount(const char*, const char*, const char*, ulong, void*)');
    check(mount(folder, folder, 'none', MS_BIND, null), 'mount', folder);
    check(mount('none', folder, 'none', MS_SHARED, null), 'mount', folder);
  }
  prepared.add(`${folder}:${statSync(folder).dev}:${statSync(folder).ino}`);
}

/** Whether the mount that holds `folder` propagates, read from mountinfo text (proc(5)): the last row with the longest matching mount point. */
export function isOnSharedMount(mountinfo: string, folder: string): boolean {
  let best = '';
  let shared = false;
  for (const line of mountinfo.split('\n')) {
    const fields = line.split(' ');
    const point = (fields[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const inside = point === '/' || folder === point || folder.startsWith(`${point}/`);
    if (point === '' || !inside || point.length < best.length) continue;
    best = point;
    shared = fields.slice(6, fields.indexOf('-')).some(field => field.startsWith('shared:'));
  }
  return shared;
}

function enterOrDie(fd: number): void {
  if (libc('int setns(int, int)')(fd, CLONE_NEWNET) !== 0) process.abort();
}
