import { DIRECTORY_MODE } from '../../linux/atomic-file.ts';
import type { Disk } from '../disk.ts';
import type { Files } from '../files.ts';
import { claimsOf } from '../marker/paths.ts';
import type { Mark } from '../marker/plan.ts';
import { ensureMarker, makeParents } from '../marker.ts';

/** A disk on which `init` writes down what it makes before it is there, so that a run that was killed is known by all that it has made. */
export function markingDisk(disk: Disk, files: Files, etcd: Mark['etcd']): Disk {
  const mark = (path: string): void => ensureMarker(files, 'init', { etcd, claims: claimsOf(path, files) });
  return {
    ...disk,
    write(path, text, mode) {
      mark(path);
      makeParents(path, DIRECTORY_MODE, files, 'init');
      disk.write(path, text, mode);
    },
    replace(path, text) {
      mark(path);
      disk.replace(path, text);
    },
    makeDirectory(path, mode) {
      mark(path);
      makeParents(path, mode, files, 'init');
      disk.makeDirectory(path, mode);
    },
  };
}
