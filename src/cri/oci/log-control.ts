import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { deadlineSignal } from '../../base/signals.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import { watchDirectory } from '../../linux/watch-directory.ts';
import { askToReopenLog } from './control-fifo.ts';

const REOPEN_TIMEOUT_MS = 10_000;

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
        askToReopenLog(bundle);
        faultPoint('cri/reopen-container-log/asked');
        look();
      } catch (error) {
        finish(() => reject(error));
      }
    });
  } finally {
    deadline.release();
  }
}

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}
