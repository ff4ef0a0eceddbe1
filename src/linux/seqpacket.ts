import { closeSync, constants, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { DescriptorStream } from './fd-stream.ts';
import { check, libc } from './ffi.ts';
import { unixAddress } from './unix-address.ts';

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

/**
 * Connects to the SOCK_SEQPACKET socket at `path`, however long that is. Each `data` event is one packet, and each `write` is one, if nothing is written before
 * the last write has called back (Node would put what waits together) and nothing reads but by `data` (for the same reason). `end` says that no more will be sent. Throws SyscallError: ENOENT, ECONNREFUSED (nobody listens), EAGAIN (too many wait to be
 * accepted: try later).
 */
export function connectPackets(path: string): DescriptorStream {
  // A socket's name holds 107 bytes: it is found through its directory's descriptor.
  const directory = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const type = SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const fd = check(libc('int socket(int, int, int)')(AF_UNIX, type, 0), 'socket');
    const address = unixAddress(`/proc/self/fd/${directory}/${basename(path)}`);
    try {
      check(libc('int connect(int, const void*, uint)')(fd, address, address.length), 'connect', path);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return new DescriptorStream(fd);
  } finally {
    closeSync(directory);
  }
}
