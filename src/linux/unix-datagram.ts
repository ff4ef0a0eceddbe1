import { closeSync } from 'node:fs';
import { check, libc } from './ffi.ts';
import { unixAddress } from './unix-address.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_SNDTIMEO = 21;
/** What a datagram and its bookkeeping may take in the kernel; it grants 208 KiB unless an administrator raised net.core.wmem_max. */
const SEND_BUFFER_BYTES = 8 << 20;

/** Where datagrams go: a unix socket of somebody else, who may go away and come back. */
export interface DatagramSender {
  /** Sends one, and does not wait: throws SyscallError, with `EAGAIN` when the reader has not kept up. */
  send(datagram: Uint8Array): void;
  /** The same, but waits for the reader up to the time given at the opening. For last words alone: the event loop stands still. */
  sendLast(datagram: Uint8Array): void;
  close(): void;
}

/** Opens a socket that sends to `path`; a leading `@` names an abstract socket. The reader need not be there yet. Throws SyscallError. */
export function openDatagramSender(path: string, lastWordsMs = 1000): DatagramSender {
  const address = unixAddress(path);
  const fd = check(libc('int socket(int, int, int)')(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), 'socket');
  const setsockopt = libc('int setsockopt(int, int, int, const void*, uint)');
  const size = Buffer.alloc(4);
  size.writeInt32LE(SEND_BUFFER_BYTES);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, size, size.length);
  const timeout = Buffer.alloc(16);
  timeout.writeBigInt64LE(BigInt(Math.floor(lastWordsMs / 1000)), 0);
  timeout.writeBigInt64LE(BigInt((lastWordsMs % 1000) * 1000), 8);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, timeout, timeout.length);
  const sendto = libc('long sendto(int, const void*, size_t, int, const void*, uint)');
  const send = (datagram: Uint8Array, flags: number): void => {
    check(sendto(fd, datagram, datagram.length, flags | MSG_NOSIGNAL, address, address.length), 'sendto', path);
  };
  return {
    send: datagram => send(datagram, MSG_DONTWAIT),
    sendLast: datagram => send(datagram, 0),
    close: () => closeSync(fd),
  };
}

/** Sends one datagram to a unix socket, without waiting for its reader; a leading `@` names an abstract socket. Throws SyscallError. */
export function sendDatagram(path: string, text: string): void {
  const sender = openDatagramSender(path);
  try {
    sender.send(Buffer.from(text, 'utf8'));
  } finally {
    sender.close();
  }
}
