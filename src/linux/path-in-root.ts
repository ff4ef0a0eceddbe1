import { closeSync, fstatSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { errnoName } from '../base/errors.ts';
import { check, libc } from './ffi.ts';

const SYS_OPENAT2 = 437;
const O_CLOEXEC = 0o2000000;
const O_DIRECTORY = 0o200000;
const O_PATH = 0o10000000;
/** openat2(2): links are resolved as chroot(2) would, so none leads out of the directory. */
const RESOLVE_IN_ROOT = 0x10;
/** openat2(2): no way through /proc/…/fd and the like. */
const RESOLVE_NO_MAGICLINKS = 0x02;

/** passwd and group files beyond this are not what they seem; a root file system is untrusted input. */
const MAX_TEXT_BYTES = 4 << 20;

/**
 * Text of a regular file inside `root`. Symbolic links, absolute ones too, are resolved inside `root` by the kernel, so the content of an image
 * cannot name a file of the machine. Empty when there is no such file or it is none to read (a directory, a device, over 4 MiB).
 */
export function readTextInRoot(root: string, path: string): string {
  const text = atPlaceInRoot(root, path, 0, place => {
    const { size, mode } = fstatSync(place);
    const regular = (mode & 0o170000) === 0o100000;
    // Through the descriptor: it is the very file that was looked at.
    return regular && size <= MAX_TEXT_BYTES ? readFileSync(`/proc/self/fd/${place}`, 'utf8') : '';
  });
  return text ?? '';
}

/**
 * The path, without links, of a directory inside `root`, resolved as above; undefined when there is none. It holds as long as nobody can change what is in
 * `root`, as in a read-only mount of an image. `root` itself must have no links in its path.
 */
export function directoryInRoot(root: string, path: string): string | undefined {
  return atPlaceInRoot(root, path, O_DIRECTORY, place => readlinkSync(`/proc/self/fd/${place}`));
}

/** Opens the place for `use`; undefined when there is no such place. Opening with O_PATH acts on nothing: an image could name a device (a watchdog, a tape). */
function atPlaceInRoot<T>(root: string, path: string, flags: number, use: (place: number) => T): T | undefined {
  const rootFd = openSync(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  try {
    // struct open_how: u64 flags, u64 mode, u64 resolve.
    const how = Buffer.alloc(24);
    how.writeBigUInt64LE(BigInt(O_PATH | O_CLOEXEC | flags), 0);
    how.writeBigUInt64LE(BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), 16);
    const syscall = libc('long syscall(long, ...)');
    const place = check(
      syscall(SYS_OPENAT2, 'int', rootFd, 'const char *', path, 'void *', how, 'size_t', how.length),
      'openat2',
      `${path} in ${root}`,
    );
    try {
      return use(place);
    } finally {
      closeSync(place);
    }
  } catch (error) {
    const code = errnoName(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
    throw error;
  } finally {
    closeSync(rootFd);
  }
}
