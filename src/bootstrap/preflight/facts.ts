import { accessSync, constants, existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { detectCgroups } from '../../linux/cgroup-layout.ts';
import { silentDirectories } from '../../linux/directory-answers.ts';
import { loopbackServers } from '../machine-resolver.ts';
import { linkTarget, ownerOfTarget } from '../reset/real-places.ts';
import { ANSWER_PATIENCE_MS } from '../reset/silence.ts';
import { type AddressNeed, readAddresses } from './addresses.ts';
import { type EndpointNeed, readEndpoint } from './endpoint.ts';
import { readExternalEtcd } from './external-etcd.ts';
import type { ExternalEtcdAccess } from './external-etcd-plan.ts';
import { lookUpName } from './host-name.ts';
import { modulesOf } from './kernel-modules.ts';
import { otherKubelets, runningFirewalls, socketHolders } from './neighbours.ts';
import { readOwnNetworks } from './own-networks.ts';
import type { PreflightFacts, ProxyFacts } from './plan.ts';
import { neededModules, neededPrograms } from './programs.ts';
import { proxiedTargets } from './proxy-variables.ts';
import { isFree, proxySockets, type SocketNeed } from './sockets.ts';

export interface PreflightNeeds {
  readonly programs: readonly string[];
  readonly usefulPrograms?: readonly string[];
  readonly modules?: readonly string[];
  readonly addresses: readonly AddressNeed[];
  readonly sockets: readonly SocketNeed[];
  readonly emptyDirectories: readonly string[];
  readonly absentFiles: readonly string[];
  /** Directories of the node's own. */
  readonly ownDirectories?: readonly string[];
  readonly certificateProblems?: PreflightFacts['certificateProblems'];
  readonly dataDir: string;
  readonly hasSupervisor: boolean;
  /** A name that has to be found; none is looked for unless given. */
  readonly nodeName?: string;
  /** Where the cluster is to be reached, where that is not this machine's own address. */
  readonly endpoint?: EndpointNeed;
  /** Where pods get their name servers from; not looked at unless given. */
  readonly resolverFile?: string;
  /** Addresses and networks that are to be reached without a proxy. */
  readonly direct?: readonly string[];
  readonly externalEtcd?: ExternalEtcdAccess;
  /** Whether anything of it may be in the networks of a cluster: not where a node was made here before. */
  readonly looksAtNetworks?: boolean;
  /** False where a node was made here before: its own daemons run then. */
  readonly looksForKubelets?: boolean;
}

const CONTROLLERS = ['cpu', 'cpuacct', 'cpuset', 'devices', 'freezer', 'memory', 'pids'];
/** v2 has these under other names, or always. */
const NOT_IN_V2 = ['cpuacct', 'devices', 'freezer'];

/** Looks at the machine, once; changes nothing. */
export async function readPreflightFacts(needs: PreflightNeeds): Promise<PreflightFacts> {
  const { nodeName, endpoint, externalEtcd, resolverFile } = needs;
  const { bavail, bsize } = statfsSync(needs.dataDir);
  const silent = await silentDirectories(needs.ownDirectories ?? [], ANSWER_PATIENCE_MS, new AbortController().signal);
  return {
    uid: process.getuid?.() ?? -1,
    cpus: cpus().length,
    memoryBytes: totalmem(),
    kernelRelease: release(),
    missingPrograms: missingPrograms(needs.programs),
    missingUsefulPrograms: (needs.usefulPrograms ?? []).filter(name => !isOnPath(name)),
    hasOciRuntime: isOnPath('crun') || isOnPath('runc'),
    missingModules: modulesOf(needs.modules ?? [], release()),
    usedSockets: await usedSockets(needs.sockets),
    addresses: await readAddresses(needs.addresses),
    ipForward: textOf('/proc/sys/net/ipv4/ip_forward').trim(),
    nonEmptyDirectories: needs.emptyDirectories
      .filter(path => existsSync(path) && readdirSync(path).length > 0)
      .map(path => ({ path, isEtcd: existsSync(`${path}/member`) })),
    existingFiles: needs.absentFiles.filter(path => existsSync(path)),
    unanswered: silent,
    sharedLinks: (needs.ownDirectories ?? [])
      .filter(path => !silent.includes(path))
      .flatMap(path => {
        const to = linkTarget(path);
        return to === undefined || ownerOfTarget(to) === 'own' ? [] : [{ path, to }];
      }),
    certificateProblems: needs.certificateProblems ?? [],
    swap: textOf('/proc/swaps').split('\n')[1]?.split(/\s/)[0] || undefined,
    ...cgroupFacts(),
    freeBytes: bavail * bsize,
    otherKubelets: needs.looksForKubelets === false ? [] : otherKubelets(),
    firewalls: runningFirewalls(),
    hasDefaultRoute: hasDefaultRoute(textOf('/proc/net/route')),
    hostnameProblem: nodeName === undefined ? undefined : (await lookUpName(nodeName)).problem,
    endpoint: endpoint === undefined ? undefined : await readEndpoint(endpoint),
    resolver:
      resolverFile === undefined
        ? undefined
        : { file: resolverFile, loopbackServers: loopbackServers(textOf(resolverFile)) },
    proxied: proxiedTargets(needs.direct ?? [], process.env),
    ownNetworks: needs.looksAtNetworks === true ? readOwnNetworks() : undefined,
    externalEtcd: externalEtcd === undefined ? undefined : await readExternalEtcd(externalEtcd),
    hasSupervisor: needs.hasSupervisor,
  };
}

/** What of it is served on already, and by whom. */
export async function usedSockets(needs: readonly SocketNeed[]): Promise<PreflightFacts['usedSockets']> {
  const used = (await Promise.all(needs.map(async need => ((await isFree(need)) ? [] : [need])))).flat();
  const holders = socketHolders(used);
  return used.map(need => ({ ...need, holder: holders.get(need) }));
}

/** Looks at what a service proxy needs and nothing else does; `looksAtSockets` is false where one of ours may be running. */
export async function readProxyFacts(
  proxy: Readonly<Record<string, unknown>>,
  { insideHost, looksAtSockets }: { readonly insideHost: boolean; readonly looksAtSockets: boolean },
): Promise<ProxyFacts> {
  const proxyMode = String(proxy['mode'] ?? '');
  const known = neededPrograms({ etcd: false, proxyMode: '' });
  const more = neededPrograms({ etcd: false, proxyMode }).filter(name => !known.includes(name));
  return {
    kernelRelease: release(),
    usedSockets: looksAtSockets ? await usedSockets(proxySockets(proxy)) : [],
    missingPrograms: missingPrograms(more),
    missingModules: insideHost
      ? []
      : modulesOf(
          neededModules(proxyMode).filter(name => !neededModules('').includes(name)),
          release(),
        ),
  };
}

function missingPrograms(names: readonly string[]): readonly string[] {
  return names.filter(name => !isOnPath(name));
}

function isOnPath(name: string): boolean {
  // sudo and cron leave the folders of administrators out
  return [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'].some(folder => {
    try {
      accessSync(`${folder}/${name}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function cgroupFacts(): Pick<PreflightFacts, 'cgroupVersion' | 'missingControllers'> {
  try {
    const { version, hierarchies } = detectCgroups();
    const there = hierarchies.flatMap(hierarchy => hierarchy.controllers);
    const missing = CONTROLLERS.filter(name => !there.includes(name) && !(version === 2 && NOT_IN_V2.includes(name)));
    return { cgroupVersion: version, missingControllers: missing };
  } catch {
    return { cgroupVersion: undefined, missingControllers: [] };
  }
}

function hasDefaultRoute(table: string): boolean {
  return table.split('\n').some(row => row.split('\t')[1] === '00000000');
}

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
