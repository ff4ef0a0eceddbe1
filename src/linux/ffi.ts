import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import * as koffi from 'koffi';

/** The errno's name as Node spells it. Node's own table leaves some out (ECHILD, EUSERS, …); a number that nobody names is `E<number>`. */
function errnoText(errno: number): string {
  const name = getSystemErrorName(-errno);
  if (!name.startsWith('Unknown')) return name;
  return Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `E${errno}`;
}

/** A failed system call: `code` is the errno name as Node spells it, so that callers ask `error.code === 'EBUSY'`. */
export class SyscallError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(syscall: string, errno: number, subject?: string) {
    const code = errno === 0 ? 'EUNKNOWN' : errnoText(errno);
    super(`${syscall}${subject === undefined ? '' : ` ${subject}`}: ${code}`);
    this.name = 'SyscallError';
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
  }
}

/** A bound C function. Integers come back as numbers (64-bit ones as bigint when they do not fit). */
export type ForeignFunction = (...args: unknown[]) => number;

const libraries = new Map<string, koffi.LibraryHandle>();
const functions = new Map<string, ForeignFunction>();

/**
 * Binds a C function; the library is loaded at its first binding and a signature is parsed once. Calls cost 0.1 to 0.3 µs and block the event
 * loop for as long as the kernel takes. koffi's own `.async` is deliberately not offered: namespaces are per thread.
 */
export function bind(library: string, signature: string): ForeignFunction {
  const key = `${library}:${signature}`;
  const bound = functions.get(key);
  if (bound !== undefined) return bound;
  let handle = libraries.get(library);
  if (handle === undefined) {
    handle = koffi.load(library);
    libraries.set(library, handle);
  }
  const fn = handle.func(signature) as ForeignFunction;
  functions.set(key, fn);
  return fn;
}

/** A function of the C library. */
export function libc(signature: string): ForeignFunction {
  return bind('libc.so.6', signature);
}

/** The errno of the last call made through a bound function. */
export function lastErrno(): number {
  return koffi.errno();
}

/** Returns `result` when it is not negative, else throws the errno as a SyscallError. `subject` is the path or name concerned. */
export function check(result: number | bigint, syscall: string, subject?: string): number {
  if (result < 0) throw new SyscallError(syscall, koffi.errno(), subject);
  return Number(result);
}

/** Where a buffer's bytes lie, for structures that hold pointers. Good for as long as the caller keeps the buffer. */
export function addressOf(buffer: Buffer): bigint {
  return BigInt(koffi.address(buffer));
}
