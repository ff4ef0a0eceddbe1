import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { listProcesses } from '../../linux/procfs.ts';
import type { ProcessFact } from './plan.ts';

/** Other programs on this machine. Each function reads /proc once through. */

/** Daemons that are a kubelet, or have one inside. */
const KUBELETS = /^(kubelet|hyperkube|k3s|k3s-server|k3s-agent|rke2|k0s|kubelite)$/;
const LISTENS = '0A';

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

/** Who listens on each of the ports, for those whose process can be seen from here. */
export function portHolders(ports: readonly number[]): ReadonlyMap<number, ProcessFact> {
  if (ports.length === 0) return new Map();
  const inodes = new Map<string, number>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6'])
    for (const { port, inode } of listeners(textOf(table))) if (ports.includes(port)) inodes.set(inode, port);
  const holders = new Map<number, ProcessFact>();
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name)))
    for (const inode of socketsOf(pid)) {
      const port = inodes.get(inode);
      if (port !== undefined && !holders.has(port)) holders.set(port, factOf(Number(pid)));
    }
  return holders;
}

/** The listening sockets of a table of /proc/net. */
export function listeners(table: string): readonly { readonly port: number; readonly inode: string }[] {
  return table.split('\n').flatMap(line => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    return state === LISTENS ? [{ port: Number.parseInt(local.split(':')[1] ?? '', 16), inode }] : [];
  });
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
