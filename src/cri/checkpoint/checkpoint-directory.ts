import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { isNotFound } from '../../base/errors.ts';
import { randomHex } from '../../base/hash.ts';
import type { CriPaths } from '../paths.ts';

/** Holds the path of the archive while it is not whole. */
const NOTE = 'temporary';
const TEMPORARY = /^\/.*\.gantry-checkpoint-[0-9a-f]{16}$/s;

/** Where one checkpoint is put together: below the shim's root, for it is as large as the memory of its container. Mode 0700. */
export interface CheckpointDirectory {
  readonly path: string;
  /** CRIU's images. */
  readonly imagePath: string;
  /** CRIU's log and statistics. */
  readonly workPath: string;
  /** A path beside `location` for the unfinished archive, written down here first: whoever finds this directory after a crash removes the file. */
  temporaryBeside(location: string): string;
  /** Safe to repeat. */
  remove(): Promise<void>;
}

export function makeCheckpointDirectory({ checkpoints }: Pick<CriPaths, 'checkpoints'>): CheckpointDirectory {
  const key = randomHex(8);
  const path = `${checkpoints}/${key}`;
  const imagePath = `${path}/checkpoint`;
  const workPath = `${path}/work`;
  for (const directory of [imagePath, workPath]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  return {
    path,
    imagePath,
    workPath,
    temporaryBeside(location) {
      const temporary = `${location.slice(0, location.lastIndexOf('/'))}/.gantry-checkpoint-${key}`;
      writeFileSync(`${path}/${NOTE}`, temporary, { mode: 0o600 });
      return temporary;
    },
    remove: () => rm(path, { recursive: true, force: true }),
  };
}

/** Takes away what checkpoints that were cut short have left: their unfinished archives at once, the rest by the trash. Safe to repeat. Throws what the file system says. */
export function clearCheckpoints({ checkpoints, trash }: Pick<CriPaths, 'checkpoints' | 'trash'>): void {
  for (const key of entries(checkpoints)) {
    const path = `${checkpoints}/${key}`;
    const temporary = textIfThere(`${path}/${NOTE}`);
    if (TEMPORARY.test(temporary)) rmSync(temporary, { force: true });
    mkdirSync(trash, { recursive: true, mode: 0o700 });
    renameSync(path, `${trash}/checkpoint-${key}`);
  }
}

function entries(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

function textIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isNotFound(error)) return '';
    throw error;
  }
}
