import { closeSync } from 'node:fs';
import { check, libc } from './ffi.ts';
import { unixAddress } from './unix-address.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;

/** Sends one datagram to a unix socket; a leading `@` names an abstract socket. Throws SyscallError. */
export function sendDatagram(path: string, text: string): void {
  const socket = libc('int socket(int, int, int)');
  const sendto = libc('long sendto(int, const void*, size_t, int, const void*, uint)');
  const address = unixAddress(path);
  const fd = check(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), 'socket');
  try {
    const body = Buffer.from(text, 'utf8');
    check(sendto(fd, body, body.length, MSG_NOSIGNAL, address, address.length), 'sendto', path);
  } finally {
    closeSync(fd);
  }
}
