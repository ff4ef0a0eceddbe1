import { closeSync, constants, openSync, unlinkSync, writeSync } from 'node:fs';
import { errnoName } from '../../base/errors.ts';

/**
 * Does what `crun start` does, without the process (4 to 6 ms of it): the container's init waits for a byte in the FIFO `exec.fifo` of crun's state, and
 * the container counts as created for as long as the file is there (seen with strace on crun 1.8.1, whose order of open, unlink and write this keeps).
 * Returns false, having done nothing, when nobody waits there: `crun start` then says what is wrong, or knows a newer way. Our specifications have
 * no poststart hooks, the only other thing that `start` would do.
 */
export function releaseInit(fifo: string): boolean {
  let fd: number;
  try {
    // O_NONBLOCK: without a reader the open fails with ENXIO and does not wait for one.
    fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = errnoName(error);
    if (code === 'ENOENT' || code === 'ENXIO') return false;
    throw error;
  }
  try {
    unlinkSync(fifo);
    writeSync(fd, Buffer.alloc(1));
    return true;
  } finally {
    closeSync(fd);
  }
}
