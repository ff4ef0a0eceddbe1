import { closeSync, fstatSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { errnoName } from '../base/errors.ts';

/** Nobody reads the pipe any more, or the terminal is gone. */
const NOBODY_READS = ['EPIPE', 'EIO'];

/**
 * Lets a command go on to its end, and to its own exit code, where nobody reads what it says any more (`gantry init | head -1`, a terminal that was closed): that is no reason to leave a machine
 * half made. What cannot be written for another reason, as on a full disk, is told on standard error, and the exit code is not 0 then. To be called once.
 */
export function outliveReaders(): void {
  let failed = false;
  for (const [name, stream] of [
    ['output', process.stdout],
    ['error', process.stderr],
  ] as const)
    stream.on('error', error => {
      if (NOBODY_READS.includes(errnoName(error) ?? '')) return;
      if (!failed) process.stderr.write(`gantry: standard ${name} cannot be written: ${error.message}\n`);
      failed = true;
    });
  process.once('exit', () => {
    if (failed) process.exitCode = Number(process.exitCode ?? 0) || 1;
    for (const fd of [0, 1, 2]) leaveGoneTerminal(fd);
  });
}

/** At its end Node sets each terminal to what it was before, and aborts with a core where one is gone; it leaves alone what is another file by then. */
function leaveGoneTerminal(fd: number): void {
  try {
    if (!fstatSync(fd).isCharacterDevice() || isatty(fd)) return;
    closeSync(fd);
    // the lowest number that is free
    openSync('/dev/null', 'r+');
  } catch {
    // a descriptor that was never open
  }
}
