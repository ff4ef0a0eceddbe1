/**
 * The body of /stats/summary, upstream's stats/v1alpha1: field names are the wire's. Sizes are bytes, CPU is nanoseconds and nanoseconds per second, times are milliseconds since
 * the epoch (`summaryJson` writes them as text). What is not known is left out.
 */
export interface Summary {
  readonly node: NodeStats;
  readonly pods: readonly PodStats[];
}

export interface PsiData {
  /** Nanoseconds. */
  readonly total: number;
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
}

export interface PsiStats {
  readonly full: PsiData;
  readonly some: PsiData;
}

export interface CpuStats {
  readonly time: number;
  readonly usageNanoCores?: number | undefined;
  readonly usageCoreNanoSeconds?: number | undefined;
  readonly psi?: PsiStats | undefined;
}

export interface MemoryStats {
  readonly time: number;
  readonly availableBytes?: number | undefined;
  readonly usageBytes?: number | undefined;
  readonly workingSetBytes?: number | undefined;
  readonly rssBytes?: number | undefined;
  readonly pageFaults?: number | undefined;
  readonly majorPageFaults?: number | undefined;
  readonly psi?: PsiStats | undefined;
}

export interface IoStats {
  readonly time: number;
  readonly psi?: PsiStats | undefined;
}

export interface SwapStats {
  readonly time: number;
  readonly swapAvailableBytes?: number | undefined;
  readonly swapUsageBytes?: number | undefined;
}

export interface InterfaceStats {
  readonly name: string;
  readonly rxBytes?: number | undefined;
  readonly rxErrors?: number | undefined;
  readonly txBytes?: number | undefined;
  readonly txErrors?: number | undefined;
}

/** The figures of the default link, and those of every link. */
export interface NetworkStats extends InterfaceStats {
  readonly time: number;
  readonly interfaces: readonly InterfaceStats[];
}

export interface FsStats {
  readonly time: number;
  readonly availableBytes?: number | undefined;
  readonly capacityBytes?: number | undefined;
  readonly usedBytes?: number | undefined;
  readonly inodesFree?: number | undefined;
  readonly inodes?: number | undefined;
  readonly inodesUsed?: number | undefined;
}

export interface ContainerStats {
  readonly name: string;
  readonly startTime: number;
  readonly cpu?: CpuStats | undefined;
  readonly memory?: MemoryStats | undefined;
  readonly io?: IoStats | undefined;
  readonly rootfs?: FsStats | undefined;
  readonly logs?: FsStats | undefined;
  readonly swap?: SwapStats | undefined;
}

export interface VolumeStats extends FsStats {
  readonly name: string;
}

export interface PodStats {
  readonly podRef: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly startTime: number;
  readonly containers: readonly ContainerStats[];
  readonly cpu?: CpuStats | undefined;
  readonly memory?: MemoryStats | undefined;
  readonly io?: IoStats | undefined;
  readonly network?: NetworkStats | undefined;
  readonly volume?: readonly VolumeStats[] | undefined;
  readonly 'ephemeral-storage'?: FsStats | undefined;
  readonly process_stats?: { readonly process_count: number } | undefined;
  readonly swap?: SwapStats | undefined;
}

export interface NodeStats {
  readonly nodeName: string;
  readonly systemContainers: readonly ContainerStats[];
  readonly startTime: number;
  readonly cpu?: CpuStats | undefined;
  readonly memory?: MemoryStats | undefined;
  readonly io?: IoStats | undefined;
  readonly network?: NetworkStats | undefined;
  readonly fs?: FsStats | undefined;
  readonly runtime?: { readonly imageFs?: FsStats | undefined; readonly containerFs?: FsStats | undefined } | undefined;
  readonly rlimit?: { readonly time: number; readonly maxpid: number; readonly curproc: number } | undefined;
  readonly swap?: SwapStats | undefined;
}

/** The summary as JSON, times as RFC 3339 with seconds. */
export function summaryJson(summary: Summary): string {
  return JSON.stringify(summary, (key, value: unknown) =>
    (key === 'time' || key === 'startTime') && typeof value === 'number'
      ? new Date(value).toISOString().replace(/\.\d+Z$/, 'Z')
      : value,
  );
}
