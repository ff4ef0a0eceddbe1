import { closeSync, constants, openSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errnoName, failedPrecondition } from '../../base/errors.ts';
import { deadlineSignal } from '../../base/signals.ts';
import { watchDirectory } from '../../linux/watch-directory.ts';
import { CONMON_FILES } from './conmon-protocol.ts';

const REOPEN_TIMEOUT_MS = 10_000;
const REOPEN_LINE = '2 0 0\n';

/**
 * Makes conmon write into a new file at `logPath` and resolves when that file is there. Throws `failed-precondition` when the container has no monitor any more
 * and `deadline-exceeded` after ten seconds.
 */
export async function reopenLog(bundle: string, logPath: string, signal?: AbortSignal): Promise<void> {
  const before = inodeOf(logPath);
  const deadline = deadlineSignal(REOPEN_TIMEOUT_MS, `conmon to reopen ${logPath}`, signal);
  try {
    await new Promise<void>((resolve, reject) => {
      deadline.signal.throwIfAborted();
      const finish = (end: () => void): void => {
        watch.close();
        end();
      };
      const look = (): void => {
        const now = inodeOf(logPath);
        if (now !== undefined && now !== before) finish(resolve);
      };
      const watch = watchDirectory(dirname(logPath), look, error => finish(() => reject(error)));
      deadline.signal.addEventListener('abort', () => finish(() => reject(deadline.signal.reason)), { once: true });
      try {
        writeControl(bundle, REOPEN_LINE);
        look();
      } catch (error) {
        finish(() => reject(error));
      }
    });
  } finally {
    deadline.release();
  }
}

/** A FIFO without a reader answers ENXIO to a non-blocking open: the monitor is gone. */
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

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}
