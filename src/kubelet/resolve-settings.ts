import { durationMs } from '../api/duration.ts';
import { quantityMilliValue, quantityValue } from '../api/quantity.ts';
import type { KubeletConfiguration } from '../api/types/gen/kubelet-v1beta1.ts';
import { failedPrecondition } from '../base/errors.ts';
import { CRASH_BACKOFF } from './decide/crash-backoff.ts';
import type { LogRotationPolicy } from './decide/plan-log-rotation.ts';
import { verificationPolicy } from './images/pull-access.ts';
import { amountOf, evictionThresholds } from './node/eviction-thresholds.ts';
import type { NodeCapacity } from './resources/node-capacity.ts';
import type { SwapPolicy } from './resources/swap.ts';
import type { ResolverConfig } from './runtime/dns.ts';
import type { KubeletSettings } from './settings.ts';
import { shutdownStages } from './shutdown/plan.ts';

/** What was read from the node at the start. */
export interface NodeFacts {
  readonly name: string;
  readonly ips: readonly string[];
  readonly capacity: NodeCapacity;
  readonly cgroupVersion: 1 | 2;
  readonly swap: Omit<SwapPolicy, 'limited'>;
  /** Undefined where the configuration says that there is none (`resolvConf: ""`). */
  readonly resolver: ResolverConfig | undefined;
}

export interface KubeletPaths {
  readonly rootDir: string;
  readonly podLogsDir: string;
  readonly containerLogLinks: string | undefined;
}

/** Settings from configuration and node. Pure. Throws for what is configured and not supported, naming the field. */
export function resolveSettings(config: KubeletConfiguration, node: NodeFacts, paths: KubeletPaths): KubeletSettings {
  if (config.cgroupsPerQOS === false) throw failedPrecondition('cgroupsPerQOS: false is not supported');
  const swap = config.memorySwap.swapBehavior ?? '';
  const unreserved = subtractReserved(node.capacity, config);
  const thresholds = evictionThresholds(config.evictionHard);
  const keptFree = amountOf(thresholds.get('memory.available'), node.capacity.memoryBytes);
  const allocatable = { ...unreserved, memoryBytes: Math.max(unreserved.memoryBytes - keptFree, 0) };
  const enforced = (config.enforceNodeAllocatable ?? []).includes('pods');
  const maxRestartMs =
    config.crashLoopBackOff.maxContainerRestartPeriod === undefined
      ? CRASH_BACKOFF.maxMs
      : durationMs(config.crashLoopBackOff.maxContainerRestartPeriod);
  return {
    ...paths,
    nodeName: node.name,
    logRotation: logRotation(config),
    maxPods: config.maxPods ?? 110,
    hostIPs: node.ips,
    capacity: node.capacity,
    allocatable,
    storageReserve: thresholds.get('nodefs.available'),
    enforcedAllocatable: enforced ? unreserved : undefined,
    cgroups: {
      root: normalizeRoot(config.cgroupRoot ?? ''),
      cpuQuotaEnforced: config.cpuCFSQuota !== false,
      cpuPeriodUs: Math.round(durationMs(config.cpuCFSQuotaPeriod ?? '100ms') * 1000),
      podPidsLimit: config.podPidsLimit ?? -1,
      cgroupVersion: node.cgroupVersion,
      singleProcessOomKill: config.singleProcessOOMKill === true,
      swap: { ...node.swap, limited: swap === 'LimitedSwap' },
    },
    cgroupDriver: config.cgroupDriver === 'systemd' ? 'systemd' : 'cgroupfs',
    security: { seccompDefault: config.seccompDefault === true, seccompRoot: `${paths.rootDir}/seccomp` },
    allowedUnsafeSysctls: config.allowedUnsafeSysctls ?? [],
    dns: {
      host: node.resolver ?? { servers: [], searches: [], options: [] },
      instead: node.resolver === undefined ? loopbackResolver(node.ips) : undefined,
      clusterDns: config.clusterDNS ?? [],
      clusterDomain: config.clusterDomain ?? '',
    },
    crashBackoff: {
      initialMs: Math.min(CRASH_BACKOFF.initialMs, maxRestartMs),
      maxMs: maxRestartMs,
      resetAfterMs: CRASH_BACKOFF.resetAfterMs,
    },
    shutdownStages: shutdownStages(config),
    verifyImages: verificationPolicy(
      config.imagePullCredentialsVerificationPolicy ?? 'NeverVerifyPreloadedImages',
      config.preloadedImagesVerificationAllowlist ?? [],
    ),
    imageGarbage: {
      highPercent: config.imageGCHighThresholdPercent ?? 85,
      lowPercent: config.imageGCLowThresholdPercent ?? 80,
      minAgeMs: durationMs(config.imageMinimumGCAge ?? '2m'),
      maxAgeMs: durationMs(config.imageMaximumGCAge ?? '0s'),
    },
    parallelPulls: config.maxParallelImagePulls ?? (config.serializeImagePulls === true ? 1 : Number.POSITIVE_INFINITY),
  };
}

/** Throws upstream's sentences. */
function logRotation(config: KubeletConfiguration): LogRotationPolicy | undefined {
  const maxBytes = quantityValue(config.containerLogMaxSize ?? '10Mi');
  const maxFiles = config.containerLogMaxFiles ?? 5;
  const workers = config.containerLogMaxWorkers ?? 1;
  const intervalMs = durationMs(config.containerLogMonitorInterval ?? '10s');
  const refuse = (what: string): Error => failedPrecondition(`invalid configuration: ${what}`);
  if (workers < 1) throw refuse('containerLogMaxWorkers must be greater than or equal to 1');
  if (intervalMs < 3_000)
    throw refuse('containerLogMonitorInterval must be a positive time duration greater than or equal to 3s');
  if (maxFiles <= 1) throw refuse('containerLogMaxFiles must be greater than 1');
  // a negative size switches it off
  return maxBytes < 0 ? undefined : { maxBytes, maxFiles, workers, intervalMs };
}

/** Upstream's stand-in: whoever listens in the pod itself, in the families of the node. */
function loopbackResolver(ips: readonly string[]): ResolverConfig {
  const servers = ips.map(ip => (ip.includes(':') ? '::1' : '127.0.0.1'));
  return { servers: servers.length === 0 ? ['127.0.0.1'] : servers, searches: ['.'], options: [] };
}

function subtractReserved(capacity: NodeCapacity, config: KubeletConfiguration): NodeCapacity {
  let { milliCpu, memoryBytes } = capacity;
  for (const reserved of [config.systemReserved, config.kubeReserved]) {
    const cpu = reserved?.['cpu'];
    const memory = reserved?.['memory'];
    if (cpu !== undefined) milliCpu -= quantityMilliValue(cpu);
    if (memory !== undefined) memoryBytes -= quantityValue(memory);
  }
  return { milliCpu: Math.max(milliCpu, 0), memoryBytes: Math.max(memoryBytes, 0) };
}

function normalizeRoot(root: string): string {
  const segments = root.split('/').filter(s => s !== '');
  return `/${segments.join('/')}`;
}
