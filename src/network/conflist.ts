import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errnoName } from '../base/errors.ts';
import { writeFileAtomic } from '../linux/atomic-file.ts';

/** Our CNI configuration. */
export const CONFLIST_FILE = '10-gantry.conflist';
const CONFIGURATION = /\.(conflist|conf|json)$/;

/** What became of the CNI configuration: ours is there now, was there as it is, or another one has the place. */
export type ConflistOutcome = 'written' | 'unchanged' | { readonly other: string };

/** Writes our CNI configuration where there is none of others. A reader sees the old one or the new one. Idempotent. */
export function ensureConflist(directory: string, text: string): ConflistOutcome {
  const other = configurations(directory).find(name => name !== CONFLIST_FILE);
  if (other !== undefined) return { other };
  const path = join(directory, CONFLIST_FILE);
  if (readOrNothing(path) === text) return 'unchanged';
  writeFileAtomic(path, text, { mode: 0o644, durable: true });
  return 'written';
}

export function removeConflist(directory: string): void {
  rmSync(join(directory, CONFLIST_FILE), { force: true });
}

function configurations(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter(name => CONFIGURATION.test(name))
      .sort();
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return [];
    throw error;
  }
}

function readOrNothing(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return undefined;
    throw error;
  }
}
