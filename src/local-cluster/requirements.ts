import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs';
import { failedPrecondition } from '../base/errors.ts';

/** Program -> the Debian package that holds it. */
const PROGRAMS: Readonly<Record<string, string>> = {
  unshare: 'util-linux',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  mount: 'mount',
  hostname: 'hostname',
  ip: 'iproute2',
  nft: 'nftables',
  catatonit: 'catatonit',
  conmon: 'conmon',
  runsv: 'runit',
  svlogd: 'runit',
  etcd: 'etcd-server',
};
const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts'];
/** What an empty node takes, and a few images. */
const FREE_BYTES_PER_NODE = 512 << 20;

/** Throws `failed-precondition` in one line that says what is missing and how to get it, where a cluster cannot be made here. */
export function checkRequirements(nodes: number, dataDir: string): void {
  if (process.getuid?.() !== 0) throw failedPrecondition('making a cluster needs root: run it with sudo');
  const missing = [
    ...Object.keys(PROGRAMS).filter(name => !isOnPath(name)),
    ...(isOnPath('crun') || isOnPath('runc') ? [] : ['crun']),
  ];
  if (missing.length > 0) {
    const packages = [...new Set(missing.map(name => PROGRAMS[name] ?? name))];
    throw failedPrecondition(`${missing.join(', ')} not found on PATH: apt-get install ${packages.join(' ')}`);
  }
  const namespace = NAMESPACES.find(name => !existsSync(`/proc/self/ns/${name}`));
  if (namespace !== undefined)
    throw failedPrecondition(`the kernel has no ${namespace} namespaces: run it on one that has (CONFIG_NAMESPACES)`);
  if (!/\boverlay$/m.test(readFileSync('/proc/filesystems', 'utf8')))
    throw failedPrecondition('the kernel has no overlay file system: modprobe overlay, or run it on one that has');
  const { bavail, bsize } = statfsSync(dataDir);
  const wanted = nodes * FREE_BYTES_PER_NODE;
  if (bavail * bsize < wanted)
    throw failedPrecondition(
      `only ${megabytes(bavail * bsize)} MB are free in ${dataDir}, and ${nodes} ${nodes === 1 ? 'node needs' : 'nodes need'} ${megabytes(wanted)} MB: make room, or name another place with --clusters-dir`,
    );
}

function megabytes(bytes: number): number {
  return Math.floor(bytes / 1e6);
}

function isOnPath(name: string): boolean {
  return `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`.split(':').some(folder => {
    try {
      accessSync(`${folder}/${name}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
