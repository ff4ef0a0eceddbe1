import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { faultPoint } from './fault-point.ts';
import { check, libc, SyscallError } from './ffi.ts';
import { netnsExists, removeNetns, shareMount } from './netns.ts';

const CLONE_NEWUTS = 0x04000000;
const CLONE_NEWIPC = 0x08000000;
const MS_BIND = 4096;
const EEXIST = 17;

/** The namespaces that a pod without a process of its own is held together by, each bound at a path; undefined for one that is the machine's. */
export interface PinnedNamespaces {
  readonly ipc?: string;
  readonly uts?: string;
}

export interface PinRequest extends PinnedNamespaces {
  /** The name of the machine in the new uts namespace. */
  readonly hostname: string;
  /** Kernel parameters of the ipc namespace, by their path under /proc/sys. */
  readonly sysctls: Readonly<Record<string, string>>;
}

const KINDS = [
  ['ipc', CLONE_NEWIPC],
  ['uts', CLONE_NEWUTS],
] as const;

/**
 * Makes namespaces and binds each at its path; the calling thread is back in its own when this returns. The files and their folders are made; a plain file
 * left by a crash is taken over. All or nothing: what was bound before a failure is taken away. Throws `EEXIST` when one is bound there already. The
 * process aborts when the thread cannot get back, as in `inNetns`. Some 0.3 ms.
 */
export function pinNamespaces(request: PinRequest): void {
  const wanted = KINDS.flatMap(([kind, flag]) => {
    const path = request[kind];
    return path === undefined ? [] : [{ kind, flag, path, of: `/proc/thread-self/ns/${kind}` }];
  });
  for (const { path } of wanted) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
    shareMount(dirname(path));
    if (netnsExists(path)) throw new SyscallError('create namespace', EEXIST, path);
  }
  const own = wanted.map(({ flag, of }) => ({ flag, fd: openSync(of, 'r') }));
  try {
    for (const { path } of wanted) closeSync(openSync(path, 'a', 0o444));
    const flags = wanted.reduce((sum, { flag }) => sum | flag, 0);
    check(libc('int unshare(int)')(flags), 'unshare', 'namespaces of a pod');
    faultPoint('cri/pin-namespaces/made');
    try {
      if (request.uts !== undefined) setHostname(request.hostname);
      for (const [name, value] of Object.entries(request.sysctls)) writeFileSync(`/proc/sys/${name}`, value);
      const mount = libc('int mount(const char*, const char*, const char*, ulong, void*)');
      for (const { of, path } of wanted) {
        check(mount(of, path, 'none', MS_BIND, null), 'mount', path);
        faultPoint('cri/pin-namespaces/bound');
      }
    } finally {
      for (const { flag, fd } of own) if (libc('int setns(int, int)')(fd, flag) !== 0) process.abort();
    }
  } catch (error) {
    for (const { path } of wanted) unpinNamespace(path);
    throw error;
  } finally {
    for (const { fd } of own) closeSync(fd);
  }
}

/** Takes a bound namespace away; it lives on while a process is in it. Safe to repeat, and for a path at which none was ever bound. */
export function unpinNamespace(path: string): void {
  removeNetns(path);
  rmSync(path, { force: true });
}

function setHostname(name: string): void {
  const bytes = Buffer.byteLength(name);
  check(libc('int sethostname(const char*, size_t)')(name, bytes), 'sethostname', name);
}
