import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { writeFileAtomic } from '../linux/atomic-file.ts';
import { replaceFileAtomic } from '../linux/replace-file.ts';

/** Where phases read and write files: the machine's disk, or what a dry run takes for it. */
export interface Disk {
  exists(path: string): boolean;
  /** Throws where it cannot be read. */
  read(path: string): string;
  /** Replaces the file whole and durably, and makes the directory it is in. `mode` are its permission bits. */
  write(path: string, text: string, mode: number): void;
  /** Puts another text into a file that is there: owner, group, mode, ACL and a link to it stay. Durable, and in one step. */
  replace(path: string, text: string): void;
  /** Makes a directory, or gives the one that is there these permission bits. */
  makeDirectory(path: string, mode: number): void;
}

export const realDisk: Disk = {
  exists: existsSync,
  read: path => readFileSync(path, 'utf8'),
  write: (path, text, mode) => writeFileAtomic(path, text, { mode, durable: true }),
  replace: replaceFileAtomic,
  makeDirectory(path, mode) {
    mkdirSync(path, { recursive: true, mode });
    chmodSync(path, mode);
  },
};
