import { TimeSlice } from '../../base/time-slice.ts';
import { type CgroupUsage, cgroupUsage } from '../../linux/cgroup-usage.ts';
import type { DirectoryUsage } from '../../linux/directory-usage.ts';
import type { LinkCounters } from '../../linux/procfs.ts';
import type { ContainerStats, PodSandboxStats } from '../../rpc/cri-api.ts';
import { cgroupsPath, groupOf, groupOfParent } from '../spec/cgroup-path.ts';
import { type ContainerRecord, containerState } from '../store/container-record.ts';
import { cgroupParentOf, type SandboxRecord } from '../store/sandbox-record.ts';
import type { RuntimeServiceContext } from './context.ts';
import { addUsage, containerStats, type GroupReading, podSandboxStats } from './stats-message.ts';

/** A writable layer that was never counted is waited for so long; an answer without it is better than none. */
export const FIRST_COUNT_MS = 200;
const NOTHING = cgroupUsage(2, () => undefined);

/** Reads the groups of containers, a slice at a time, and adds what is known of their writable layers. */
export async function readContainerStats(
  ctx: RuntimeServiceContext,
  records: readonly ContainerRecord[],
  signal?: AbortSignal,
): Promise<ContainerStats[]> {
  forgetGone(ctx);
  await ctx.layerUsages.counted(
    records.map(({ id }) => ctx.paths.upperDir(id)),
    FIRST_COUNT_MS,
  );
  const slice = new TimeSlice(signal);
  const stats: ContainerStats[] = [];
  for (const record of records) {
    stats.push(statsOf(ctx, record).stats);
    if (slice.used) await slice.breathe();
  }
  return stats;
}

/** The same for sandboxes, with the containers in them that have not ended. */
export async function readPodSandboxStats(
  ctx: RuntimeServiceContext,
  records: readonly SandboxRecord[],
  signal?: AbortSignal,
): Promise<PodSandboxStats[]> {
  forgetGone(ctx);
  const slice = new TimeSlice(signal);
  const members = new Map(records.map(record => [record.id, ctx.store.containersOf(record.id).filter(isLive)]));
  await ctx.layerUsages.counted(
    [...members.values()].flat().map(({ id }) => ctx.paths.upperDir(id)),
    FIRST_COUNT_MS,
  );
  const stats: PodSandboxStats[] = [];
  for (const record of records) {
    const containers: ReturnType<typeof statsOf>[] = [];
    for (const member of members.get(record.id) ?? []) {
      containers.push(statsOf(ctx, member));
      if (slice.used) await slice.breathe();
    }
    const links = linksOf(ctx, record);
    const usage = podUsage(
      ctx,
      record,
      containers.map(each => each.usage),
    );
    stats.push(
      podSandboxStats(
        record,
        readingOf(ctx, record.id, usage),
        links,
        containers.map(each => each.stats),
      ),
    );
    if (slice.used) await slice.breathe();
  }
  return stats;
}

/** True for containers that may use something: not those that have ended, nor creations at work. */
export function isLive(record: ContainerRecord): boolean {
  const state = containerState(record);
  return state === 'created' || state === 'running';
}

function statsOf(
  ctx: RuntimeServiceContext,
  record: ContainerRecord,
): { readonly stats: ContainerStats; readonly usage: CgroupUsage } {
  // the group of one that has ended may still be there, until the runtime has let go of it
  const usage = isLive(record) ? ctx.node.cgroupUsage(record.cgroupPath) : NOTHING;
  const layer = {
    mountPoint: `${ctx.config.root}/images`,
    usage: ctx.layerUsages.latest(ctx.paths.upperDir(record.id)),
  };
  return { stats: containerStats(record, readingOf(ctx, record.id, usage), layer), usage };
}

/** What went through the links of a pod; undefined on the host network. A look at a process costs less than going into its namespace. */
export function linksOf(
  ctx: RuntimeServiceContext,
  { netnsPath, infra }: SandboxRecord,
): readonly LinkCounters[] | undefined {
  return netnsPath === undefined ? undefined : ctx.node.linkCounters(infra ?? netnsPath);
}

/** A pod that a kubelet made has a group of its own around its containers; without one (crictl) they are added up, the pause process with them. */
function podUsage(ctx: RuntimeServiceContext, record: SandboxRecord, containers: readonly CgroupUsage[]): CgroupUsage {
  const parent = record.config.linux?.cgroupParent ?? '';
  if (parent !== '') return ctx.node.cgroupUsage(groupOfParent(parent));
  const infra = groupOf(cgroupsPath(cgroupParentOf(record), record.id));
  return containers.reduce(addUsage, ctx.node.cgroupUsage(infra));
}

function readingOf(ctx: RuntimeServiceContext, id: string, usage: CgroupUsage): GroupReading {
  const used = usage.cpuNanoseconds;
  const monotonic = BigInt(Math.round(ctx.clock.monotonic() * 1e6));
  const nanoCores = used === undefined ? undefined : ctx.cpuRates.take(id, { used, at: monotonic });
  return { usage, at: ctx.node.now(), nanoCores };
}

/** What all containers have written into their root file systems, as it was counted last: what was never counted is on its way. */
export function writableLayers(ctx: RuntimeServiceContext): DirectoryUsage {
  const counted = ctx.store.allContainers().flatMap(({ id }) => ctx.layerUsages.latest(ctx.paths.upperDir(id)) ?? []);
  return counted.reduce<DirectoryUsage>(
    (sum, { bytes, inodes }) => ({ bytes: sum.bytes + bytes, inodes: sum.inodes + inodes }),
    { bytes: 0, inodes: 0 },
  );
}

function forgetGone(ctx: RuntimeServiceContext): void {
  const containers = ctx.store.allContainers();
  ctx.cpuRates.keep(new Set([...containers, ...ctx.store.allSandboxes()].map(({ id }) => id)));
  ctx.layerUsages.keep(new Set(containers.map(({ id }) => ctx.paths.upperDir(id))));
}
