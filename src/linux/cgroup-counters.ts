import { type CgroupFile, parseFlatKeyed } from './cgroup-usage.ts';

/** Bytes and operations of one kind on one block device. */
export interface BlockCounters {
  readonly major: number;
  readonly minor: number;
  /** In the words of the v1 files: `Read`, `Write`, … */
  readonly operation: string;
  readonly bytes: number;
  readonly operations: number;
}

export interface HugePageCounters {
  /** As in the names of the files: `2MB`. */
  readonly pageSize: string;
  readonly used: number;
  /** Not kept on v2. */
  readonly most: number | undefined;
}

/** Of the group alone, and of it with all below. v2 knows the second only. */
interface Faults {
  readonly own: number;
  readonly all: number;
}

/** What monitoring wants to know beyond the usage. What the kernel does not tell is undefined, and its controllers' absence leaves a part out. */
export interface CgroupCounters {
  readonly cpu:
    | {
        readonly userNanoseconds: number;
        readonly systemNanoseconds: number;
        readonly periods: number;
        readonly throttledPeriods: number;
        readonly throttledNanoseconds: number;
      }
    | undefined;
  readonly memory:
    | {
        readonly cache: number;
        readonly mappedFiles: number;
        readonly kernel: number | undefined;
        /** How often the limit was run into. */
        readonly limitHits: number | undefined;
        readonly most: number | undefined;
        readonly oomKills: number | undefined;
        readonly pageFaults: Faults;
        readonly majorPageFaults: Faults;
        /** What the kernel tries to leave to the group; 0 for nothing. */
        readonly reservation: number;
      }
    | undefined;
  readonly hugePages: readonly HugePageCounters[];
  readonly blocks: readonly BlockCounters[];
  /** The most processes and threads; 0 for any number. */
  readonly mostTasks: number | undefined;
}

/** Puts the counters of a group together from its files. `pageSizes` are those of huge pages on the machine. Pure. */
export function cgroupCounters(version: 1 | 2, file: CgroupFile, pageSizes: readonly string[]): CgroupCounters {
  const number = (controller: Parameters<CgroupFile>[0], name: string): number | undefined =>
    numberIn(file(controller, name));
  const mostTasks = file('pids', 'pids.max')?.trim();
  return {
    cpu: version === 1 ? cpuV1(file, number) : cpuV2(file),
    memory: version === 1 ? memoryV1(file, number) : memoryV2(file, number),
    hugePages: pageSizes.flatMap(pageSize => {
      const used = number('hugetlb', `hugetlb.${pageSize}.${version === 1 ? 'usage_in_bytes' : 'current'}`);
      const most = number('hugetlb', `hugetlb.${pageSize}.max_usage_in_bytes`);
      return used === undefined ? [] : [{ pageSize, used, most }];
    }),
    blocks: version === 1 ? blocksV1(file) : blocksV2(file('blkio', 'io.stat') ?? ''),
    mostTasks: mostTasks === undefined ? undefined : mostTasks === 'max' ? 0 : numberIn(mostTasks),
  };
}

type NumberFile = (controller: Parameters<CgroupFile>[0], name: string) => number | undefined;

function cpuV1(file: CgroupFile, number: NumberFile): CgroupCounters['cpu'] {
  const user = number('cpuacct', 'cpuacct.usage_user');
  const system = number('cpuacct', 'cpuacct.usage_sys');
  if (user === undefined || system === undefined) return undefined;
  const stat = parseFlatKeyed(file('cpu', 'cpu.stat') ?? '');
  return {
    userNanoseconds: user,
    systemNanoseconds: system,
    periods: stat.get('nr_periods') ?? 0,
    throttledPeriods: stat.get('nr_throttled') ?? 0,
    throttledNanoseconds: stat.get('throttled_time') ?? 0,
  };
}

function cpuV2(file: CgroupFile): CgroupCounters['cpu'] {
  const stat = parseFlatKeyed(file('cpu', 'cpu.stat') ?? '');
  const user = stat.get('user_usec');
  const system = stat.get('system_usec');
  if (user === undefined || system === undefined) return undefined;
  return {
    userNanoseconds: user * 1000,
    systemNanoseconds: system * 1000,
    periods: stat.get('nr_periods') ?? 0,
    throttledPeriods: stat.get('nr_throttled') ?? 0,
    throttledNanoseconds: (stat.get('throttled_usec') ?? 0) * 1000,
  };
}

/** v1 has no word for "no limit": it is the largest number of whole pages. */
const NO_LIMIT = 2 ** 62;

function memoryV1(file: CgroupFile, number: NumberFile): CgroupCounters['memory'] {
  const text = file('memory', 'memory.stat');
  if (text === undefined) return undefined;
  const stat = parseFlatKeyed(text);
  const of = (name: string): number => stat.get(name) ?? 0;
  const soft = number('memory', 'memory.soft_limit_in_bytes') ?? 0;
  return {
    cache: of('total_cache'),
    mappedFiles: of('total_mapped_file'),
    kernel: number('memory', 'memory.kmem.usage_in_bytes'),
    limitHits: number('memory', 'memory.failcnt'),
    most: number('memory', 'memory.max_usage_in_bytes'),
    oomKills: parseFlatKeyed(file('memory', 'memory.oom_control') ?? '').get('oom_kill'),
    pageFaults: { own: of('pgfault'), all: of('total_pgfault') },
    majorPageFaults: { own: of('pgmajfault'), all: of('total_pgmajfault') },
    reservation: soft >= NO_LIMIT ? 0 : soft,
  };
}

function memoryV2(file: CgroupFile, number: NumberFile): CgroupCounters['memory'] {
  const text = file('memory', 'memory.stat');
  if (text === undefined) return undefined;
  const stat = parseFlatKeyed(text);
  const of = (name: string): number => stat.get(name) ?? 0;
  const events = parseFlatKeyed(file('memory', 'memory.events') ?? '');
  const both = (name: string): Faults => ({ own: of(name), all: of(name) });
  return {
    cache: of('file'),
    mappedFiles: of('file_mapped'),
    // added up by the kernel since 5.18
    kernel: stat.get('kernel') ?? of('kernel_stack') + of('pagetables') + of('percpu') + of('sock') + of('slab'),
    limitHits: events.get('max'),
    most: number('memory', 'memory.peak'),
    oomKills: events.get('oom_kill'),
    pageFaults: both('pgfault'),
    majorPageFaults: both('pgmajfault'),
    reservation: number('memory', 'memory.min') ?? 0,
  };
}

/** Lines `8:0 Read 4096`, and one of totals without a device. */
function blocksV1(file: CgroupFile): BlockCounters[] {
  const read = (name: string): Map<string, number> => {
    const values = new Map<string, number>();
    for (const line of (file('blkio', name) ?? '').split('\n')) {
      const [, key, value] = /^(\d+:\d+ [A-Z][a-z]+) (\d+)$/.exec(line) ?? [];
      if (key !== undefined) values.set(key, Number(value));
    }
    return values;
  };
  const operations = read('blkio.throttle.io_serviced_recursive');
  return [...read('blkio.throttle.io_service_bytes_recursive')].map(([key, bytes]) => {
    const [, major, minor, operation = ''] = /^(\d+):(\d+) (\w+)$/.exec(key) ?? [];
    return { major: Number(major), minor: Number(minor), operation, bytes, operations: operations.get(key) ?? 0 };
  });
}

/** Lines `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 …`. */
function blocksV2(text: string): BlockCounters[] {
  return text.split('\n').flatMap(line => {
    const [, major, minor, rest = ''] = /^(\d+):(\d+) (.*)$/.exec(line) ?? [];
    if (major === undefined) return [];
    const values = new Map(rest.split(' ').map(part => part.split('=') as [string, string]));
    const of = (name: string): number => Number(values.get(name) ?? 0);
    const device = { major: Number(major), minor: Number(minor) };
    return [
      { ...device, operation: 'Read', bytes: of('rbytes'), operations: of('rios') },
      { ...device, operation: 'Write', bytes: of('wbytes'), operations: of('wios') },
    ];
  });
}

function numberIn(text: string | undefined): number | undefined {
  const trimmed = text?.trim() ?? '';
  return /^\d+$/.test(trimmed) ? Number(trimmed) : undefined;
}
