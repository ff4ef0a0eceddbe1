import { Socket } from 'node:net';
import { check, libc } from './ffi.ts';
import { inNetns } from './netns.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

/**
 * A TCP socket, not yet connected, that belongs to the network namespace bound at `netns`: `connect` it to addresses there (no names: they would be resolved
 * here). Throws SyscallError (ENOENT: no such namespace; EAFNOSUPPORT: no IPv6 there).
 */
export function tcpSocketIn(netns: string, family: 4 | 6): Socket {
  const domain = family === 4 ? AF_INET : AF_INET6;
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = inNetns(netns, () => check(libc('int socket(int, int, int)')(domain, type, 0), 'socket'));
  return new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
}
