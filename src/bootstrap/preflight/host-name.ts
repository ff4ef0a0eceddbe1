import { errnoName, GantryError } from '../../base/errors.ts';
import { runCommand } from '../../linux/command.ts';

/** A resolver whose name servers do not answer takes half a minute. */
const LOOKUP_PATIENCE_MS = 2000;
/** getent(1): the key was not found. */
const NOT_FOUND = 2;

/** What programs of this machine are told when they look up a name. */
export interface NameLookup {
  /** Each once; none as well where nothing can be said. */
  readonly addresses: readonly string[];
  /** Undefined where it was found, or where nothing can be said. */
  readonly problem: string | undefined;
}

/**
 * Looks a name up as programs of this machine do (nsswitch.conf(5)). By a process that is killed when it takes longer than `patienceMs`: a look-up within this one cannot be cut off, and holds its end up.
 */
export async function lookUpName(name: string, patienceMs: number = LOOKUP_PATIENCE_MS): Promise<NameLookup> {
  try {
    const { code, stdout } = await runCommand('getent', ['ahosts', '--', name], { timeoutMs: patienceMs });
    const lines = stdout.toString('utf8').split('\n');
    return {
      addresses: [...new Set(lines.flatMap(line => line.trim().split(/\s+/)[0] || []))],
      problem: code === NOT_FOUND ? 'neither /etc/hosts nor the name servers know it' : undefined,
    };
  } catch (error) {
    if (error instanceof GantryError && error.code === 'deadline-exceeded')
      return { addresses: [], problem: 'the name servers do not answer' };
    // without the program nothing can be said
    if (errnoName(error) === 'ENOENT') return { addresses: [], problem: undefined };
    throw error;
  }
}
