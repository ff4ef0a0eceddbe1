import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/**
 * Files of upstream that tests compare with where they are at hand: GANTRY_FACTS, or `../shared/facts` beside the
 * repository. They are not part of the project.
 */
const FACTS = process.env['GANTRY_FACTS'] ?? resolve(import.meta.dirname, '../../../../shared/facts');

/** The text of a file of upstream, undefined where it is not at hand. */
export function oracle(path: string): string | undefined {
  const file = join(FACTS, path);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/** The bytes of a file of upstream, undefined where it is not at hand. */
export function oracleBytes(path: string): Buffer | undefined {
  const file = join(FACTS, path);
  return existsSync(file) ? readFileSync(file) : undefined;
}

/** For the title of a test: why it does not run. */
export function skipReason(path: string, found: string | Buffer | undefined): string {
  return found === undefined ? ` [skipped: ${join(FACTS, path)} is not here; set GANTRY_FACTS]` : '';
}
