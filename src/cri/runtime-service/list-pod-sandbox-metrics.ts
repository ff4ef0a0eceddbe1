import { TimeSlice } from '../../base/time-slice.ts';
import type {
  ContainerMetrics,
  ListPodSandboxMetricsResponse,
  PodSandboxMetrics,
  StreamPodSandboxMetricsResponse,
} from '../../rpc/cri-api.ts';
import type { ContainerRecord } from '../store/container-record.ts';
import { type SandboxRecord, sandboxState } from '../store/sandbox-record.ts';
import type { RuntimeServiceContext } from './context.ts';
import { containerMetrics, sandboxMetrics } from './metrics-message.ts';
import { FIRST_COUNT_MS, isLive, linksOf } from './read-stats.ts';

/** All of them in one message: some 12 KiB for each container. */
export async function listPodSandboxMetrics(
  ctx: RuntimeServiceContext,
  signal?: AbortSignal,
): Promise<ListPodSandboxMetricsResponse> {
  const podMetrics: PodSandboxMetrics[] = [];
  for await (const each of podSandboxMetrics(ctx, signal)) podMetrics.push(each);
  return { podMetrics };
}

/** So many pods to a message. */
const BATCH = 50;

/** The same in messages of fifty pods, each sent when it has been read: nothing is kept of those before. */
export async function* streamPodSandboxMetrics(
  ctx: RuntimeServiceContext,
  signal?: AbortSignal,
): AsyncGenerator<StreamPodSandboxMetricsResponse> {
  let batch: PodSandboxMetrics[] = [];
  for await (const each of podSandboxMetrics(ctx, signal)) {
    batch.push(each);
    if (batch.length < BATCH) continue;
    yield { podSandboxMetrics: batch };
    batch = [];
  }
  if (batch.length > 0) yield { podSandboxMetrics: batch };
}

/**
 * The metrics of the sandboxes that are ready and of the containers in them that have not ended, read when asked for: about twice the work of the stats, and a look
 * at every open file. In slices, so that no other call waits for it.
 */
async function* podSandboxMetrics(ctx: RuntimeServiceContext, signal?: AbortSignal): AsyncGenerator<PodSandboxMetrics> {
  const slice = new TimeSlice(signal);
  const records = ctx.store.allSandboxes().filter(each => sandboxState(each) === 'ready');
  const members = new Map(records.map(({ id }) => [id, ctx.store.containersOf(id).filter(isLive)]));
  await ctx.layerUsages.counted(
    [...members.values()].flat().map(({ id }) => ctx.paths.upperDir(id)),
    FIRST_COUNT_MS,
  );
  const filesystem = ctx.node.filesystemSize(ctx.paths.containers);
  for (const record of records) {
    const links = linksOf(ctx, record);
    const containers: ContainerMetrics[] = [];
    for (const member of members.get(record.id) ?? []) {
      containers.push(await metricsOf(ctx, record, member, filesystem, slice));
      if (slice.used) await slice.breathe();
    }
    yield { podSandboxId: record.id, metrics: sandboxMetrics(record, links), containerMetrics: containers };
    if (slice.used) await slice.breathe();
  }
}

async function metricsOf(
  ctx: RuntimeServiceContext,
  pod: SandboxRecord,
  record: ContainerRecord,
  filesystem: ReturnType<RuntimeServiceContext['node']['filesystemSize']>,
  slice: TimeSlice,
): Promise<ContainerMetrics> {
  const { node } = ctx;
  const processes = node.cgroupProcesses(record.cgroupPath);
  const metrics = containerMetrics(pod.config.metadata, record, {
    at: Number(node.now() / 1_000_000_000n),
    usage: node.cgroupUsage(record.cgroupPath),
    counters: node.cgroupCounters(record.cgroupPath),
    files: await node.openFiles(processes, slice),
    processes: processes.length,
    filesLimit: record.init === undefined ? undefined : node.openFilesLimit(record.init),
    written: ctx.layerUsages.latest(ctx.paths.upperDir(record.id))?.bytes,
    filesystem,
    deviceName: node.blockDeviceName,
  });
  return { containerId: record.id, metrics };
}
