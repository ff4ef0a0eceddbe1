import { libc } from './ffi.ts';

/** Ends this process at once (_exit(2)). Node's own `process.exit` waits for its threads, and one that reads a file system which hangs never ends. What was written to pipes has to be out. */
export function endProcess(code: number): void {
  libc('void _exit(int status)')(code);
}

/** What still waits for an answer when all is told: a look-up of a name, or a disk that hangs. In ms. */
const LINGER_MS = 100;

/** Ends this process where it has not ended by itself a moment after all is told. */
export function endProcessSoon(code: () => number): void {
  setTimeout(() => endProcess(code()), LINGER_MS).unref();
}
