import { closeSync, constants, openSync, readdirSync, readFileSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { errnoName, isNotFound } from '../../base/errors.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import { processIdentity } from '../../linux/procfs.ts';

/** In crun's state directory of a container: what its init waits at, and by whose presence crun calls the container created. */
const FIFO = 'exec.fifo';

/**
 * Does what `crun start` does, without the process (4 to 6 ms of it): the container's init waits for a byte in the FIFO `exec.fifo` of crun's state, and
 * the container counts as created for as long as the file is there (seen with strace on crun 1.8.1). crun takes the file away first and writes then;
 * here it is the other way round, so that a crash between the two leaves a container that runs and not one that waits for ever: `settleStart` takes
 * the file away later. Returns false, having done nothing, when nobody waits there: `crun start` then says what is wrong, or knows a newer way. The only other thing that
 * `start` would do are poststart hooks: a container that has some is started by `crun start`.
 */
export function releaseInit(directory: string): boolean {
  const fifo = join(directory, FIFO);
  let fd: number;
  try {
    // O_NONBLOCK: without a reader the open fails with ENXIO and does not wait for one.
    fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = errnoName(error);
    // Nobody waits, yet the program runs: it was released before. `crun start` would wait for a reader for ever.
    if (code === 'ENXIO') return settleStart(directory);
    if (code === 'ENOENT') return false;
    throw error;
  }
  try {
    writeSync(fd, Buffer.alloc(1));
    faultPoint('cri/start-container/released');
    unlinkSync(fifo);
    faultPoint('cri/start-container/fifo-removed');
    return true;
  } finally {
    closeSync(fd);
  }
}

/**
 * Ends a start that a crash cut short after its byte was written: when the container's process lives and does not hold the FIFO any more, it has gone on
 * to its program, and the file is taken away. True when that was so. Neither opens nor writes: an init that still waits is left to wait. Safe to repeat.
 */
export function settleStart(directory: string): boolean {
  const fifo = join(directory, FIFO);
  try {
    const { dev, ino } = statSync(fifo);
    const { pid } = JSON.parse(readFileSync(join(directory, 'status'), 'utf8')) as { pid?: unknown };
    if (typeof pid !== 'number' || processIdentity(pid) === undefined) return false;
    const waits = readdirSync(`/proc/${pid}/fd`).some(name => {
      const held = statSync(`/proc/${pid}/fd/${name}`, { throwIfNoEntry: false });
      return held?.dev === dev && held.ino === ino;
    });
    if (waits) return false;
    unlinkSync(fifo);
    return true;
  } catch (error) {
    // the container ended meanwhile, or was never created whole
    if (isNotFound(error) || errnoName(error) === 'ESRCH') return false;
    throw error;
  }
}
