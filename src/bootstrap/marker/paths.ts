import type { Files } from '../files.ts';

/** kubeadm's certificates, with their keys, of an etcd and of who asks it; below the directory of the cluster's. */
const ETCD_PAIRS: readonly string[] = [
  'apiserver-etcd-client',
  'etcd/ca',
  'etcd/server',
  'etcd/peer',
  'etcd/healthcheck-client',
];

/** All of kubeadm's certificates with their keys, as certificates/plan.ts makes them. */
export const PAIRS: readonly string[] = [
  'ca',
  'apiserver',
  'apiserver-kubelet-client',
  'front-proxy-ca',
  'front-proxy-client',
  ...ETCD_PAIRS,
];

type Places = Pick<Files, 'pkiDir' | 'etcdDataDir'>;

/** Where an etcd of this machine has its data. */
export function etcdMember({ etcdDataDir }: Pick<Files, 'etcdDataDir'>): string {
  return `${etcdDataDir}/member`;
}

/** What `init` makes beside what others may have, for an etcd of this machine or without one. The kubelet's directory stands for what the kubelet makes in it. */
export function initPaths(files: Files, etcd: 'local' | 'external'): readonly string[] {
  const { adminConf, superAdminConf, kubeletConf, controllerManagerConf, schedulerConf } = files;
  return [
    ...pairFiles(
      files.pkiDir,
      PAIRS.filter(name => !ETCD_PAIRS.includes(name)),
    ),
    `${files.pkiDir}/sa.key`,
    `${files.pkiDir}/sa.pub`,
    ...[adminConf, superAdminConf, kubeletConf, controllerManagerConf, schedulerConf],
    files.kubeletDir,
    ...(etcd === 'local' ? etcdPaths(files) : []),
  ];
}

/** The same of `join`. */
export function joinPaths({ caCert, kubeletConf, bootstrapKubeletConf, kubeletDir }: Files): readonly string[] {
  return [caCert, kubeletConf, bootstrapKubeletConf, kubeletDir];
}

/** What phases are about to make when they write to a path or make it a directory. */
export function claimsOf(path: string, files: Files): readonly string[] {
  if (path === files.kubeletDir || path.startsWith(`${files.kubeletDir}/`)) return [files.kubeletDir];
  if (path === files.etcdDataDir) return [etcdMember(files)];
  return initPaths(files, 'local').includes(path) ? [path] : [];
}

function etcdPaths(places: Places): readonly string[] {
  return [...pairFiles(places.pkiDir, ETCD_PAIRS), etcdMember(places)];
}

/** Certificates and keys of pairs below a directory. */
export function pairFiles(pkiDir: string, names: readonly string[] = PAIRS): readonly string[] {
  return names.flatMap(name => [`${pkiDir}/${name}.crt`, `${pkiDir}/${name}.key`]);
}
