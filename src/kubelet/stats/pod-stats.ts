import type {
  CpuUsage,
  ContainerStats as CriContainerStats,
  PsiStats as CriPsi,
  IoUsage,
  MemoryUsage,
  NetworkInterfaceUsage,
  NetworkUsage,
  PodSandboxStats,
  UInt64Value,
} from '../../rpc/cri-api.ts';
import { LABEL } from '../runtime/labels.ts';
import { type FsSpace, fsStats } from './node-stats.ts';
import type {
  ContainerStats,
  CpuStats,
  FsStats,
  InterfaceStats,
  IoStats,
  MemoryStats,
  NetworkStats,
  PodStats,
  PsiStats,
  SwapStats,
  VolumeStats,
} from './summary.ts';

/** What of a pod lies on disks of the node, as far as it was counted. */
export interface PodDisk {
  /** By container. */
  readonly logs: ReadonlyMap<string, FsStats>;
  readonly volumes: readonly (VolumeStats & {
    /** On the disk of the node, and gone with the pod. */ readonly ephemeral: boolean;
  })[];
}

/** What the runtime's lists say of a sandbox and its containers. Times in milliseconds since the epoch. */
export interface PodTimes {
  readonly sandboxCreatedAt: number;
  /** By container id. */
  readonly containerCreatedAt: ReadonlyMap<string, number>;
}

/** CPU time per second of a thing by its id, where the runtime does not tell it. */
export type RateOf = (id: string, cpu: CpuUsage) => bigint | undefined;

/** The stats of a pod from those that the runtime gives; undefined for a sandbox that no kubelet made. Containers of the same name, of which one has been restarted, are one: the newest. Pure but for `rateOf`. */
export function podStats(stats: PodSandboxStats, times: PodTimes, rateOf: RateOf): PodStats | undefined {
  const { attributes, linux } = stats;
  const name = attributes?.labels[LABEL.podName];
  const namespace = attributes?.labels[LABEL.podNamespace];
  const uid = attributes?.labels[LABEL.podUid];
  if (attributes === undefined || name === undefined || namespace === undefined || uid === undefined) return undefined;
  const newest = new Map<string, ContainerStats>();
  for (const each of linux?.containers ?? []) {
    const container = containerStats(each, times, rateOf);
    const known = newest.get(container.name);
    if (known === undefined || known.startTime < container.startTime) newest.set(container.name, container);
  }
  const containers = [...newest.values()];
  return {
    podRef: { name, namespace, uid },
    startTime: times.sandboxCreatedAt,
    containers,
    cpu: cpuStats(linux?.cpu, attributes.id, rateOf),
    memory: memoryStats(linux?.memory),
    io: ioStats(linux?.io),
    network: networkStats(linux?.network, linux?.cpu?.timestamp ?? 0n),
    process_stats:
      linux?.process?.processCount === undefined
        ? undefined
        : { process_count: Number(linux.process.processCount.value) },
    swap: podSwap(containers),
  };
}

function containerStats(stats: CriContainerStats, times: PodTimes, rateOf: RateOf): ContainerStats {
  const { attributes, cpu, memory, io, swap, writableLayer } = stats;
  const id = attributes?.id ?? '';
  return {
    name: attributes?.labels[LABEL.containerName] ?? attributes?.metadata?.name ?? '',
    startTime: times.containerCreatedAt.get(id) ?? 0,
    cpu: cpuStats(cpu, id, rateOf),
    memory: memoryStats(memory),
    io: ioStats(io),
    rootfs:
      writableLayer === undefined
        ? undefined
        : {
            time: milliseconds(writableLayer.timestamp),
            usedBytes: number(writableLayer.usedBytes),
            inodesUsed: number(writableLayer.inodesUsed),
          },
    swap:
      swap === undefined
        ? undefined
        : {
            time: milliseconds(swap.timestamp),
            swapAvailableBytes: number(swap.swapAvailableBytes),
            swapUsageBytes: number(swap.swapUsageBytes),
          },
  };
}

/** The pod with what it has on disks; file systems show what is left on them. Pure. */
export function withDisk(
  pod: PodStats,
  disk: PodDisk,
  nodeFs: FsSpace | undefined,
  imageFs: FsSpace | undefined,
  now: number,
): PodStats {
  const containers = pod.containers.map(container => ({
    ...container,
    rootfs: container.rootfs === undefined ? undefined : onFs(container.rootfs, imageFs),
    logs: disk.logs.get(container.name),
  }));
  const parts = [
    ...containers.flatMap(({ rootfs, logs }) => [rootfs, logs]),
    ...disk.volumes.filter(({ ephemeral }) => ephemeral),
  ].filter(part => part !== undefined);
  const total = (of: (part: FsStats) => number | undefined): number =>
    parts.reduce((sum, part) => sum + (of(part) ?? 0), 0);
  return {
    ...pod,
    containers,
    volume: disk.volumes.map(({ ephemeral: _ephemeral, ...volume }) => volume),
    'ephemeral-storage': fsStats(nodeFs, now, {
      bytes: total(part => part.usedBytes),
      inodes: total(part => part.inodesUsed),
    }),
  };
}

function onFs(used: FsStats, space: FsSpace | undefined): FsStats {
  return fsStats(space, used.time, { bytes: used.usedBytes ?? 0, inodes: used.inodesUsed });
}

/** The CRI has no swap of pods. */
function podSwap(containers: readonly ContainerStats[]): SwapStats | undefined {
  const known = containers.flatMap(({ swap }) => (swap === undefined ? [] : [swap]));
  const [first] = known;
  if (first === undefined) return undefined;
  const limited = known.every(({ swapAvailableBytes }) => swapAvailableBytes !== undefined);
  const total = (of: (swap: SwapStats) => number | undefined): number =>
    known.reduce((sum, swap) => sum + (of(swap) ?? 0), 0);
  return {
    time: first.time,
    swapAvailableBytes: limited ? total(swap => swap.swapAvailableBytes) : undefined,
    swapUsageBytes: total(swap => swap.swapUsageBytes),
  };
}

function cpuStats(cpu: CpuUsage | undefined, id: string, rateOf: RateOf): CpuStats | undefined {
  if (cpu === undefined) return undefined;
  const rate = cpu.usageNanoCores?.value ?? rateOf(id, cpu);
  return {
    time: milliseconds(cpu.timestamp),
    usageNanoCores: rate === undefined ? undefined : Number(rate),
    usageCoreNanoSeconds: number(cpu.usageCoreNanoSeconds),
    psi: psiStats(cpu.psi),
  };
}

function memoryStats(memory: MemoryUsage | undefined): MemoryStats | undefined {
  if (memory === undefined) return undefined;
  return {
    time: milliseconds(memory.timestamp),
    availableBytes: number(memory.availableBytes),
    usageBytes: number(memory.usageBytes),
    workingSetBytes: number(memory.workingSetBytes),
    rssBytes: number(memory.rssBytes),
    pageFaults: number(memory.pageFaults),
    majorPageFaults: number(memory.majorPageFaults),
    psi: psiStats(memory.psi),
  };
}

function ioStats(io: IoUsage | undefined): IoStats | undefined {
  return io?.psi === undefined ? undefined : { time: milliseconds(io.timestamp), psi: psiStats(io.psi) };
}

/** containerd 1.6 does not say when it read them: then they are of the time of the rest. */
function networkStats(network: NetworkUsage | undefined, otherwise: bigint): NetworkStats | undefined {
  const main = network?.defaultInterface;
  if (network === undefined || main === undefined) return undefined;
  const interfaces = [main, ...network.interfaces].map(interfaceStats);
  const time = milliseconds(network.timestamp === 0n ? otherwise : network.timestamp);
  return { time, ...interfaceStats(main), interfaces };
}

function interfaceStats({ name, rxBytes, rxErrors, txBytes, txErrors }: NetworkInterfaceUsage): InterfaceStats {
  return {
    name,
    rxBytes: number(rxBytes),
    rxErrors: number(rxErrors),
    txBytes: number(txBytes),
    txErrors: number(txErrors),
  };
}

function psiStats(psi: CriPsi | undefined): PsiStats | undefined {
  if (psi?.full === undefined || psi.some === undefined) return undefined;
  const data = ({ total, avg10, avg60, avg300 }: NonNullable<CriPsi['some']>) => ({
    total: Number(total),
    avg10,
    avg60,
    avg300,
  });
  return { full: data(psi.full), some: data(psi.some) };
}

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000_000n);
}

function number(value: UInt64Value | undefined): number | undefined {
  return value === undefined ? undefined : Number(value.value);
}
