import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { listProcesses } from '../../linux/procfs.ts';
import type { ProcessFact } from './port-plan.ts';
import type { SocketNeed } from './sockets.ts';

/** Other programs on this machine. Each function reads /proc once through. */

/** Daemons that are a kubelet, or have one inside. */
const KUBELETS = /^(kubelet|hyperkube|k3s|k3s-server|k3s-agent|rke2|k0s|kubelite)$/;
/** States of sockets, as the kernel writes them. */
const LISTENS = '0A';
const UNCONNECTED = '07';
/** `::ffff:` before an IPv4 address. */
const V4_MAPPED = '0000000000000000FFFF0000';

/** Kubelets of somebody else. Our own is a `node`. */
export function otherKubelets(): readonly ProcessFact[] {
  return listProcesses()
    .filter(({ cmdline }) => KUBELETS.test(baseName(cmdline[0] ?? '').replace(/:$/, '')))
    .map(({ pid }) => factOf(pid));
}

/** firewalld and ufw, where they are on. */
export function runningFirewalls(): readonly string[] {
  const isFirewalld = listProcesses().some(({ cmdline }) => cmdline.some(word => baseName(word) === 'firewalld'));
  const isUfw = /^ENABLED=yes$/m.test(textOf('/etc/ufw/ufw.conf'));
  return [...(isFirewalld ? ['firewalld'] : []), ...(isUfw ? ['ufw'] : [])];
}

/** Who serves on what is needed, or on all addresses, for those whose process can be seen from here. */
export function socketHolders(needs: readonly SocketNeed[]): ReadonlyMap<SocketNeed, ProcessFact> {
  if (needs.length === 0) return new Map();
  const inodes = new Map<string, readonly SocketNeed[]>();
  for (const protocol of ['tcp', 'udp'] as const)
    for (const table of [protocol, `${protocol}6`])
      for (const bound of boundSockets(textOf(`/proc/net/${table}`), protocol)) {
        const met = needs.filter(need => need.protocol === protocol && isInTheWay(bound, need));
        if (met.length > 0) inodes.set(bound.inode, met);
      }
  const holders = new Map<SocketNeed, ProcessFact>();
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name)))
    for (const inode of socketsOf(pid))
      for (const need of inodes.get(inode) ?? []) if (!holders.has(need)) holders.set(need, factOf(Number(pid)));
  return holders;
}

/** A row of /proc/net/tcp and the like: who may be spoken to by anybody. */
export interface BoundSocket {
  /** As the kernel writes it: bytes of a word the other way round. */
  readonly address: string;
  readonly port: number;
  readonly inode: string;
}

/** The sockets of a table that listen, or take datagrams of all. Pure. */
export function boundSockets(table: string, protocol: SocketNeed['protocol']): readonly BoundSocket[] {
  return table.split('\n').flatMap(line => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    const [address = '', port = ''] = local.split(':');
    return state === (protocol === 'tcp' ? LISTENS : UNCONNECTED)
      ? [{ address, port: Number.parseInt(port, 16), inode }]
      : [];
  });
}

/** True for one of the same port on the same or on all addresses. Pure. */
export function isInTheWay({ address, port }: BoundSocket, need: SocketNeed): boolean {
  if (port !== need.port) return false;
  const words = isIPv4(need.address) ? need.address.split('.').map(Number) : undefined;
  if (words === undefined || words.every(word => word === 0) || /^0+$/.test(address)) return true;
  const wanted = words
    .toReversed()
    .map(word => word.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase();
  return address === wanted || address === `${V4_MAPPED}${wanted}`;
}

function socketsOf(pid: string): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        // closed meanwhile
        return [];
      }
    });
  } catch {
    // ended meanwhile, or not ours to see
    return [];
  }
}

function factOf(pid: number): ProcessFact {
  return {
    pid,
    name: textOf(`/proc/${pid}/comm`).trim() || '?',
    unit: unitOf(textOf(`/proc/${pid}/cgroup`)),
  };
}

/** The systemd service that a process belongs to, from the text of its /proc/<pid>/cgroup. */
export function unitOf(cgroup: string): string | undefined {
  const paths = cgroup.split('\n').map(line => line.replace(/^\d+:[^:]*:/, ''));
  return paths.flatMap(path => path.split('/').findLast(part => part.endsWith('.service')) ?? []).at(0);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function textOf(path: string): string {
  try {
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  } catch {
    return '';
  }
}
