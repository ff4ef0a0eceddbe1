import { internalError } from '../base/errors.ts';
import { sleep } from '../base/signals.ts';
import { signalProcess } from './pidfd.ts';
import { isAlive, type ProcessIdentity } from './procfs.ts';

const SIGKILL = 9;
const ROUNDS = 200;
const PAUSE_MS = 5;

/**
 * Sends SIGKILL to what `find` finds and looks again, until a look finds nothing: a process may fork between the look and the signal. For crash recovery and
 * time-outs. Throws `internal` with `what` and the pids when something will not die within about a second (uninterruptible sleep).
 */
export async function killUntilGone(what: string, find: () => readonly ProcessIdentity[]): Promise<void> {
  let found = find();
  for (let round = 0; found.length > 0 && round < ROUNDS; round++) {
    for (const process of found) signalProcess(process, SIGKILL);
    // `find` reads the whole process table, which blocks for milliseconds; whether these are gone costs a small file each.
    do {
      await sleep(PAUSE_MS);
    } while (found.some(isAlive) && ++round < ROUNDS);
    found = find();
  }
  if (found.length > 0) throw internalError(`processes ${found.map(p => p.pid).join(', ')} of ${what} do not end`);
}
