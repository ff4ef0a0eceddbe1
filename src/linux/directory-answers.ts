import { errorCode } from '../base/errors.ts';
import { randomHex } from '../base/hash.ts';
import { runCommand } from './command.ts';

/**
 * True where the file system of a directory answers a look-up within `ms`; one that is not there answers, too. Asked by a process of its own: a thread in a call that never returns keeps this
 * process from ending, where nothing can wake it, and four of them stop all that Node does with files. Such a process is left to the kernel. Where it cannot be started nothing is
 * known against the directory.
 */
export function directoryAnswers(path: string, ms: number, signal: AbortSignal): Promise<boolean> {
  return allAnswer([path], ms, signal);
}

/** Those that do not answer within `ms`: where all do that takes one process. Rejects only when `signal` aborts. */
export async function silentDirectories(
  paths: readonly string[],
  ms: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const asked = [...new Set(paths)];
  if (asked.length === 0 || (await allAnswer(asked, ms, signal))) return [];
  const answers = await Promise.all(asked.map(path => directoryAnswers(path, ms, signal)));
  return asked.filter((_path, i) => answers[i] === false);
}

async function allAnswer(paths: readonly string[], ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    // names that nobody has asked for before: an answer to others may come from the kernel's memory
    const names = paths.flatMap(path => [path, `${path}/.gantry-${randomHex(6)}`]);
    await runCommand('stat', ['--format=', '--', ...names], { timeoutMs: ms, signal, maxOutputBytes: 4096 });
    return true;
  } catch (error) {
    signal.throwIfAborted();
    return errorCode(error) !== 'deadline-exceeded';
  }
}
