import { readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { parse } from 'yaml';
import { errnoName, errorMessage } from '../../base/errors.ts';
import type { CdiFile } from '../spec/cdi-devices.ts';
import { parseCdiSpec } from '../spec/cdi-spec.ts';

/** What describes some devices takes a few KiB, a whole machine's a few hundred. */
const MAX_FILE_BYTES = 4 << 20;

/**
 * Every CDI specification in these directories; a later directory has the higher priority. One that cannot be read is told with its reason and keeps nobody
 * from the devices of others. Read anew whenever a container asks for devices, which is rare: drivers write such files at any time.
 */
export function readCdiFiles(directories: readonly string[]): readonly CdiFile[] {
  return directories.flatMap((directory, priority) =>
    names(directory)
      .filter(name => ['.json', '.yaml'].includes(extname(name)))
      .map(name => readCdiFile(join(directory, name), priority)),
  );
}

function readCdiFile(path: string, priority: number): CdiFile {
  try {
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES) return { path, priority, problem: `it is larger than ${MAX_FILE_BYTES} bytes` };
    // JSON is read as YAML, as upstream does
    return {
      path,
      priority,
      spec: parseCdiSpec(parse(readFileSync(path, 'utf8'), { uniqueKeys: true, prettyErrors: false })),
    };
  } catch (error) {
    return { path, priority, problem: errorMessage(error) };
  }
}

function names(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if (errnoName(error) === 'ENOENT' || errnoName(error) === 'ENOTDIR') return [];
    throw error;
  }
}
