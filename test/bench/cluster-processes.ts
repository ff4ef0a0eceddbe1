import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { detectCgroups } from '../../src/linux/cgroup-layout.ts';
import type { Host } from '../../src/local-cluster/host/host.ts';

/** What the processes of one kind used. */
export interface Usage {
  readonly processes: number;
  readonly megabytes: number;
  /** With that of children that have ended. */
  readonly cpuSeconds: number;
}

/** Kinds of processes of a node by their command lines, in the order in which tables show them. */
const KINDS: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ['etcd', /^\S*etcd /],
  ['gantry run control-plane', /gantry\.mjs run control-plane/],
  ['gantry run node', /gantry\.mjs run node/],
  ['gantry run cri', /gantry\.mjs run cri/],
  ['other processes of gantry', /gantry\.mjs/],
  ['conmon, one a container', /^\S*conmon /],
  ['pause (catatonit -P), one a pod, and the first process of the host', /catatonit( -P|$)/],
  ['runsv, one a daemon', /^\S*runsv /],
  ['svlogd, one a daemon', /^\S*svlogd /],
  ["the pods' own programs", /./],
];

/** Every process of a host, by kind. Those that end while it looks are left out, threads of the kernel too. */
export function usageByKind(host: Host): ReadonlyMap<string, Usage> {
  const proc = host.path('/proc');
  const found = new Map<string, Usage>(KINDS.map(([kind]) => [kind, { processes: 0, megabytes: 0, cpuSeconds: 0 }]));
  for (const pid of readdirSync(proc).filter(name => /^\d+$/.test(name))) {
    const seen = lookAt(`${proc}/${pid}`);
    if (seen === undefined) continue;
    const kind = KINDS.find(([, pattern]) => pattern.test(seen.command))?.[0] ?? '';
    const before = found.get(kind) ?? { processes: 0, megabytes: 0, cpuSeconds: 0 };
    found.set(kind, {
      processes: before.processes + 1,
      megabytes: before.megabytes + seen.megabytes,
      cpuSeconds: before.cpuSeconds + seen.cpuSeconds,
    });
  }
  return found;
}

function lookAt(
  folder: string,
): { readonly command: string; readonly megabytes: number; readonly cpuSeconds: number } | undefined {
  try {
    const command = readFileSync(`${folder}/cmdline`, 'utf8').split('\0').join(' ');
    if (command === '') return undefined;
    const stat = readFileSync(`${folder}/stat`, 'utf8');
    // utime, stime, cutime, cstime: in hundredths
    const ticks = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 15)
      .map(Number);
    const pss = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`${folder}/smaps_rollup`, 'utf8'));
    return {
      command,
      megabytes: Number(pss?.[1] ?? 0) / 1024,
      cpuSeconds: ticks.reduce((sum, each) => sum + each, 0) / 100,
    };
  } catch {
    return undefined;
  }
}

/** CPU seconds that everything in a host has used since it was made, as its group counts them. */
export function hostCpuSeconds(host: Host): number {
  const { version, hierarchies } = detectCgroups();
  if (version === 2) {
    const text = readFileSync(`${hierarchies[0]?.mountPoint}${host.cgroup}/cpu.stat`, 'utf8');
    return Number(/^usage_usec (\d+)$/m.exec(text)?.[1] ?? Number.NaN) / 1e6;
  }
  const file = hierarchies
    .filter(({ controllers }) => controllers.includes('cpuacct'))
    .map(({ mountPoint }) => `${mountPoint}${host.cgroup}/cpuacct.usage`)
    .find(path => existsSync(path));
  if (file === undefined) throw new Error('no group counts the CPU time of the host');
  return Number(readFileSync(file, 'utf8')) / 1e9;
}
