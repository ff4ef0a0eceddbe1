import { lookup } from 'node:dns/promises';
import { accessSync, constants, existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, release, totalmem } from 'node:os';
import { errorMessage } from '../../base/errors.ts';
import { sleep } from '../../base/signals.ts';
import { detectCgroups } from '../../linux/cgroup-layout.ts';
import { type ExternalEtcdFiles, externalEtcdVersions } from './external-etcd.ts';
import { modulesOf } from './kernel-modules.ts';
import { otherKubelets, portHolders, runningFirewalls } from './neighbours.ts';
import type { PreflightFacts } from './plan.ts';
import { proxiedTargets } from './proxy-variables.ts';

export interface PreflightNeeds {
  readonly programs: readonly string[];
  readonly usefulPrograms?: readonly string[];
  readonly modules?: readonly string[];
  readonly ports: readonly number[];
  readonly emptyDirectories: readonly string[];
  readonly absentFiles: readonly string[];
  readonly presentFiles?: readonly string[];
  readonly certificateProblems?: PreflightFacts['certificateProblems'];
  readonly dataDir: string;
  readonly hasSupervisor: boolean;
  /** A name that has to be found; none is looked for unless given. */
  readonly nodeName?: string;
  /** Addresses and networks that are to be reached without a proxy. */
  readonly direct?: readonly string[];
  readonly externalEtcd?: ExternalEtcdFiles;
  /** False where a node was made here before: its own daemons run then. */
  readonly looksForKubelets?: boolean;
}

const CONTROLLERS = ['cpu', 'cpuacct', 'cpuset', 'devices', 'freezer', 'memory', 'pids'];
/** v2 has these under other names, or always. */
const NOT_IN_V2 = ['cpuacct', 'devices', 'freezer'];
/** A resolver that nobody answers takes half a minute. */
const LOOKUP_PATIENCE_MS = 2000;

/** Looks at the machine, once; changes nothing. */
export async function readPreflightFacts(needs: PreflightNeeds): Promise<PreflightFacts> {
  const { nodeName, externalEtcd } = needs;
  const used = (await Promise.all(needs.ports.map(async port => ((await isFree(port)) ? [] : [port])))).flat();
  const holders = portHolders(used);
  const { bavail, bsize } = statfsSync(needs.dataDir);
  return {
    uid: process.getuid?.() ?? -1,
    cpus: cpus().length,
    memoryBytes: totalmem(),
    kernelRelease: release(),
    missingPrograms: needs.programs.filter(name => !isOnPath(name)),
    missingUsefulPrograms: (needs.usefulPrograms ?? []).filter(name => !isOnPath(name)),
    hasOciRuntime: isOnPath('crun') || isOnPath('runc'),
    missingModules: modulesOf(needs.modules ?? [], release()),
    usedPorts: used.map(port => ({ port, holder: holders.get(port) })),
    ipForward: textOf('/proc/sys/net/ipv4/ip_forward').trim(),
    nonEmptyDirectories: needs.emptyDirectories
      .filter(path => existsSync(path) && readdirSync(path).length > 0)
      .map(path => ({ path, isEtcd: existsSync(`${path}/member`) })),
    existingFiles: needs.absentFiles.filter(path => existsSync(path)),
    missingFiles: (needs.presentFiles ?? []).filter(path => !existsSync(path)),
    certificateProblems: needs.certificateProblems ?? [],
    swap: textOf('/proc/swaps').split('\n')[1]?.split(/\s/)[0] || undefined,
    ...cgroupFacts(),
    freeBytes: bavail * bsize,
    otherKubelets: needs.looksForKubelets === false ? [] : otherKubelets(),
    firewalls: runningFirewalls(),
    hasDefaultRoute: hasDefaultRoute(textOf('/proc/net/route')),
    hostnameProblem: nodeName === undefined ? undefined : await lookupProblem(nodeName),
    proxied: proxiedTargets(needs.direct ?? [], process.env),
    externalEtcd: externalEtcd === undefined ? [] : await externalEtcdVersions(externalEtcd),
    hasSupervisor: needs.hasSupervisor,
  };
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

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)));
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

async function lookupProblem(name: string): Promise<string | undefined> {
  const late = new AbortController();
  try {
    return await Promise.race([
      lookup(name).then(() => undefined),
      sleep(LOOKUP_PATIENCE_MS, late.signal).then(() => 'the name servers do not answer'),
    ]);
  } catch (error) {
    return errorMessage(error);
  } finally {
    late.abort();
  }
}

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
