import { accessSync, constants, existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, totalmem } from 'node:os';
import { detectCgroups } from '../../linux/cgroup-layout.ts';
import type { PreflightFacts } from './plan.ts';

export interface PreflightNeeds {
  readonly programs: readonly string[];
  readonly ports: readonly number[];
  readonly emptyDirectories: readonly string[];
  readonly absentFiles: readonly string[];
  readonly dataDir: string;
  readonly hasSupervisor: boolean;
}

const CONTROLLERS = ['cpu', 'cpuacct', 'cpuset', 'devices', 'freezer', 'memory', 'pids'];
/** v2 has these under other names, or always. */
const NOT_IN_V2 = ['cpuacct', 'devices', 'freezer'];

/** Looks at the machine; changes nothing. */
export async function readPreflightFacts(needs: PreflightNeeds): Promise<PreflightFacts> {
  const used = await Promise.all(needs.ports.map(async port => ((await isFree(port)) ? [] : [port])));
  const { bavail, bsize } = statfsSync(needs.dataDir);
  return {
    uid: process.getuid?.() ?? -1,
    cpus: cpus().length,
    memoryBytes: totalmem(),
    missingPrograms: needs.programs.filter(name => !isOnPath(name)),
    usedPorts: used.flat(),
    ipForward: textOf('/proc/sys/net/ipv4/ip_forward').trim(),
    nonEmptyDirectories: needs.emptyDirectories.filter(path => existsSync(path) && readdirSync(path).length > 0),
    existingFiles: needs.absentFiles.filter(path => existsSync(path)),
    swap: textOf('/proc/swaps').split('\n')[1]?.split(/\s/)[0] || undefined,
    missingControllers: missingControllers(),
    freeBytes: bavail * bsize,
    hasSupervisor: needs.hasSupervisor,
  };
}

function isOnPath(name: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some(folder => {
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

function missingControllers(): string[] {
  const { version, hierarchies } = detectCgroups();
  const there = hierarchies.flatMap(hierarchy => hierarchy.controllers);
  return CONTROLLERS.filter(name => !there.includes(name) && !(version === 2 && NOT_IN_V2.includes(name)));
}

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
