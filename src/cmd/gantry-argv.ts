import { realpathSync } from 'node:fs';

/** The command line that calls this very program: node and the entry that runs now. */
export function gantryArgv(): readonly string[] {
  return [process.execPath, realpathSync(process.argv[1] ?? '')];
}
