import { closeSync } from 'node:fs';
import { type NetlinkMessage, parseMessages } from 'netlink/dist/structs.js';
import { check, lastErrno, libc, SyscallError } from '../ffi.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const F_SETOWN = 8;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const O_ASYNC = 0o20000;
const EINTR = 4;
const EAGAIN = 11;
const ENOBUFS = 105;
/** The kernel puts messages together up to a page or so; none of those that are asked for here is larger. */
const BUFFER_BYTES = 65536;
/** What may wait while the event loop is away. Memory is taken as it is needed. */
const RECEIVE_BUFFER_BYTES = 16 << 20;

export interface NetlinkEvents {
  /** Takes what has come by now, without waiting for the event loop. */
  drain(): void;
  /** Safe to repeat. */
  close(): void;
}

/**
 * Tells what the kernel announces to groups of a netlink protocol, in the network namespace in which this was called. `onMessages` gets what came at a time;
 * `onLost` is called where something could not be kept: then nobody knows what has changed. The kernel tells that there is something by SIGIO, so nothing
 * is asked for in between and no thread waits.
 */
export function openNetlinkEvents(
  protocol: number,
  groups: readonly number[],
  onMessages: (messages: readonly NetlinkMessage[]) => void,
  onLost: () => void,
): NetlinkEvents {
  const type = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;
  let fd = check(libc('int socket(int, int, int)')(AF_NETLINK, type, protocol), 'socket', 'netlink');
  const buffer = Buffer.alloc(BUFFER_BYTES);
  const recv = libc('long recv(int, void*, size_t, int)');

  const drain = (): void => {
    while (fd >= 0) {
      const length = recv(fd, buffer, BUFFER_BYTES, 0);
      if (length >= 0) {
        onMessages(parseMessages(Buffer.from(buffer.subarray(0, length))));
        continue;
      }
      const errno = lastErrno();
      if (errno === EAGAIN) return;
      if (errno === ENOBUFS) onLost();
      else if (errno !== EINTR) throw new SyscallError('recv', errno, 'netlink events');
    }
  };
  const close = (): void => {
    if (fd < 0) return;
    process.off('SIGIO', drain);
    closeSync(fd);
    fd = -1;
  };

  try {
    const address = Buffer.alloc(12);
    address.writeUInt16LE(AF_NETLINK, 0);
    check(libc('int bind(int, const void*, uint)')(fd, address, address.length), 'bind', 'netlink');
    const setOption = libc('int setsockopt(int, int, int, const void*, uint)');
    const size = Buffer.alloc(4);
    size.writeInt32LE(RECEIVE_BUFFER_BYTES);
    check(setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, 4), 'setsockopt', 'SO_RCVBUFFORCE');
    for (const group of groups) {
      const number = Buffer.alloc(4);
      number.writeInt32LE(group);
      check(setOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, number, 4), 'setsockopt', 'NETLINK_ADD_MEMBERSHIP');
    }
    // before the descriptor sends it: unheard, it ends the process
    process.on('SIGIO', drain);
    const fcntl = libc('int fcntl(int, int, int)');
    check(fcntl(fd, F_SETOWN, process.pid), 'fcntl', 'F_SETOWN');
    check(fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC), 'fcntl', 'O_ASYNC');
  } catch (error) {
    close();
    throw error;
  }
  return { drain, close };
}
