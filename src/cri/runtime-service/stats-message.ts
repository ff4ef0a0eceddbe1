import type { CgroupUsage, Pressure } from '../../linux/cgroup-usage.ts';
import type { MeasuredUsage } from '../../linux/directory-usage.ts';
import type { LinkCounters } from '../../linux/procfs.ts';
import type {
  ContainerStats,
  CpuUsage,
  IoUsage,
  LinuxPodSandboxStats,
  MemoryUsage,
  NetworkUsage,
  PodSandboxStats,
  PsiStats,
  SwapUsage,
  UInt64Value,
} from '../../rpc/cri-api.ts';
import type { ContainerRecord } from '../store/container-record.ts';
import type { SandboxRecord } from '../store/sandbox-record.ts';

/** What was read of a group, and when: nanoseconds since the epoch. */
export interface GroupReading {
  readonly usage: CgroupUsage;
  readonly at: bigint;
  /** CPU time per second; undefined where it was not read before. */
  readonly nanoCores: bigint | undefined;
}

/** The figures of a container. Those of a group that is gone, because the container has ended, are left out. Pure. */
export function containerStats(
  record: ContainerRecord,
  reading: GroupReading,
  layer: { readonly mountPoint: string; readonly usage: MeasuredUsage | undefined },
): ContainerStats {
  const { id, config } = record;
  const { usage } = layer;
  return {
    attributes: { id, metadata: config.metadata, labels: config.labels, annotations: config.annotations },
    cpu: cpuOf(reading),
    memory: memoryOf(reading),
    swap: swapOf(reading),
    io: ioOf(reading),
    writableLayer:
      usage === undefined
        ? undefined
        : {
            timestamp: BigInt(usage.at) * 1_000_000n,
            fsId: { mountpoint: layer.mountPoint },
            usedBytes: uint(usage.bytes),
            inodesUsed: uint(usage.inodes),
          },
  };
}

/** The figures of a sandbox with all that runs in it. `links` are those of its own network; undefined on the host's. Pure. */
export function podSandboxStats(
  record: SandboxRecord,
  reading: GroupReading,
  links: readonly LinkCounters[] | undefined,
  containers: readonly ContainerStats[],
): PodSandboxStats {
  const { id, config } = record;
  const linux: LinuxPodSandboxStats = {
    cpu: cpuOf(reading),
    memory: memoryOf(reading),
    network: links === undefined ? undefined : networkOf(links, reading.at),
    process:
      reading.usage.tasks === undefined
        ? undefined
        : { timestamp: reading.at, processCount: uint(reading.usage.tasks) },
    containers: [...containers],
    io: ioOf(reading),
  };
  return {
    attributes: { id, metadata: config.metadata, labels: config.labels, annotations: config.annotations },
    linux,
  };
}

/** Two groups side by side as one; for sandboxes whose containers have no group in common. What one of them does not tell counts as nothing, and limits are none. Pure. */
export function addUsage(a: CgroupUsage, b: CgroupUsage): CgroupUsage {
  return {
    cpuNanoseconds: sum(a.cpuNanoseconds, b.cpuNanoseconds, (x, y) => x + y),
    memory: sum(a.memory, b.memory, (x, y) => ({
      used: x.used + y.used,
      workingSet: x.workingSet + y.workingSet,
      rss: x.rss + y.rss,
      pageFaults: x.pageFaults + y.pageFaults,
      majorPageFaults: x.majorPageFaults + y.majorPageFaults,
      limit: undefined,
    })),
    swap: sum(a.swap, b.swap, (x, y) => ({ used: x.used + y.used, limit: undefined })),
    tasks: sum(a.tasks, b.tasks, (x, y) => x + y),
    pressure: { cpu: undefined, memory: undefined, io: undefined },
  };
}

function sum<T>(a: T | undefined, b: T | undefined, add: (a: T, b: T) => T): T | undefined {
  return a === undefined ? b : b === undefined ? a : add(a, b);
}

function cpuOf({ usage, at, nanoCores }: GroupReading): CpuUsage | undefined {
  if (usage.cpuNanoseconds === undefined) return undefined;
  return {
    timestamp: at,
    usageCoreNanoSeconds: { value: usage.cpuNanoseconds },
    usageNanoCores: nanoCores === undefined ? undefined : { value: nanoCores },
    psi: psiOf(usage.pressure.cpu),
  };
}

function memoryOf({ usage, at }: GroupReading): MemoryUsage | undefined {
  const { memory } = usage;
  if (memory === undefined) return undefined;
  const { used, workingSet, rss, pageFaults, majorPageFaults, limit } = memory;
  return {
    timestamp: at,
    workingSetBytes: uint(workingSet),
    availableBytes: limit === undefined ? undefined : uint(Math.max(0, limit - workingSet)),
    usageBytes: uint(used),
    rssBytes: uint(rss),
    pageFaults: uint(pageFaults),
    majorPageFaults: uint(majorPageFaults),
    psi: psiOf(usage.pressure.memory),
  };
}

function swapOf({ usage, at }: GroupReading): SwapUsage | undefined {
  const { swap } = usage;
  if (swap === undefined) return undefined;
  return {
    timestamp: at,
    swapAvailableBytes: swap.limit === undefined ? undefined : uint(Math.max(0, swap.limit - swap.used)),
    swapUsageBytes: uint(swap.used),
  };
}

function ioOf({ usage, at }: GroupReading): IoUsage | undefined {
  const psi = psiOf(usage.pressure.io);
  return psi === undefined ? undefined : { timestamp: at, psi };
}

/** Upstream leaves the loopback link out, and so do the figures that people add up. */
function networkOf(links: readonly LinkCounters[], at: bigint): NetworkUsage {
  const interfaces = links
    .filter(({ name }) => name !== 'lo')
    .map(({ name, rxBytes, rxErrors, txBytes, txErrors }) => ({
      name,
      rxBytes: uint(rxBytes),
      rxErrors: uint(rxErrors),
      txBytes: uint(txBytes),
      txErrors: uint(txErrors),
    }));
  const isDefault = (name: string): boolean => name === DEFAULT_INTERFACE;
  return {
    timestamp: at,
    defaultInterface: interfaces.find(({ name }) => isDefault(name)),
    interfaces: interfaces.filter(({ name }) => !isDefault(name)),
  };
}

/** The link that every pod has (src/cri/network). */
const DEFAULT_INTERFACE = 'eth0';

function psiOf(pressure: Pressure | undefined): PsiStats | undefined {
  if (pressure === undefined) return undefined;
  const data = ({ totalNanoseconds, avg10, avg60, avg300 }: Pressure['some']) => ({
    total: totalNanoseconds,
    avg10,
    avg60,
    avg300,
  });
  return { full: data(pressure.full), some: data(pressure.some) };
}

function uint(value: number): UInt64Value {
  return { value: BigInt(value) };
}
