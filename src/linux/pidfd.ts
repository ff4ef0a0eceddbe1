import { closeSync } from 'node:fs';
import { lastErrno, libc, SyscallError } from './ffi.ts';
import type { ProcessIdentity } from './procfs.ts';
import { isAlive } from './procfs.ts';

/**
 * Sends a signal to exactly that process: the pidfd is opened first and the start time compared after it, so that a pid that was taken over is never hit.
 * Returns false when the process is gone (a zombie is gone). Throws SyscallError (EPERM, EINVAL).
 */
export function signalProcess(identity: ProcessIdentity, signal: number): boolean {
  const fd = libc('int pidfd_open(int, uint)')(identity.pid, 0);
  if (fd < 0) return gone(new SyscallError('pidfd_open', lastErrno(), String(identity.pid)));
  try {
    if (!isAlive(identity)) return false;
    if (libc('int pidfd_send_signal(int, int, void*, uint)')(fd, signal, null, 0) === 0) return true;
    return gone(new SyscallError('pidfd_send_signal', lastErrno(), String(identity.pid)));
  } finally {
    closeSync(fd);
  }
}

function gone(error: SyscallError): false {
  if (error.code === 'ESRCH') return false;
  throw error;
}
