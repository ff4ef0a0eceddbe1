import { check, libc } from './ffi.ts';

export const NODE_TYPES = { fifo: 0o010000, char: 0o020000, block: 0o060000 } as const;

/** glibc's packing of a device number (gnu_dev_makedev): 32 bits of major and 20+12 bits of minor, interleaved. */
export function makeDevice(major: number, minor: number): bigint {
  const ma = BigInt(major);
  const mi = BigInt(minor);
  return (
    (mi & 0xffn) | ((ma & 0xfffn) << 8n) | ((mi & ~0xffn & 0xffffffffn) << 12n) | ((ma & ~0xfffn & 0xffffffffn) << 32n)
  );
}

/** Makes a fifo or a device node with exactly `mode` (when the umask is 0). Throws SyscallError, EEXIST among others. */
export function makeNode(
  path: string,
  type: keyof typeof NODE_TYPES,
  mode: number,
  major: number,
  minor: number,
): void {
  const mknod = libc('int mknod(const char*, uint, uint64_t)');
  check(mknod(path, NODE_TYPES[type] | (mode & 0o7777), makeDevice(major, minor)), 'mknod', path);
}
