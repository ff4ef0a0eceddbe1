import { closeSync, rmSync } from 'node:fs';
import { internalError } from '../base/errors.ts';
import { addressOf, check, lastErrno, libc, SyscallError } from './ffi.ts';
import { unixAddress } from './unix-address.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
/** Room for the name that comes with the descriptor. */
const NAME_BYTES = 4096;
/** A cmsghdr with one descriptor is 20 bytes, aligned 24; with room for what a stranger may add. */
const CONTROL_BYTES = 256;
const CMSG_HEADER = 16;

/**
 * The socket on which an OCI runtime hands over the master of a terminal it made (`--console-socket`). Nothing waits: the runtime connects, sends and goes
 * on, and `take` is called when it has ended.
 */
export interface ConsoleSocket {
  /** The master's descriptor, close-on-exec and owned by the caller. Throws `internal` when none was sent. */
  take(): number;
  /** Closes it and removes its file. Safe to repeat. */
  close(): void;
}

/** Listens at `path`, which must not exist. Throws SyscallError, and `invalid-argument` when the path is too long for a socket. */
export function openConsoleSocket(path: string): ConsoleSocket {
  const address = unixAddress(path);
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  let fd = check(libc('int socket(int, int, int)')(AF_UNIX, type, 0), 'socket');
  const close = (): void => {
    if (fd < 0) return;
    closeSync(fd);
    fd = -1;
    rmSync(path, { force: true });
  };
  try {
    check(libc('int bind(int, const void*, uint)')(fd, address, address.length), 'bind', path);
    check(libc('int listen(int, int)')(fd, 1), 'listen', path);
  } catch (error) {
    close();
    throw error;
  }
  return { take: () => takeDescriptor(fd), close };
}

function takeDescriptor(listener: number): number {
  const connection = libc('int accept4(int, void*, void*, int)')(listener, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (connection < 0) throw notSent(new SyscallError('accept4', lastErrno()));
  try {
    const name = Buffer.alloc(NAME_BYTES);
    const control = Buffer.alloc(CONTROL_BYTES);
    const vector = Buffer.alloc(16);
    vector.writeBigUInt64LE(addressOf(name), 0);
    vector.writeBigUInt64LE(BigInt(name.length), 8);
    // struct msghdr: name, namelen, iov, iovlen, control, controllen, flags
    const message = Buffer.alloc(56);
    message.writeBigUInt64LE(addressOf(vector), 16);
    message.writeBigUInt64LE(1n, 24);
    message.writeBigUInt64LE(addressOf(control), 32);
    message.writeBigUInt64LE(BigInt(control.length), 40);
    const received = libc('long recvmsg(int, void*, int)')(connection, message, MSG_CMSG_CLOEXEC);
    if (received < 0) throw notSent(new SyscallError('recvmsg', lastErrno()));
    const fits = message.readBigUInt64LE(40) >= BigInt(CMSG_HEADER + 4);
    if (!fits || control.readInt32LE(8) !== SOL_SOCKET || control.readInt32LE(12) !== SCM_RIGHTS) throw notSent();
    return control.readInt32LE(CMSG_HEADER);
  } finally {
    closeSync(connection);
  }
}

function notSent(cause?: unknown): Error {
  return internalError('the runtime ended without handing over the terminal it was to make', { cause });
}
