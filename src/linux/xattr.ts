import { lastErrno, libc, SyscallError } from './ffi.ts';

const ENODATA = 61;
const ENOTSUP = 95;

/**
 * Sets an extended attribute of `path` itself (a symbolic link is not followed). Returns false when the file system or the file type has no
 * such attributes; throws SyscallError otherwise.
 */
export function setXattr(path: string, name: string, value: Uint8Array): boolean {
  const lsetxattr = libc('int lsetxattr(const char*, const char*, const void*, size_t, int)');
  if (lsetxattr(path, name, value, value.length, 0) === 0) return true;
  const errno = lastErrno();
  if (errno === ENOTSUP) return false;
  throw new SyscallError('lsetxattr', errno, `${path} ${name}`);
}

/** The value of an extended attribute of `path` itself, undefined when it has none of that name. Throws SyscallError. */
export function getXattr(path: string, name: string): Buffer | undefined {
  const lgetxattr = libc('long lgetxattr(const char*, const char*, _Out_ void*, size_t)');
  const buffer = Buffer.alloc(65536);
  const length = lgetxattr(path, name, buffer, buffer.length);
  if (length >= 0) return Buffer.from(buffer.subarray(0, length));
  const errno = lastErrno();
  if (errno === ENODATA || errno === ENOTSUP) return undefined;
  throw new SyscallError('lgetxattr', errno, `${path} ${name}`);
}

/** Sets an extended attribute of an open file. Throws SyscallError, where the file system has no such attributes, too (ENOTSUP). */
export function setXattrOf(fd: number, name: string, value: Uint8Array): void {
  const fsetxattr = libc('int fsetxattr(int, const char*, const void*, size_t, int)');
  if (fsetxattr(fd, name, value, value.length, 0) !== 0) throw new SyscallError('fsetxattr', lastErrno(), name);
}

/** Takes an extended attribute from an open file; nothing happens where it has none of that name. Throws SyscallError. */
export function removeXattrOf(fd: number, name: string): void {
  const fremovexattr = libc('int fremovexattr(int, const char*)');
  if (fremovexattr(fd, name) === 0) return;
  const errno = lastErrno();
  if (errno !== ENODATA && errno !== ENOTSUP) throw new SyscallError('fremovexattr', errno, name);
}
