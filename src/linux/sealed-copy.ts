import { closeSync, fchmodSync, readFileSync, writeSync } from 'node:fs';
import { check, libc } from './ffi.ts';

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
/** F_SEAL_SEAL, _SHRINK, _GROW and _WRITE: nobody can change the copy any more, root included. */
const ALL_SEALS = 0x1 | 0x2 | 0x4 | 0x8;

/**
 * Copies a program into memory, unchangeable, and returns a path by which other processes can execute it for as long as this process lives (the
 * descriptor stays open). Throws SyscallError.
 */
export function sealedCopy(program: string): string {
  const content = readFileSync(program);
  const fd = check(
    libc('int memfd_create(const char*, uint)')(program, MFD_CLOEXEC | MFD_ALLOW_SEALING),
    'memfd_create',
  );
  try {
    for (let offset = 0; offset < content.length; ) offset += writeSync(fd, content, offset);
    fchmodSync(fd, 0o500);
    check(libc('int fcntl(int, int, int)')(fd, F_ADD_SEALS, ALL_SEALS), 'fcntl F_ADD_SEALS', program);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return `/proc/${process.pid}/fd/${fd}`;
}
