import type { Pod } from '../../api/types/gen/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { TimeSlice } from '../../base/time-slice.ts';
import type { CgroupDriver } from '../../linux/cgroup-driver.ts';
import { readCgroupUsage } from '../../linux/cgroup-reading.ts';
import { CpuRates } from '../../linux/cpu-rates.ts';
import { DirectoryUsages } from '../../linux/directory-usage.ts';
import type { CpuUsage, FilesystemUsage } from '../../rpc/cri-api.ts';
import { podDir, podLogDir } from '../pod-paths.ts';
import { possiblePodCgroups, qosCgroup } from '../resources/pod-cgroup.ts';
import type { ContainerRuntime } from '../runtime/ports.ts';
import type { KubeletSettings } from '../settings.ts';
import type { PodFacts } from './cadvisor-metrics.ts';
import { listVolumes, readBootTime, readMachine, readMachineExtras, readSpace } from './machine-reading.ts';
import { fsStats, groupStats, networkStats, nodeUsage } from './node-stats.ts';
import { readPodFacts } from './pod-facts.ts';
import { type PodDisk, type PodTimes, podStats, withDisk } from './pod-stats.ts';
import type { ContainerStats, FsStats, NodeStats, PodStats, Summary } from './summary.ts';

export interface StatsProviderOptions {
  readonly settings: Pick<KubeletSettings, 'nodeName' | 'rootDir' | 'podLogsDir' | 'cgroups' | 'capacity'>;
  /** Tells where the groups of pods are. */
  readonly cgroups: Pick<CgroupDriver, 'pathOf'>;
  readonly runtime: Pick<ContainerRuntime, 'listSandboxes' | 'listContainers' | 'podStats' | 'imageFsInfo'>;
  /** Those that this kubelet runs, with their statuses. */
  pods(): readonly Pod[];
  /** Volumes and logs are counted that often: volumeStatsAggPeriod. Below zero volumes are not counted at all, as upstream. */
  readonly diskFreshMs: number;
  readonly clock: Clock;
}

/** What the runtime may take for an answer. Not the signal of who asks: others may wait for the same. */
const READ_MS = 30_000;
/** Directories that were never counted are waited for so long. */
const FIRST_COUNT_MS = 500;
/** Plugins whose volumes lie on the node's disk and go with their pod, unless they are in memory (upstream's IsLocalEphemeralVolume). */
const EPHEMERAL_PLUGINS = new Set(['kubernetes.io~empty-dir', 'kubernetes.io~configmap']);

/**
 * What the node and its pods use, read when somebody asks: nothing runs in between. Who asks while another is being answered gets the same answer. Both forms reject as the runtime
 * does.
 */
export class StatsProvider {
  readonly #options: StatsProviderOptions;
  readonly #rates = new CpuRates();
  readonly #disk: DirectoryUsages;
  readonly #running = new Map<'whole' | 'cpu and memory', Promise<Summary>>();
  readonly #startedAt: number;

  constructor(options: StatsProviderOptions) {
    this.#options = options;
    this.#disk = new DirectoryUsages({ clock: options.clock, freshMs: Math.abs(options.diskFreshMs) });
    this.#startedAt = options.clock.now();
  }

  /** All of it. */
  summary(): Promise<Summary> {
    return this.#shared('whole', () => this.#whole());
  }

  /** CPU, memory and swap alone: nothing of disks and networks is looked at. */
  cpuAndMemory(): Promise<Summary> {
    return this.#shared('cpu and memory', () => this.#cpuAndMemory());
  }

  #shared(what: 'whole' | 'cpu and memory', make: () => Promise<Summary>): Promise<Summary> {
    const running = this.#running.get(what);
    if (running !== undefined) return running;
    const work = make().finally(() => this.#running.delete(what));
    this.#running.set(what, work);
    return work;
  }

  async #cpuAndMemory(): Promise<Summary> {
    const pods = await this.#pods();
    const { io: _io, ...usage } = this.#nodeUsage();
    const node = {
      nodeName: this.#options.settings.nodeName,
      startTime: readBootTime(),
      ...usage,
      systemContainers: this.#systemContainers().map(({ io: _unused, ...rest }) => rest),
    };
    const only = pods.map(({ podRef, startTime, containers, cpu, memory, swap }) => ({
      podRef,
      startTime,
      containers: containers.map(({ rootfs: _rootfs, io: _unused, ...rest }) => rest),
      cpu,
      memory,
      swap,
    }));
    return { node, pods: only };
  }

  async #whole(): Promise<Summary> {
    const { settings, runtime, clock } = this.#options;
    const [pods, extras, images] = await Promise.all([
      this.#pods(),
      readMachineExtras(settings.rootDir),
      runtime.imageFsInfo(AbortSignal.timeout(READ_MS)),
    ]);
    const now = clock.now();
    const imageFs = await this.#runtimeFs(images.imageFilesystems[0]);
    const containerFs = await this.#runtimeFs(images.containerFilesystems[0] ?? images.imageFilesystems[0]);
    const node: NodeStats = {
      nodeName: settings.nodeName,
      systemContainers: this.#systemContainers(),
      startTime: extras.bootedAt,
      ...this.#nodeUsage(),
      network: networkStats(extras.links, now),
      fs: extras.rootFs === undefined ? undefined : fsStats(extras.rootFs, now),
      runtime: { imageFs: imageFs?.stats, containerFs: containerFs?.stats },
      rlimit:
        extras.pids === undefined
          ? undefined
          : { time: now, maxpid: extras.pids.total, curproc: extras.pids.total - extras.pids.available },
    };
    const disks = await this.#disks(pods);
    return {
      node,
      pods: pods.map((pod, index) =>
        withDisk(pod, disks[index] ?? { logs: new Map(), volumes: [] }, extras.rootFs, containerFs?.space, now),
      ),
    };
  }

  #nodeUsage(): Pick<NodeStats, 'cpu' | 'memory' | 'swap' | 'io'> {
    const reading = readMachine(this.#options.clock.now());
    return nodeUsage(reading, this.#rate('node', reading.cpuNanoseconds));
  }

  /** All pods together, and this process. What else of the system has a group of its own is not known here. */
  #systemContainers(): ContainerStats[] {
    const now = this.#options.clock.now();
    const pods = readCgroupUsage(this.podsGroup);
    const { user, system } = process.cpuUsage();
    const own = BigInt(user + system) * 1000n;
    const rate = this.#rate('kubelet', own);
    const { rss } = process.memoryUsage();
    return [
      {
        name: 'kubelet',
        startTime: this.#startedAt,
        cpu: {
          time: now,
          usageNanoCores: rate === undefined ? undefined : Number(rate),
          usageCoreNanoSeconds: Number(own),
        },
        memory: { time: now, usageBytes: rss, workingSetBytes: rss, rssBytes: rss },
      },
      { name: 'pods', startTime: this.#startedAt, ...groupStats(pods, now, this.#rate('pods', pods.cpuNanoseconds)) },
    ];
  }

  async #pods(): Promise<readonly PodStats[]> {
    const { runtime } = this.#options;
    const signal = AbortSignal.timeout(READ_MS);
    const [stats, sandboxes, containers] = await Promise.all([
      runtime.podStats(signal),
      runtime.listSandboxes(undefined, signal),
      runtime.listContainers(undefined, signal),
    ]);
    const createdAt = new Map(sandboxes.map(each => [each.id, milliseconds(each.createdAt)]));
    const containerCreatedAt = new Map(containers.map(each => [each.id, milliseconds(each.createdAt)]));
    this.#rates.keep(new Set(['node', 'kubelet', 'pods', ...createdAt.keys(), ...containerCreatedAt.keys()]));
    const slice = new TimeSlice();
    const newest = new Map<string, PodStats>();
    for (const each of stats) {
      const times: PodTimes = { sandboxCreatedAt: createdAt.get(each.attributes?.id ?? '') ?? 0, containerCreatedAt };
      const told = podStats(each, times, (id, cpu) => this.#runtimeRate(id, cpu));
      if (told === undefined) continue;
      const pod =
        told.cpu === undefined && told.memory === undefined ? this.#withGroup(told, each.attributes?.id ?? '') : told;
      const known = newest.get(pod.podRef.uid);
      if (known === undefined || known.startTime < pod.startTime) newest.set(pod.podRef.uid, pod);
      if (slice.used) await slice.breathe();
    }
    return [...newest.values()];
  }

  /** Where the runtime has no figures of the pod itself, the group has that this kubelet made. */
  #withGroup(pod: PodStats, sandboxId: string): PodStats {
    const { settings, cgroups } = this.#options;
    for (const group of possiblePodCgroups(settings.cgroups.root, pod.podRef.uid)) {
      const usage = readCgroupUsage(cgroups.pathOf(group));
      if (usage.cpuNanoseconds === undefined) continue;
      const figures = groupStats(usage, this.#options.clock.now(), this.#rate(sandboxId, usage.cpuNanoseconds));
      return {
        ...pod,
        ...figures,
        process_stats: usage.tasks === undefined ? undefined : { process_count: usage.tasks },
      };
    }
    return pod;
  }

  /** The group of all pods. */
  get podsGroup(): string {
    return this.#options.cgroups.pathOf(qosCgroup(this.#options.settings.cgroups.root, 'Guaranteed'));
  }

  /** By uid: what the rows of cAdvisor's metrics say of pods beside their figures. */
  podFacts(): Promise<ReadonlyMap<string, PodFacts>> {
    return readPodFacts(this.#options, AbortSignal.timeout(READ_MS));
  }

  async #disks(pods: readonly PodStats[]): Promise<readonly PodDisk[]> {
    const { settings } = this.#options;
    const places = await Promise.all(
      pods.map(async ({ podRef, containers }) => ({
        volumes: this.#options.diskFreshMs < 0 ? [] : await listVolumes(podDir(settings, podRef.uid)),
        logs: containers.map(({ name }) => ({ name, path: `${podLogDir(settings, podRef)}/${name}` })),
      })),
    );
    const paths = places.flatMap(({ volumes, logs }) => [...volumes, ...logs].map(({ path }) => path));
    this.#disk.keep(new Set(paths));
    await this.#disk.counted(paths, FIRST_COUNT_MS);
    const logFs = await readSpace(settings.podLogsDir);
    return Promise.all(
      places.map(async ({ volumes, logs }) => ({
        logs: new Map(
          logs.flatMap(({ name, path }): [string, FsStats][] => {
            const used = this.#disk.latest(path);
            return used === undefined ? [] : [[name, fsStats(logFs, used.at, used)]];
          }),
        ),
        volumes: (
          await Promise.all(
            volumes.map(async ({ plugin, name, path }) => {
              const used = this.#disk.latest(path);
              const space = await readSpace(path);
              if (used === undefined || space === undefined) return [];
              const ephemeral = EPHEMERAL_PLUGINS.has(plugin) && !space.inMemory;
              return [{ ...fsStats(space, used.at, used), name, ephemeral }];
            }),
          )
        ).flat(),
      })),
    );
  }

  async #runtimeFs(usage: FilesystemUsage | undefined) {
    if (usage === undefined) return undefined;
    const space = await readSpace(usage.fsId?.mountpoint ?? '');
    const used = { bytes: Number(usage.usedBytes?.value ?? 0n), inodes: Number(usage.inodesUsed?.value ?? 0n) };
    return { space, stats: fsStats(space, milliseconds(usage.timestamp), used) };
  }

  #rate(key: string, used: bigint | undefined): bigint | undefined {
    const at = BigInt(Math.round(this.#options.clock.monotonic() * 1e6));
    return used === undefined ? undefined : this.#rates.take(key, { used, at });
  }

  #runtimeRate(id: string, { timestamp, usageCoreNanoSeconds }: CpuUsage): bigint | undefined {
    if (usageCoreNanoSeconds === undefined) return undefined;
    return this.#rates.take(id, { used: usageCoreNanoSeconds.value, at: timestamp });
  }
}

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000_000n);
}
