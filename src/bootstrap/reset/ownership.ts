import { posix } from 'node:path';
import { filesBelow } from '../files.ts';
import { filesOf, type Marker } from '../marker/format.ts';
import { etcdMember, pairFiles } from '../marker/paths.ts';
import type { FileFacts } from './files/plan.ts';

/** What of places in which others may have their things was made here. */
export type Ownership = Pick<FileFacts, 'made' | 'hadEtcd' | 'hadKubelet' | 'kubeletHad'>;

/**
 * As the marker says; where there is none, a kubelet was here if its unit has left something. In another directory of keys than the marker's, which was named for this reset, all
 * that has a name of ours was meant. Pure.
 */
export function ownership(marker: Marker | undefined, pkiDir: string, hasNodeUnit: boolean): Ownership {
  if (marker === undefined) return { made: new Set(), hadEtcd: false, hadKubelet: hasNodeUnit, kubeletHad: new Set() };
  const files = filesOf(marker, filesBelow('/'));
  const isNamed = posix.relative(files.pkiDir, pkiDir) !== '';
  const more = isNamed ? [...pairFiles(pkiDir), `${pkiDir}/sa.key`, `${pkiDir}/sa.pub`] : [];
  return {
    made: new Set([...marker.made, ...more].map(path => posix.normalize(path))),
    hadEtcd: marker.made.includes(etcdMember(files)),
    hadKubelet: marker.made.includes(files.kubeletDir),
    kubeletHad: new Set(marker.kubeletHad),
  };
}
