import { check, libc } from './ffi.ts';

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9n;

/** Makes the kernel end this process when the thread that started it ends, however that happens. */
export function dieWithParent(): void {
  check(libc('int prctl(int, ulong, ulong, ulong, ulong)')(PR_SET_PDEATHSIG, SIGKILL, 0n, 0n, 0n), 'prctl');
}
