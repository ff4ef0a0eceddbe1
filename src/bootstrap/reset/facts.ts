import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { parse } from 'yaml';
import { loadedAppArmorProfiles } from '../../linux/apparmor.ts';
import { cgroupChildren, cgroupExists, cgroupPids } from '../../linux/cgroup.ts';
import { silentDirectories } from '../../linux/directory-answers.ts';
import { readMountinfo } from '../../linux/mount.ts';
import { listAddresses } from '../../linux/netlink/addresses.ts';
import { getLink, listLinks } from '../../linux/netlink/links.ts';
import { listRoutes } from '../../linux/netlink/routes.ts';
import { NETLINK_ROUTE, NetlinkSocket } from '../../linux/netlink/socket.ts';
import { emptyTables, listTables } from '../../linux/nft.ts';
import { processIdentity } from '../../linux/procfs.ts';
import { setsSysctl, sysctlFiles } from '../../linux/sysctl.ts';
import type { Marker } from '../marker/format.ts';
import { madeDirectory } from '../marker/made-directory.ts';
import { directoryModes } from '../marker.ts';
import { ALL_SERVICES, NODE_SERVICE, type Services } from '../services.ts';
import { readDirectories } from './directories.ts';
import { directoriesElsewhere, mountElsewhere, type OtherPlace } from './elsewhere/plan.ts';
import { directoriesLinked, KUBELET_CONTENTS, SHIM_CONTENTS } from './files/linked.ts';
import { isBelow } from './is-below.ts';
import { planMounts } from './mounts/plan.ts';
import { ownKubeconfigs } from './own-kubeconfigs.ts';
import { ownership } from './ownership.ts';
import { LOOPBACK_ROUTE, type NamedProcess, type ProxyTraces, type ResetFacts, type ResetNames } from './plan.ts';
import { ANSWER_PATIENCE_MS, isSilent, silenceOf } from './silence.ts';
import { readTraces } from './traces.ts';

export interface FactsOptions {
  readonly names: ResetNames;
  readonly marker: Marker | undefined;
  readonly services: Services | undefined;
  readonly cleanupTmpDir: boolean;
  /** Home directories of those who administer this machine. */
  readonly homes: readonly string[];
  /** What proxies in other modes than nftables have left. */
  readonly readProxyTraces: () => Promise<ProxyTraces>;
  readonly signal: AbortSignal;
}

/** Monitors of containers, and runtimes at work: outside of the groups of pods, so known by what they were told. */
const MONITORS: readonly string[] = ['conmon', 'crun', 'runc'];

/** Tables that iptables makes when it is first used, and leaves. */
const IPTABLES = /^ip6? (nat|filter|mangle|raw)$/;

/** Looks at the machine and changes nothing. Never enters what is mounted by others or does not answer, and asks no process for more than its name unless that is a monitor's: either may hang. */
export async function readResetFacts(options: FactsOptions): Promise<ResetFacts> {
  const { names, marker, services, signal } = options;
  const daemons = await readTraces(services, signal);
  const hasNodeUnit = daemons.some(({ name, traces }) => name === NODE_SERVICE && traces.length > 0);
  const owned = ownership(marker, names.pkiDir, hasNodeUnit);
  // pods of a kubelet of somebody else have their groups and volumes in the same places
  const isOthers = (target: string): boolean => !owned.hadKubelet && isBelow(target, names.kubeletDir);
  const rows = readMountinfo().filter(({ target }) => !isOthers(target));
  const mountPoints = new Set(rows.map(({ target }) => target));
  const blocked = new Set(planMounts(rows, names).left.map(({ target }) => target));
  const own = new Set(names.elsewhere.map(({ directory }) => directory));
  const isBlocked = (path: string): boolean =>
    [...blocked].some(target => (path === target && !own.has(path)) || (isBelow(path, target) && !own.has(target)));
  const tables = listTables();
  const isUnentered = (path: string): boolean =>
    names.unentered.some(({ path: link }) => path === link || isBelow(path, link));
  const entered = [
    ...directoriesOf(names, owned.kubeletHad).filter(path => !blocked.has(path) && !isUnentered(path)),
    ...directoriesElsewhere(names.elsewhere).filter(path => !isBlocked(path)),
  ];
  const withModes = Object.keys(marker?.modes ?? {}).filter(path => !blocked.has(path));
  const parents = Object.entries(marker?.parents ?? {}).filter(([path]) => !mountPoints.has(path));
  const unasked = [...entered, ...withModes, ...parents.map(([path]) => path)].filter(
    path => !isSilent(path, names.silent),
  );
  const silent = [...names.silent, ...(await silentDirectories(unasked, ANSWER_PATIENCE_MS, signal))];
  const answers = (path: string): boolean => !isSilent(path, silent);
  // the way to a mount leads through what it is mounted on
  const mounts = rows.filter(({ target }) => !silent.some(directory => isBelow(target, directory)));
  const listed = readDirectories(entered.filter(answers));
  const configuration = answers(names.kubeletDir) ? `${names.kubeletDir}/config.yaml` : undefined;
  const cgroups = podGroups(configuration, names, owned.hadKubelet).filter(path => cgroupExists(path));
  return {
    services: daemons,
    processes: podProcesses(cgroups, names.runDir, names.elsewhere),
    mounts,
    ...readNetwork(),
    tables,
    spareTables: emptyTables(
      tables.filter(name => IPTABLES.test(name) && marker?.tables !== undefined && !marker.tables.includes(name)),
    ),
    proxy: await options.readProxyTraces(),
    isLoopbackRouteConfigured: sysctlFiles().some(text => setsSysctl(text, LOOPBACK_ROUTE)),
    ownKubeconfigs: ownKubeconfigs(options.homes, readMountinfo(), existsSync),
    unreadable: [...silenceOf([...entered, ...withModes].filter(path => !answers(path))), ...listed.unreadable],
    silent,
    delaysShutdown: existsSync(names.logindOverride),
    profiles: loadedAppArmorProfiles(),
    cgroups,
    files: {
      entries: listed.entries,
      standing: new Set([
        ...(marker?.standing ?? []).flatMap(path => [path, names.realOf[path] ?? path]),
        ...names.standing.filter(path => mountPoints.has(path)),
        ...names.linked,
      ]),
      parents: parents.flatMap(([path, made]) => (answers(path) && madeDirectory(path) === made ? [path] : [])),
      modesBefore: marker?.modes ?? {},
      modes: directoryModes(withModes.filter(answers)),
      ...owned,
      cleanupTmpDir: options.cleanupTmpDir,
    },
  };
}

function directoriesOf(names: ResetNames, kubeletHad: ReadonlySet<string>): readonly string[] {
  const { kubernetesDir, pkiDir, earlierPkiDirs } = names;
  return [
    ...names.directories,
    names.kubeletDir,
    // may be a disk of its own
    `${names.kubeletDir}/pods`,
    ...[...kubeletHad].filter(name => name.endsWith('/')).map(name => `${names.kubeletDir}/${name.slice(0, -1)}`),
    names.dataDir,
    ...(names.linked.includes(names.kubeletDir) ? directoriesLinked(names.kubeletDir, KUBELET_CONTENTS) : []),
    ...(names.linked.includes(names.dataDir) ? directoriesLinked(names.dataDir, SHIM_CONTENTS) : []),
    names.runDir,
    names.etcdDir,
    ...names.earlierEtcdDirs,
    names.podLogsDir,
    names.containerLogsDir,
    names.cniConfDir,
    names.configDir,
    kubernetesDir,
    ...[pkiDir, ...earlierPkiDirs].flatMap(path => [path, `${path}/etcd`]),
    `${kubernetesDir}/manifests`,
    `${kubernetesDir}/tmp`,
  ];
}

/** By the kubelet's configuration, and the default where it is gone already. */
function podGroups(file: string | undefined, { cgroupRoots }: ResetNames, hadKubelet: boolean): readonly string[] {
  let root = '';
  try {
    const configuration = (file === undefined ? {} : parse(readFileSync(file, 'utf8'))) as {
      cgroupRoot?: string;
    } | null;
    root = (configuration?.cgroupRoot ?? '').replace(/\/+$/, '');
  } catch {
    // it is gone, or cut off
  }
  const scopes = cgroupChildren('/system.slice').filter(name => /^gantry-[0-9a-f]{64}\.scope$/.test(name));
  return [
    ...[...new Set(hadKubelet ? ['', root, ...cgroupRoots] : [])].flatMap(parent => [
      `${parent}/kubepods`,
      `${parent}/kubepods.slice`,
    ]),
    // of containers for which nobody has named a parent
    '/gantry',
    ...scopes.map(name => `/system.slice/${name}`),
    // systemd leaves the group of a unit in which a monitor of a container was left
    ...ALL_SERVICES.map(name => `/system.slice/${name}.service`),
  ];
}

/** Members of the groups, and monitors that work below `runDir`, or on containers elsewhere. */
export function podProcesses(
  cgroups: readonly string[],
  runDir: string,
  elsewhere: readonly OtherPlace[] = [],
): readonly NamedProcess[] {
  const pids = new Set([...cgroups.flatMap(path => cgroupPids(path)), ...monitors(runDir, elsewhere)]);
  pids.delete(process.pid);
  return [...pids].flatMap(pid => {
    const identity = processIdentity(pid);
    return identity === undefined ? [] : [{ ...identity, name: textOf(`/proc/${pid}/comm`).trim() }];
  });
}

/** Those of hosts on this machine have the same words, for their paths are the same inside: they are told by their namespace of processes, which is the host's. */
function monitors(runDir: string, elsewhere: readonly OtherPlace[]): number[] {
  const own = pidNamespace('self');
  return readdirSync('/proc').flatMap(name => {
    if (!/^\d+$/.test(name)) return [];
    if (!MONITORS.includes(textOf(`/proc/${name}/comm`).trim())) return [];
    const argv = textOf(`/proc/${name}/cmdline`).split('\0');
    if (!worksBelow(argv, runDir) && !worksElsewhere(argv, elsewhere)) return [];
    return pidNamespace(name) === own ? [Number(name)] : [];
  });
}

/** True for a command of which a word, or the value of a flag, is a path below the directory. Pure. */
export function worksBelow(argv: readonly string[], directory: string): boolean {
  return paths(argv).some(path => path.startsWith(`${directory}/`));
}

function worksElsewhere(argv: readonly string[], places: readonly OtherPlace[]): boolean {
  return paths(argv).some(path => mountElsewhere(path, places) !== undefined);
}

/** Words, and values of flags. */
function paths(argv: readonly string[]): readonly string[] {
  return argv.map(word => word.replace(/^--?[\w-]+=/, ''));
}

/** Undefined for one that has ended meanwhile. */
function pidNamespace(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
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

/** Empty for what has ended meanwhile. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
