/** Program -> the Debian package that holds it. */
const PACKAGES: Readonly<Record<string, string>> = {
  etcd: 'etcd-server',
  ip: 'iproute2',
  tc: 'iproute2',
  nft: 'nftables',
  nsenter: 'util-linux',
  losetup: 'mount',
  cp: 'coreutils',
  touch: 'coreutils',
  'iptables-restore': 'iptables',
};

export function packageOf(program: string): string {
  return PACKAGES[program] ?? program;
}

/** What the daemons of a node call. */
const NODE_PROGRAMS = ['conmon', 'catatonit', 'ip', 'mount', 'nsenter', 'nft', 'cp'];
/** What makes looking for a fault easier, and is missed by pods of some. */
export const USEFUL_PROGRAMS: readonly string[] = ['ethtool', 'tc', 'socat', 'conntrack'];

/** The programs that are needed, by what runs here and how services are served. */
export function neededPrograms({ etcd, proxyMode }: { readonly etcd: boolean; readonly proxyMode: string }) {
  return [
    ...(etcd ? ['etcd'] : []),
    ...NODE_PROGRAMS,
    ...(proxyMode === 'iptables' || proxyMode === 'ipvs' ? ['iptables-restore'] : []),
    ...(proxyMode === 'ipvs' ? ['ipset'] : []),
  ];
}

/** The modules of the kernel that are needed, by how services are served. */
export function neededModules(proxyMode: string): readonly string[] {
  return [
    'overlay',
    'bridge',
    'veth',
    'nf_tables',
    'nf_conntrack',
    ...(proxyMode === 'ipvs' ? ['ip_vs', 'ip_vs_rr', 'dummy'] : []),
  ];
}
