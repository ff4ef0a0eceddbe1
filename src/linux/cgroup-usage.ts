/** One line of a pressure file: shares of time in percent over 10, 60 and 300 seconds, and the time lost in all. */
export interface PressureLine {
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  readonly totalNanoseconds: bigint;
}

/** Time in which some, or all (`full`), processes of a group waited for a resource. */
export interface Pressure {
  readonly some: PressureLine;
  readonly full: PressureLine;
}

/** Sizes in bytes. */
export interface MemoryUsage {
  readonly used: number;
  /** What is used and was lately: without the cache of files that nobody has read for a while. Upstream's figure for limits and `top`. */
  readonly workingSet: number;
  readonly rss: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  /** Undefined where the group itself has no limit. */
  readonly limit: number | undefined;
}

export interface SwapUsage {
  readonly used: number;
  readonly limit: number | undefined;
}

/** What a group and all below it has used. What its kernel or its controllers do not tell is undefined. */
export interface CgroupUsage {
  readonly cpuNanoseconds: bigint | undefined;
  readonly memory: MemoryUsage | undefined;
  readonly swap: SwapUsage | undefined;
  /** Processes and threads, as the pids controller counts them. */
  readonly tasks: number | undefined;
  readonly pressure: {
    readonly cpu: Pressure | undefined;
    readonly memory: Pressure | undefined;
    readonly io: Pressure | undefined;
  };
}

/** The text of a file of a group; undefined where there is none. `pressure` is not a controller: its files stand on the v2 side of a hybrid layout too. */
export type CgroupFile = (
  controller: 'cpu' | 'cpuacct' | 'memory' | 'pids' | 'pressure' | 'blkio' | 'hugetlb',
  file: string,
) => string | undefined;

/** v1 has no word for "no limit": it is the largest number of whole pages. Nothing that big can be meant. */
const NO_LIMIT = 2 ** 62;

/** Puts the figures of a group together from its files. */
export function cgroupUsage(version: 1 | 2, file: CgroupFile): CgroupUsage {
  const figures = version === 1 ? usageV1(file) : usageV2(file);
  const pressure = (resource: string): Pressure | undefined =>
    parsePressure(file('pressure', `${resource}.pressure`) ?? '');
  return { ...figures, pressure: { cpu: pressure('cpu'), memory: pressure('memory'), io: pressure('io') } };
}

function usageV1(file: CgroupFile): Omit<CgroupUsage, 'pressure'> {
  const cpu = file('cpuacct', 'cpuacct.usage')?.trim();
  const used = numberIn(file('memory', 'memory.usage_in_bytes'));
  const withSwap = numberIn(file('memory', 'memory.memsw.usage_in_bytes'));
  const limitWithSwap = limitIn(file('memory', 'memory.memsw.limit_in_bytes'));
  const limit = limitIn(file('memory', 'memory.limit_in_bytes'));
  const stat = parseFlatKeyed(file('memory', 'memory.stat') ?? '');
  return {
    cpuNanoseconds: cpu === undefined || !/^\d+$/.test(cpu) ? undefined : BigInt(cpu),
    memory: used === undefined ? undefined : memoryOf(used, limit, stat, 'total_'),
    swap:
      withSwap === undefined || used === undefined
        ? undefined
        : {
            used: Math.max(0, withSwap - used),
            limit: limitWithSwap === undefined || limit === undefined ? undefined : Math.max(0, limitWithSwap - limit),
          },
    tasks: numberIn(file('pids', 'pids.current')),
  };
}

function usageV2(file: CgroupFile): Omit<CgroupUsage, 'pressure'> {
  const microseconds = parseFlatKeyed(file('cpu', 'cpu.stat') ?? '').get('usage_usec');
  const used = numberIn(file('memory', 'memory.current'));
  const stat = parseFlatKeyed(file('memory', 'memory.stat') ?? '');
  const swapped = numberIn(file('memory', 'memory.swap.current'));
  return {
    cpuNanoseconds: microseconds === undefined ? undefined : BigInt(microseconds) * 1000n,
    memory: used === undefined ? undefined : memoryOf(used, limitIn(file('memory', 'memory.max')), stat, ''),
    swap: swapped === undefined ? undefined : { used: swapped, limit: limitIn(file('memory', 'memory.swap.max')) },
    tasks: numberIn(file('pids', 'pids.current')),
  };
}

/** v1 counts the groups below under names of their own; what counts as resident is called differently too. */
function memoryOf(
  used: number,
  limit: number | undefined,
  stat: ReadonlyMap<string, number>,
  prefix: '' | 'total_',
): MemoryUsage {
  const of = (name: string): number => stat.get(`${prefix}${name}`) ?? 0;
  return {
    used,
    workingSet: Math.max(0, used - of('inactive_file')),
    rss: of(prefix === '' ? 'anon' : 'rss'),
    pageFaults: of('pgfault'),
    majorPageFaults: of('pgmajfault'),
    limit,
  };
}

/** `name number` lines (cpu.stat, memory.stat, /proc/vmstat). */
export function parseFlatKeyed(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    const blank = line.indexOf(' ');
    if (blank > 0) values.set(line.slice(0, blank), Number(line.slice(blank + 1)));
  }
  return values;
}

/**
 * A pressure file. Undefined where the kernel keeps none (an empty text) or it cannot be read as one. The file of cpu has no `full` line on kernels before 5.13, and
 * none that says anything for the whole machine: then `full` is zero.
 */
export function parsePressure(text: string): Pressure | undefined {
  const some = pressureLine(text, 'some');
  if (some === undefined) return undefined;
  return { some, full: pressureLine(text, 'full') ?? { avg10: 0, avg60: 0, avg300: 0, totalNanoseconds: 0n } };
}

function pressureLine(text: string, kind: string): PressureLine | undefined {
  const match = new RegExp(`^${kind} avg10=([\\d.]+) avg60=([\\d.]+) avg300=([\\d.]+) total=(\\d+)$`, 'm').exec(text);
  if (match === null) return undefined;
  const [, avg10, avg60, avg300, microseconds = '0'] = match;
  return {
    avg10: Number(avg10),
    avg60: Number(avg60),
    avg300: Number(avg300),
    totalNanoseconds: BigInt(microseconds) * 1000n,
  };
}

function numberIn(text: string | undefined): number | undefined {
  const trimmed = text?.trim() ?? '';
  return /^\d+$/.test(trimmed) ? Number(trimmed) : undefined;
}

function limitIn(text: string | undefined): number | undefined {
  const limit = numberIn(text);
  return limit === undefined || limit >= NO_LIMIT ? undefined : limit;
}
