import { closeSync } from 'node:fs';
import { check, libc } from './ffi.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;

/** Sends one datagram to a unix socket; a leading `@` names an abstract socket. Throws SyscallError. */
export function sendDatagram(path: string, text: string): void {
  const socket = libc('int socket(int, int, int)');
  const sendto = libc('long sendto(int, const void*, size_t, int, const void*, uint)');
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`, 'utf8');
  const address = Buffer.alloc(2 + name.length);
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  const fd = check(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), 'socket');
  try {
    const body = Buffer.from(text, 'utf8');
    check(sendto(fd, body, body.length, MSG_NOSIGNAL, address, address.length), 'sendto', path);
  } finally {
    closeSync(fd);
  }
}
