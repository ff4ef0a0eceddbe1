import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { errnoName, failedPrecondition } from '../../base/errors.ts';
import type { TerminalSize } from '../../linux/terminal.ts';
import { CONMON_FILES } from './conmon-protocol.ts';

/** Makes conmon open its log file anew. */
export function askToReopenLog(bundle: string): void {
  writeControl(bundle, '2 0 0\n');
}

/** Gives a container's terminal its size. */
export function resizeTerminal(bundle: string, size: TerminalSize): void {
  writeControl(bundle, `1 ${size.height} ${size.width}\n`);
}

/** Throws `failed-precondition` when the container has no monitor any more: a FIFO without a reader answers ENXIO to a non-blocking open. */
function writeControl(bundle: string, line: string): void {
  const path = join(bundle, CONMON_FILES.control);
  let fd: number;
  try {
    fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const code = errnoName(cause);
    if (code !== 'ENXIO' && code !== 'ENOENT') throw cause;
    throw failedPrecondition(`the container's monitor has ended (nobody reads ${path})`, { cause });
  }
  try {
    writeSync(fd, line);
  } finally {
    closeSync(fd);
  }
}
