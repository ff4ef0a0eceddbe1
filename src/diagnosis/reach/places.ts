import type { Files } from '../../bootstrap/files.ts';
import type { Place } from './reach.ts';

/** Where a host's supervisor keeps the logs of daemons. */
const HOST_LOGS = '/var/log/gantry';

/** The directories that are read to tell how a node is. */
export function statusPlaces(files: Files): readonly Place[] {
  return [
    { path: '/etc/gantry', deep: true },
    { path: files.kubernetesDir, deep: true },
    { path: files.pkiDir, deep: true },
    // its pods mount what they like below it, and none of that is read
    { path: files.kubeletDir },
    { path: `${files.kubeletDir}/pki`, deep: true },
    { path: files.etcdDataDir },
    { path: '/var/lib/gantry' },
    { path: HOST_LOGS, deep: true },
  ];
}
