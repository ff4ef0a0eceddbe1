import { errnoName, GantryError } from '../../base/errors.ts';
import { runCommand } from '../../linux/command.ts';

/** A resolver whose name servers do not answer takes half a minute. */
const LOOKUP_PATIENCE_MS = 2000;
/** getent(1): the key was not found. */
const NOT_FOUND = 2;

/**
 * What looking up a name as programs of this machine do (nsswitch.conf(5)) gave: undefined where it was found. By a process that is killed when it takes too long: a look-up
 * within this one cannot be cut off, and holds its end up.
 */
export async function lookupProblem(
  name: string,
  patienceMs: number = LOOKUP_PATIENCE_MS,
): Promise<string | undefined> {
  try {
    const { code } = await runCommand('getent', ['ahosts', '--', name], { timeoutMs: patienceMs });
    return code === NOT_FOUND ? 'neither /etc/hosts nor the name servers know it' : undefined;
  } catch (error) {
    if (error instanceof GantryError && error.code === 'deadline-exceeded') return 'the name servers do not answer';
    // without the program nothing can be said
    if (errnoName(error) === 'ENOENT') return undefined;
    throw error;
  }
}
