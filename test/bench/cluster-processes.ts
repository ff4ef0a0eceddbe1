import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { detectCgroups } from '../../src/linux/cgroup-layout.ts';
import type { Host } from '../../src/local-cluster/host/host.ts';

/** What the processes of one kind used. */
export interface Usage {
  readonly processes: number;
  readonly megabytes: number;
  /** With that of children that have ended, and without. */
  readonly cpuSeconds: number;
  readonly ownCpuSeconds: number;
}

const NOTHING: Usage = { processes: 0, megabytes: 0, cpuSeconds: 0, ownCpuSeconds: 0 };

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
  const found = new Map<string, Usage>(KINDS.map(([kind]) => [kind, NOTHING]));
  for (const pid of readdirSync(proc).filter(name => /^\d+$/.test(name))) {
    const seen = lookAt(`${proc}/${pid}`);
    if (seen === undefined) continue;
    const kind = KINDS.find(([, pattern]) => pattern.test(seen.command))?.[0] ?? '';
    const before = found.get(kind) ?? NOTHING;
    found.set(kind, {
      processes: before.processes + 1,
      megabytes: before.megabytes + seen.megabytes,
      cpuSeconds: before.cpuSeconds + seen.cpuSeconds,
      ownCpuSeconds: before.ownCpuSeconds + seen.ownCpuSeconds,
    });
  }
  return found;
}

function lookAt(folder: string): (Omit<Usage, 'processes'> & { readonly command: string }) | undefined {
  try {
    const command = readFileSync(`${folder}/cmdline`, 'utf8').split('\0').join(' ');
    if (command === '') return undefined;
    const stat = readFileSync(`${folder}/stat`, 'utf8');
    // utime, stime, cutime, cstime: in hundredths
    const [user = 0, system = 0, ofChildren = 0, inChildren = 0] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 15)
      .map(Number);
    const pss = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`${folder}/smaps_rollup`, 'utf8'));
    return {
      command,
      megabytes: Number(pss?.[1] ?? 0) / 1024,
      cpuSeconds: (user + system + ofChildren + inChildren) / 100,
      ownCpuSeconds: (user + system) / 100,
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

/** The daemons of a node; all that the group counts beyond them is short-lived, or the pods' own. */
const DAEMONS = ['etcd', 'gantry run control-plane', 'gantry run node', 'gantry run cri'];
const OTHERS = 'conmon, crun and the programs of the pods';

/** Sums the CPU seconds of a host over several spans, by kind of process. */
export class CpuMeter {
  readonly #used = new Map<string, number>();

  start(host: Host): void {
    this.#count(host, -1);
  }

  stop(host: Host): void {
    this.#count(host, 1);
  }

  /** What it counted, and that of everything, for each of so many. */
  perOf(count: number): ReadonlyMap<string, number> {
    return new Map([...this.#used].map(([kind, used]) => [kind, used / count]));
  }

  #count(host: Host, sign: 1 | -1): void {
    const usage = usageByKind(host);
    const all = hostCpuSeconds(host);
    let rest = all;
    for (const kind of DAEMONS) {
      const { ownCpuSeconds = 0 } = usage.get(kind) ?? {};
      rest -= ownCpuSeconds;
      this.#add(kind, sign * ownCpuSeconds);
    }
    this.#add(OTHERS, sign * rest);
    this.#add('the whole node', sign * all);
  }

  #add(kind: string, seconds: number): void {
    this.#used.set(kind, (this.#used.get(kind) ?? 0) + seconds);
  }
}
