import { basename, posix } from 'node:path';
import { LOGIND_OVERRIDE } from '../../linux/logind.ts';
import type { Files } from '../files.ts';
import { NODE_DNS_ADDRESS } from '../kubelet-configuration.ts';
import { type EarlierPlaces, earlierDirectories, standingDirectories } from '../marker/format.ts';
import { PAIRS } from '../marker/paths.ts';
import type { ResetNames } from './plan.ts';

/** What other parts of the program call what they make; they export it, and whoever composes the command hands it over. */
export type PartNames = Pick<ResetNames, 'bridge' | 'podLinks' | 'routeProtocol' | 'tables' | 'conflist' | 'profile'>;

const KUBELET_DIR = '/var/lib/kubelet';
const DATA_DIR = '/var/lib/gantry';
const RUN_DIR = '/run/gantry';
const POD_LOGS_DIR = '/var/log/pods';
const CONTAINER_LOGS_DIR = '/var/log/containers';
const MARKER = 'bootstrap.json';
/** Which a node has for itself, whatever is configured: a link in their place has to lead to a directory that is as much its own. */
export const OWN_DIRECTORIES: readonly string[] = [
  KUBELET_DIR,
  `${KUBELET_DIR}/pods`,
  DATA_DIR,
  POD_LOGS_DIR,
  CONTAINER_LOGS_DIR,
];

/**
 * Where a node has its things, in the default places of all daemons. `etcdFiles` are those for an etcd of somebody else; `earlier` are places that no longer count, in which something was made.
 * Pure.
 */
export function resetNames(
  files: Files,
  parts: PartNames,
  etcdFiles: readonly string[] = [],
  earlier: EarlierPlaces = { pkiDirs: [], etcdDataDirs: [] },
): ResetNames {
  const directories = [...new Set([...standingDirectories(files), ...earlierDirectories(earlier)])];
  return {
    ...parts,
    kubernetesDir: files.kubernetesDir,
    pkiDir: plain(files.pkiDir),
    // in the directory of the cluster all is looked at in any case
    earlierPkiDirs: earlier.pkiDirs.map(plain).filter(path => path !== files.kubernetesDir),
    configDir: '/etc/gantry',
    configNames: [MARKER, 'cluster-configuration.yaml', 'init-configuration.yaml', 'kube-proxy.yaml'],
    markerName: MARKER,
    cniConfDir: '/etc/cni/net.d',
    kubeletDir: KUBELET_DIR,
    etcdDir: files.etcdDataDir,
    earlierEtcdDirs: earlier.etcdDataDirs,
    dataDir: DATA_DIR,
    runDir: RUN_DIR,
    podLogsDir: POD_LOGS_DIR,
    containerLogsDir: CONTAINER_LOGS_DIR,
    pairNames: [...new Set([...PAIRS, basename(files.caCert, '.crt')])],
    etcdFiles: etcdFiles.map(path => posix.normalize(path)),
    dnsAddress: NODE_DNS_ADDRESS,
    logindOverride: LOGIND_OVERRIDE,
    directories,
    // `pods` and `images` may have a disk of their own, too
    standing: [...directories, `${KUBELET_DIR}/pods`],
    linked: [],
    shared: [],
    unentered: [],
    silent: [],
    realOf: {},
    elsewhere: [],
    cgroupRoots: [],
  };
}

function plain(path: string): string {
  return posix.normalize(path).replace(/(?<=.)\/$/, '');
}
