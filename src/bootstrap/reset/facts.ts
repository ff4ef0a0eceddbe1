import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { errnoName } from '../../base/errors.ts';
import { loadedAppArmorProfiles } from '../../linux/apparmor.ts';
import { cgroupChildren, cgroupExists, cgroupPids } from '../../linux/cgroup.ts';
import { readMountinfo } from '../../linux/mount.ts';
import { listAddresses } from '../../linux/netlink/addresses.ts';
import { getLink, listLinks } from '../../linux/netlink/links.ts';
import { listRoutes } from '../../linux/netlink/routes.ts';
import { NETLINK_ROUTE, NetlinkSocket } from '../../linux/netlink/socket.ts';
import { emptyTables, listTables } from '../../linux/nft.ts';
import { type ProcessIdentity, processIdentity } from '../../linux/procfs.ts';
import { directoryModes, type Marker } from '../marker.ts';
import { ALL_SERVICES, ETCD_SERVICE, type Services } from '../services.ts';
import { planMounts } from './mounts/plan.ts';
import type { ResetFacts, ResetNames } from './plan.ts';

export interface FactsOptions {
  readonly names: ResetNames;
  readonly marker: Marker | undefined;
  readonly services: Services | undefined;
  readonly cleanupTmpDir: boolean;
  /** Home directories of those who administer this machine. */
  readonly homes: readonly string[];
  /** What proxies in other modes than nftables have left. */
  readonly readProxyTraces: () => Promise<readonly string[]>;
  readonly signal: AbortSignal;
}

/** Monitors of containers, and runtimes at work: outside of the groups of pods, so known by what they were told. */
const MONITORS: readonly string[] = ['conmon', 'crun', 'runc'];

/** Tables that iptables makes when it is first used, and leaves. */
const IPTABLES = /^ip6? (nat|filter|mangle|raw)$/;

/** Looks at the machine and changes nothing. Never enters what is mounted by others, and asks no process for more than its name unless that is a monitor's: either may hang. */
export async function readResetFacts(options: FactsOptions): Promise<ResetFacts> {
  const { names, marker, services, signal } = options;
  const mounts = readMountinfo();
  const cgroups = podGroups(names.kubeletDir).filter(path => cgroupExists(path));
  const mountPoints = new Set(mounts.map(({ target }) => target));
  const blocked = new Set(planMounts(mounts, names).left.map(({ target }) => target));
  const tables = listTables();
  const daemons = await Promise.all(
    ALL_SERVICES.map(async name => ({ name, traces: (await services?.traces(name, signal)) ?? [] })),
  );
  const hasEtcdDaemon = daemons.some(({ name, traces }) => name === ETCD_SERVICE && traces.length > 0);
  return {
    services: daemons,
    processes: podProcesses(cgroups, names.runDir),
    mounts,
    ...readNetwork(),
    tables,
    spareTables: emptyTables(
      tables.filter(name => IPTABLES.test(name) && marker?.tables !== undefined && !marker.tables.includes(name)),
    ),
    proxyTraces: await options.readProxyTraces(),
    ownKubeconfigs: options.homes.map(home => `${home}/.kube/config`).filter(path => existsSync(path)),
    profiles: loadedAppArmorProfiles(),
    cgroups,
    files: {
      entries: readEntries(directoriesOf(names).filter(path => !blocked.has(path))),
      standing: new Set([...(marker?.standing ?? []), ...names.standing.filter(path => mountPoints.has(path))]),
      modesBefore: marker?.modes ?? {},
      modes: directoryModes(Object.keys(marker?.modes ?? {}).filter(path => !blocked.has(path))),
      // an external one has neither; the data goes before both
      hadEtcd: marker?.command === 'init' && (hasEtcdDaemon || existsSync(`${names.pkiDir}/etcd/server.key`)),
      cleanupTmpDir: options.cleanupTmpDir,
    },
  };
}

function directoriesOf(names: ResetNames): readonly string[] {
  const { kubernetesDir, pkiDir } = names;
  return [
    ...names.directories,
    names.kubeletDir,
    names.dataDir,
    names.runDir,
    names.etcdDir,
    names.podLogsDir,
    names.containerLogsDir,
    names.cniConfDir,
    names.configDir,
    kubernetesDir,
    pkiDir,
    `${pkiDir}/etcd`,
    `${kubernetesDir}/manifests`,
    `${kubernetesDir}/tmp`,
  ];
}

/** By the kubelet's configuration, and the default where it is gone already. */
function podGroups(kubeletDir: string): readonly string[] {
  let root = '';
  try {
    const configuration = parse(readFileSync(`${kubeletDir}/config.yaml`, 'utf8')) as { cgroupRoot?: string } | null;
    root = (configuration?.cgroupRoot ?? '').replace(/\/+$/, '');
  } catch {
    // it is gone, or cut off
  }
  const scopes = cgroupChildren('/system.slice').filter(name => /^gantry-[0-9a-f]{64}\.scope$/.test(name));
  return [
    ...[...new Set(['', root])].flatMap(parent => [`${parent}/kubepods`, `${parent}/kubepods.slice`]),
    // of containers for which nobody has named a parent
    '/gantry',
    ...scopes.map(name => `/system.slice/${name}`),
    // systemd leaves the group of a unit in which a monitor of a container was left
    ...ALL_SERVICES.map(name => `/system.slice/${name}.service`),
  ];
}

/** Members of the groups, and monitors that work below `runDir`. */
export function podProcesses(cgroups: readonly string[], runDir: string): readonly ProcessIdentity[] {
  const pids = new Set([...cgroups.flatMap(path => cgroupPids(path)), ...monitors(runDir)]);
  pids.delete(process.pid);
  return [...pids].flatMap(pid => processIdentity(pid) ?? []);
}

function monitors(runDir: string): number[] {
  return readdirSync('/proc').flatMap(name => {
    if (!/^\d+$/.test(name)) return [];
    const comm = textOf(`/proc/${name}/comm`).trim();
    if (!MONITORS.includes(comm)) return [];
    return textOf(`/proc/${name}/cmdline`).includes(`${runDir}/`) ? [Number(name)] : [];
  });
}

function readNetwork(): Pick<ResetFacts, 'links' | 'routes' | 'addresses'> {
  const socket = NetlinkSocket.open(NETLINK_ROUTE);
  try {
    const loopback = getLink(socket, 'lo')?.index;
    return {
      links: listLinks(socket),
      routes: listRoutes(socket),
      addresses: listAddresses(socket).filter(({ linkIndex }) => linkIndex === loopback),
    };
  } finally {
    socket.close();
  }
}

function readEntries(paths: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const entries = new Map<string, readonly string[]>();
  for (const path of paths) {
    try {
      entries.set(path, readdirSync(path).sort());
    } catch (error) {
      const code = errnoName(error);
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    }
  }
  return entries;
}

/** Empty for what has ended meanwhile. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
