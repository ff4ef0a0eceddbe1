import { type CgroupUsage, type MemoryUsage, type Pressure, parseFlatKeyed } from '../../linux/cgroup-usage.ts';
import type { LinkCounters } from '../../linux/procfs.ts';
import type {
  CpuStats,
  FsStats,
  IoStats,
  MemoryStats,
  NetworkStats,
  NodeStats,
  PsiStats,
  SwapStats,
} from './summary.ts';

/** A file system as statfs tells it, in bytes and inodes. */
export interface FsSpace {
  readonly capacity: number;
  readonly free: number;
  /** What is left to users without privileges. */
  readonly available: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

/** What was read of the machine in one moment. */
export interface MachineReading {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly meminfo: string;
  readonly vmstat: string;
  /** Of the root of the cgroups, as this process sees it: a node that is a group of a larger machine is that group. */
  readonly cpuNanoseconds: bigint | undefined;
  /** The same; the root of v2 has none. */
  readonly memory: MemoryUsage | undefined;
  readonly pressure: CgroupUsage['pressure'];
}

/** What only the whole summary tells. */
export interface MachineExtras {
  readonly links: readonly LinkCounters[];
  readonly rootFs: FsSpace | undefined;
  readonly pids: { readonly total: number; readonly available: number } | undefined;
  /** When the machine was started, in milliseconds since the epoch. */
  readonly bootedAt: number;
}

/** CPU, memory and swap of the node. Where the root group does not tell its memory, in use is what is neither free nor a cache of files that was not used lately. Pure. */
export function nodeUsage(
  { at, meminfo, vmstat, cpuNanoseconds, memory, pressure }: MachineReading,
  nanoCores: bigint | undefined,
): Pick<NodeStats, 'cpu' | 'memory' | 'swap' | 'io'> {
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(meminfo)?.[1] ?? 0) * 1024;
  const total = bytes('MemTotal');
  const free = bytes('MemFree');
  const events = parseFlatKeyed(vmstat);
  const used = memory ?? {
    used: total - free,
    workingSet: Math.max(0, total - free - bytes('Inactive\\(file\\)')),
    rss: bytes('AnonPages'),
    pageFaults: events.get('pgfault') ?? 0,
    majorPageFaults: events.get('pgmajfault') ?? 0,
  };
  return {
    cpu:
      cpuNanoseconds === undefined
        ? undefined
        : {
            time: at,
            usageNanoCores: nanoCores === undefined ? undefined : Number(nanoCores),
            usageCoreNanoSeconds: Number(cpuNanoseconds),
            psi: psiStats(pressure.cpu),
          },
    memory: {
      time: at,
      availableBytes: Math.max(0, total - used.workingSet),
      usageBytes: used.used,
      workingSetBytes: used.workingSet,
      rssBytes: used.rss,
      pageFaults: used.pageFaults,
      majorPageFaults: used.majorPageFaults,
      psi: psiStats(pressure.memory),
    },
    io: ioStats(pressure.io, at),
    swap: {
      time: at,
      swapAvailableBytes: bytes('SwapFree'),
      swapUsageBytes: Math.max(0, bytes('SwapTotal') - bytes('SwapFree')),
    },
  };
}

/** Links that belong to the machine: not loopback, and not the host's ends of containers' links (cAdvisor's list). */
const NOT_OF_THE_NODE = /^(lo|veth|docker|nerdctl)/;

/** What went through the node's links. `eth0` is upstream's default link; a machine without one has its first. Undefined where there is none. Pure. */
export function networkStats(links: readonly LinkCounters[], time: number): NetworkStats | undefined {
  const interfaces = links.filter(({ name }) => !NOT_OF_THE_NODE.test(name));
  const chosen = interfaces.find(({ name }) => name === 'eth0') ?? interfaces[0];
  return chosen === undefined ? undefined : { time, ...chosen, interfaces };
}

/** A file system, with what of it is in use by whoever is asked about; without that, by all. Pure. */
export function fsStats(
  space: FsSpace | undefined,
  time: number,
  used?: { readonly bytes: number; readonly inodes: number | undefined },
): FsStats {
  if (space === undefined) return { time, usedBytes: used?.bytes, inodesUsed: used?.inodes };
  const { capacity, free, available, inodes, inodesFree } = space;
  return {
    time,
    availableBytes: available,
    capacityBytes: capacity,
    usedBytes: used === undefined ? capacity - free : used.bytes,
    inodesFree,
    inodes,
    inodesUsed: used === undefined ? inodes - inodesFree : used.inodes,
  };
}

/** A group of processes of the node in the shape of a container. Pure. */
export function groupStats(
  { cpuNanoseconds, memory, swap, pressure }: CgroupUsage,
  time: number,
  nanoCores: bigint | undefined,
): {
  readonly cpu: CpuStats | undefined;
  readonly memory: MemoryStats | undefined;
  readonly swap: SwapStats | undefined;
  readonly io: IoStats | undefined;
} {
  return {
    cpu:
      cpuNanoseconds === undefined
        ? undefined
        : {
            time,
            usageNanoCores: nanoCores === undefined ? undefined : Number(nanoCores),
            usageCoreNanoSeconds: Number(cpuNanoseconds),
            psi: psiStats(pressure.cpu),
          },
    memory:
      memory === undefined
        ? undefined
        : {
            time,
            availableBytes: memory.limit === undefined ? undefined : Math.max(0, memory.limit - memory.workingSet),
            usageBytes: memory.used,
            workingSetBytes: memory.workingSet,
            rssBytes: memory.rss,
            pageFaults: memory.pageFaults,
            majorPageFaults: memory.majorPageFaults,
            psi: psiStats(pressure.memory),
          },
    swap:
      swap === undefined
        ? undefined
        : {
            time,
            swapAvailableBytes: swap.limit === undefined ? undefined : Math.max(0, swap.limit - swap.used),
            swapUsageBytes: swap.used,
          },
    io: ioStats(pressure.io, time),
  };
}

function ioStats(pressure: Pressure | undefined, time: number): IoStats | undefined {
  const psi = psiStats(pressure);
  return psi === undefined ? undefined : { time, psi };
}

function psiStats(pressure: Pressure | undefined): PsiStats | undefined {
  if (pressure === undefined) return undefined;
  const data = ({ totalNanoseconds, ...shares }: Pressure['some']) => ({ total: Number(totalNanoseconds), ...shares });
  return { full: data(pressure.full), some: data(pressure.some) };
}
