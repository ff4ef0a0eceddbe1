import { readdirSync } from 'node:fs';
import { errnoName } from '../../base/errors.ts';

/** A directory in which nobody can look, with the name of the kernel's error: a broken disk (EIO), a server that forgot it (ESTALE). */
export interface UnreadableDirectory {
  readonly path: string;
  readonly code: string;
}

export interface DirectoryEntries {
  /** Sorted; a directory that is not there has no entry. */
  readonly entries: ReadonlyMap<string, readonly string[]>;
  readonly unreadable: readonly UnreadableDirectory[];
}

/** Lists directories. Never fails: one that cannot be read must not keep the rest of a node here. */
export function readDirectories(
  paths: readonly string[],
  read: (path: string) => readonly string[] = path => readdirSync(path),
): DirectoryEntries {
  const entries = new Map<string, readonly string[]>();
  const unreadable: UnreadableDirectory[] = [];
  for (const path of paths) {
    try {
      entries.set(path, read(path).toSorted());
    } catch (error) {
      const code = errnoName(error) ?? 'unknown error';
      if (code !== 'ENOENT' && code !== 'ENOTDIR') unreadable.push({ path, code });
    }
  }
  return { entries, unreadable };
}

/** A sentence for each. Pure. */
export function directoryProblems(unreadable: readonly UnreadableDirectory[]): readonly string[] {
  return unreadable.map(
    ({ path, code }) => `${path} cannot be read (${code}): what Gantry has made in it stays, until its disk is well`,
  );
}
