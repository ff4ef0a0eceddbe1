import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { errnoName } from '../../base/errors.ts';
import type { ContainerStatus } from '../../rpc/cri-api.ts';
import { ANNOTATION } from '../runtime/labels.ts';

/** Upstream's limits: of the message file, and of what is taken from the log instead. */
const MAX_MESSAGE_BYTES = 4096;
const MAX_LOG_BYTES = 2048;
const MAX_LOG_LINES = 80;

/**
 * What an exited container left to say: its termination message file, or the end of its log where the policy asks for that and it failed.
 * Never throws: a message that cannot be read is empty, or says why in one line.
 */
export function readTerminationMessage(status: ContainerStatus): string {
  const path = status.annotations[ANNOTATION.terminationMessagePath] ?? '';
  const mount = status.mounts.find(m => m.containerPath === path);
  const fallback =
    status.annotations[ANNOTATION.terminationMessagePolicy] === 'FallbackToLogsOnError' && status.exitCode !== 0;
  try {
    const message = path === '' || mount === undefined ? '' : readTail(mount.hostPath, MAX_MESSAGE_BYTES, 'start');
    if (message !== '' || !fallback || status.logPath === '') return message;
    const lines = readTail(status.logPath, MAX_LOG_BYTES * 2, 'end')
      .split('\n')
      .filter(l => l !== '');
    return lines.slice(-MAX_LOG_LINES).map(logText).join('\n').slice(-MAX_LOG_BYTES);
  } catch (error) {
    return errnoName(error) === 'ENOENT'
      ? ''
      : `the termination message could not be read: ${errnoName(error) ?? error}`;
  }
}

/** The text of a CRI log line, without its time, stream and tag. */
function logText(line: string): string {
  return line.split(' ').slice(3).join(' ');
}

/** The file is under the container's control: it is opened without following a link and without waiting for a pipe. */
function readTail(path: string, bytes: number, from: 'start' | 'end'): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return '';
    const position = from === 'end' ? Math.max(0, stat.size - bytes) : 0;
    const buffer = Buffer.alloc(bytes);
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, bytes, position));
  } finally {
    closeSync(fd);
  }
}
