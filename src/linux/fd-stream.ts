import { readSync } from 'node:fs';
import { Socket } from 'node:net';
import { errnoName } from '../base/errors.ts';
import { check, libc } from './ffi.ts';
import { closeFds } from './pipe.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const F_GETFL = 3;
const F_SETFL = 4;
/** As Node reads. */
const READ_BYTES = 65536;

/**
 * A duplex stream over any descriptor that can be polled (a pty's master, a SOCK_SEQPACKET socket), which it owns from now on; the descriptor becomes
 * non-blocking. Back-pressure is that of the stream. A pty tells by EIO that nobody has its other side any more, a socket by ECONNRESET that its peer
 * ended without reading all: either is the end of the stream, after all that was written. What is written after that goes nowhere.
 *
 * Node takes descriptors of files, pipes and a few kinds of sockets only. So the stream is made over one of a pair of sockets, and the descriptor put in its
 * place in the same turn of the event loop, before anything polls it.
 */
export class DescriptorStream extends Socket {
  readonly #descriptor: number;
  #drained = false;

  /** Throws SyscallError (EMFILE); the descriptor is closed then. */
  constructor(fd: number) {
    const place = placeFor(fd);
    super({ fd: place, readable: true, writable: true, allowHalfOpen: true });
    this.#descriptor = place;
    try {
      check(libc('int dup3(int, int, int)')(fd, place, O_CLOEXEC), 'dup3');
    } finally {
      closeFds(fd);
    }
  }

  /** For calls that a stream has no words for; undefined once it is closed. */
  get descriptor(): number | undefined {
    return this.destroyed ? undefined : this.#descriptor;
  }

  override destroy(error?: Error): this {
    if (this.destroyed || !tellsClosed(error)) return super.destroy(error);
    // Destroying would throw away what was read and not taken yet.
    this.push(null);
    return this;
  }

  // A failed write would keep the stream from giving what is still to be read.
  override _write(chunk: unknown, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    super._write(chunk, encoding, error => done(tellsClosed(error) ? null : error));
  }

  override _writev(chunks: { chunk: unknown; encoding: BufferEncoding }[], done: (error?: Error | null) => void): void {
    super._writev?.(chunks, error => done(tellsClosed(error) ? null : error));
  }

  /**
   * Node ends a stream when the other side has closed and one read brought less than was room for. A terminal and a socket of packets never bring more at a
   * time, so there may be more: as much as the kernel keeps for one, some 200 KiB.
   */
  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (chunk === null && !this.#drained) {
      this.#drained = true;
      for (let rest = readOnce(this.#descriptor); rest !== undefined; rest = readOnce(this.#descriptor))
        super.push(rest);
    }
    return super.push(chunk, encoding);
  }
}

/** How reading and writing tell that nobody has the other side any more. */
function tellsClosed(error: Error | null | undefined): boolean {
  return ['EIO', 'ECONNRESET', 'EPIPE'].includes(errnoName(error) ?? '');
}

/** What one read brings; undefined at the end, and where nothing has come. */
function readOnce(fd: number): Buffer | undefined {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (;;) {
    try {
      const length = readSync(fd, buffer);
      return length === 0 ? undefined : buffer.subarray(0, length);
    } catch (error) {
      // The peer of a socket ended without reading all it was sent: the kernel says so once, before it gives what the peer had sent.
      if (errnoName(error) !== 'ECONNRESET') return undefined;
    }
  }
}

/** A descriptor that a stream takes. Closes `fd` when it throws. */
function placeFor(fd: number): number {
  const pair = [-1, -1];
  try {
    const fcntl = libc('int fcntl(int, int, long)');
    const flags = check(fcntl(fd, F_GETFL, 0), 'fcntl', 'F_GETFL');
    check(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 'fcntl', 'F_SETFL');
    const socketpair = libc('int socketpair(int, int, int, _Out_ int*)');
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 'socketpair');
  } catch (error) {
    closeFds(fd);
    throw error;
  }
  const [place = -1, other = -1] = pair;
  closeFds(other);
  return place;
}
