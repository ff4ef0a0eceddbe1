import type { Files } from '../files.ts';
import { NODE_DNS_ADDRESS } from '../kubelet-configuration.ts';
import { standingDirectories } from '../marker.ts';
import type { ResetNames } from './plan.ts';

/** What other parts of the program call what they make; they export it, and whoever composes the command hands it over. */
export type PartNames = Pick<ResetNames, 'bridge' | 'podLinks' | 'routeProtocol' | 'tables' | 'conflist' | 'profile'>;

const KUBELET_DIR = '/var/lib/kubelet';
const DATA_DIR = '/var/lib/gantry';
const RUN_DIR = '/run/gantry';
const MARKER = 'bootstrap.json';

/** kubeadm's certificates with their keys, as certificates/plan.ts makes them. */
const PAIRS: readonly string[] = [
  'ca',
  'apiserver',
  'apiserver-kubelet-client',
  'apiserver-etcd-client',
  'front-proxy-ca',
  'front-proxy-client',
  'etcd/ca',
  'etcd/server',
  'etcd/peer',
  'etcd/healthcheck-client',
];

/** Where a node has its things, in the default places of all daemons. Pure. */
export function resetNames(files: Files, parts: PartNames): ResetNames {
  return {
    ...parts,
    kubernetesDir: files.kubernetesDir,
    pkiDir: files.pkiDir,
    configDir: '/etc/gantry',
    configNames: [MARKER, 'cluster-configuration.yaml', 'kube-proxy.yaml'],
    markerName: MARKER,
    cniConfDir: '/etc/cni/net.d',
    kubeletDir: KUBELET_DIR,
    etcdDir: files.etcdDataDir,
    dataDir: DATA_DIR,
    runDir: RUN_DIR,
    podLogsDir: '/var/log/pods',
    containerLogsDir: '/var/log/containers',
    pairNames: PAIRS,
    dnsAddress: NODE_DNS_ADDRESS,
    directories: standingDirectories(files),
    // `pods` and `images` may have a disk of their own, too
    standing: [...standingDirectories(files), `${KUBELET_DIR}/pods`],
  };
}
