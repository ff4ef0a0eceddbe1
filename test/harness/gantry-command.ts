import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's root directory. GANTRY_PROJECT says it to bundled benchmarks, which lie elsewhere. */
export const PROJECT =
  process.env['GANTRY_PROJECT'] ?? fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** The built command; GANTRY_DIST names another build than dist/. */
export function gantryCommand(...args: string[]): string[] {
  const entry = `${resolve(process.env['GANTRY_DIST'] ?? `${PROJECT}/dist`)}/gantry.mjs`;
  if (!existsSync(entry)) throw new Error(`${entry} is missing: run "npm run build" first`);
  return [process.env['GANTRY_NODE'] ?? process.execPath, entry, ...args];
}
