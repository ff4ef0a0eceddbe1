import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folder with files of upstream that tests compare with, where they are at hand. They are not part of the project. */
const FACTS = process.env['GANTRY_FACTS'];

/** The text of a file of upstream, undefined where it is not at hand. */
export function oracle(path: string): string | undefined {
  const file = fileOf(path);
  return file === undefined ? undefined : readFileSync(file, 'utf8');
}

/** The bytes of a file of upstream, undefined where it is not at hand. */
export function oracleBytes(path: string): Buffer | undefined {
  const file = fileOf(path);
  return file === undefined ? undefined : readFileSync(file);
}

/** For the title of a test: why it does not run. */
export function skipReason(path: string, found: string | Buffer | undefined): string {
  if (found !== undefined) return '';
  return FACTS === undefined
    ? ` [skipped: GANTRY_FACTS names no folder with ${path}]`
    : ` [skipped: ${path} is not in GANTRY_FACTS=${FACTS}]`;
}

function fileOf(path: string): string | undefined {
  if (FACTS === undefined || FACTS === '') return undefined;
  const file = join(FACTS, path);
  return existsSync(file) ? file : undefined;
}
