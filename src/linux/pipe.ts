import { closeSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { errnoName } from '../base/errors.ts';
import { check, libc } from './ffi.ts';

const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const F_GETFL = 3;
const F_SETFL = 4;

/** The two ends of a pipe as file descriptors, both close-on-exec: a child gets one only when it is named in `fds` of spawnProcess. */
export interface Pipe {
  readonly read: number;
  readonly write: number;
}

/** Makes a pipe. The caller closes both ends. Throws SyscallError (EMFILE, ENFILE). */
export function createPipe(): Pipe {
  const pipe2 = libc('int pipe2(_Out_ int*, int)');
  const ends = [0, 0];
  check(pipe2(ends, O_CLOEXEC), 'pipe2');
  const [read = -1, write = -1] = ends;
  return { read, write };
}

/** The read end of a pipe that nobody writes to: its reader is at the end at once. The caller closes it. Throws as `createPipe`. */
export function emptyPipe(): number {
  const { read, write } = createPipe();
  closeFds(write);
  return read;
}

/**
 * A stream over the read end of a pipe, which it owns from now on: destroying the stream closes the descriptor. The descriptor becomes
 * non-blocking; the write end is another open file and keeps its mode, so children see an ordinary blocking pipe.
 */
export function readPipe(fd: number): Socket {
  return new Socket({ fd, readable: true, writable: false });
}

/** A stream over the write end of a pipe, owned like that of `readPipe`. Ending it gives the reader its end of file. */
export function writePipe(fd: number): Socket {
  return new Socket({ fd, readable: false, writable: true });
}

/** Closes descriptors; one that is closed already or negative is no error. */
export function closeFds(...fds: readonly number[]): void {
  for (const fd of fds) {
    try {
      if (fd >= 0) closeSync(fd);
    } catch {
      // closed before
    }
  }
}

/**
 * What lies in a pipe, or came on a terminal, whose writer has ended, at most `limit` bytes, without waiting for more; the descriptor becomes non-blocking and stays open. For what
 * a program said before it failed.
 */
export function readWaiting(fd: number, limit: number): Buffer {
  const flags = check(libc('int fcntl(int, int, long)')(fd, F_GETFL, 0), 'fcntl', 'F_GETFL');
  check(libc('int fcntl(int, int, long)')(fd, F_SETFL, flags | O_NONBLOCK), 'fcntl', 'F_SETFL');
  const buffer = Buffer.alloc(limit);
  let length = 0;
  while (length < limit) {
    try {
      const count = readSync(fd, buffer, length, limit - length, null);
      if (count === 0) break;
      length += count;
    } catch (error) {
      // EIO: so ends a terminal
      if (errnoName(error) !== 'EAGAIN' && errnoName(error) !== 'EIO') throw error;
      break;
    }
  }
  return buffer.subarray(0, length);
}
