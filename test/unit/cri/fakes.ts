import pino from 'pino';
import type { Clock } from '../../../src/base/clock.ts';
import { notFound } from '../../../src/base/errors.ts';
import { KeyedQueue } from '../../../src/base/keyed-queue.ts';
import { DEFAULT_CRI_CONFIG } from '../../../src/cri/config.ts';
import { EventHub } from '../../../src/cri/events.ts';
import { ExitWaiters } from '../../../src/cri/exit-waiters.ts';
import type { ImageRecord, ImageStore } from '../../../src/cri/images/ports.ts';
import { JoinedOperations } from '../../../src/cri/joined-operations.ts';
import type { PodNetwork } from '../../../src/cri/network/ports.ts';
import type { NodePort } from '../../../src/cri/node-port.ts';
import type { ContainerExit, ContainerMonitor, OciRuntime, ProcessIdentity } from '../../../src/cri/oci/ports.ts';
import { ociRuntimes } from '../../../src/cri/oci/runtimes.ts';
import { criPaths } from '../../../src/cri/paths.ts';
import type { RuntimeServiceContext } from '../../../src/cri/runtime-service/context.ts';
import { GracePeriods } from '../../../src/cri/runtime-service/grace-periods.ts';
import { recordExit } from '../../../src/cri/runtime-service/record-exit.ts';
import type { CdiFile } from '../../../src/cri/spec/cdi-devices.ts';
import { RecordStore } from '../../../src/cri/store/record-store.ts';
import { StreamRequests } from '../../../src/cri/streaming/stream-requests.ts';
import { cgroupCounters } from '../../../src/linux/cgroup-counters.ts';
import type { CgroupUsage } from '../../../src/linux/cgroup-usage.ts';
import { cgroupUsage } from '../../../src/linux/cgroup-usage.ts';
import { CpuRates } from '../../../src/linux/cpu-rates.ts';
import { type DirectoryUsage, DirectoryUsages } from '../../../src/linux/directory-usage.ts';
import type { LinkCounters } from '../../../src/linux/procfs.ts';
import { FakeClock } from '../../harness/fake-clock.ts';
import { BOOT, idOf } from './records.ts';

const NO_USAGE = cgroupUsage(2, () => undefined);
const NO_COUNTERS = cgroupCounters(2, () => undefined, []);

/** A container on the fake machine: its process, its monitor and what the runtime thinks of it. */
interface FakeContainer {
  state: 'created' | 'running' | 'stopped';
  readonly init: ProcessIdentity;
  readonly monitor: ProcessIdentity;
  exit: ContainerExit | undefined;
}

/**
 * A machine in memory on which containers are made, run, heed or ignore signals, and end. `fail` names the step that throws; `inspect` tells what is
 * there, as a leak check would see it.
 */
export class FakeMachine {
  readonly containers = new Map<string, FakeContainer>();
  cdiFiles: readonly CdiFile[] = [];
  readonly appArmorProfiles = new Set<string>();
  /** SELinux labels by path. */
  readonly labels = new Map<string, string>();
  readonly netns = new Set<string>();
  readonly userns = new Set<string>();
  /** Groups that somebody took away by their path. */
  readonly removedGroups = new Set<string>();
  readonly mounts = new Set<string>();
  readonly files = new Map<string, string>([
    ['/etc/resolv.conf', 'nameserver 9.9.9.9\n'],
    ['/etc/hosts', '127.0.0.1 localhost\n'],
  ]);
  readonly addresses = new Map<string, string>();
  /** Images by the container that holds them. */
  readonly held = new Map<string, readonly string[]>();
  /** How often each step ran. */
  readonly counts = new Map<string, number>();
  readonly failing = new Set<string>();
  /** What the network was told at its last prune. */
  attached: readonly string[] | undefined;
  /** Containers whose program takes no notice of its stop signal. */
  readonly deaf = new Set<string>();
  /** What groups have used, by path. */
  readonly usages = new Map<string, CgroupUsage>();
  /** What went through the links of a process's network namespace, by pid. */
  readonly links = new Map<number, readonly LinkCounters[]>();
  /** What lies in directories, by path. */
  readonly directories = new Map<string, DirectoryUsage>();
  /** Runs at the named step, before it can fail: the place to do something in between. */
  readonly during = new Map<string, () => void | Promise<void>>();
  onExit: (id: string) => void = () => {};
  #nextPid = 1000;
  #nextId = 0;
  #now = 1_000n;

  async step(name: string): Promise<void> {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    await Promise.resolve();
    await this.during.get(name)?.();
    if (this.failing.has(name)) throw new Error(`${name} failed`);
  }

  /** What is left on it, apart from files of the machine itself. */
  inspect(): string[] {
    return [
      ...[...this.containers.keys()].map(id => `container ${id.slice(0, 4)}`),
      ...[...this.netns].map(path => `netns ${path}`),
      ...[...this.userns].map(path => `userns ${path}`),
      ...[...this.mounts].map(path => `mount ${path}`),
      ...[...this.files.keys()].filter(path => !path.startsWith('/etc/')),
      ...[...this.addresses.values()].map(ip => `address ${ip}`),
      ...[...this.held.keys()].map(owner => `hold ${owner.slice(0, 4)}`),
    ];
  }

  /** The program of a container ends. */
  end(id: string, exitCode: number): void {
    const container = this.containers.get(id);
    if (container === undefined || container.exit !== undefined) return;
    container.state = 'stopped';
    container.exit = { id, exitCode, finishedAt: this.now(), oomKilled: false };
    this.onExit(id);
  }

  now(): bigint {
    this.#now += 1n;
    return this.#now;
  }

  readonly runtime: OciRuntime = {
    name: 'fake',
    path: '/usr/bin/fake',
    globalArgs: [],
    start: async id => {
      await this.step('start');
      const container = this.containers.get(id);
      if (container === undefined) throw notFound(`container ${id} does not exist`);
      container.state = 'running';
    },
    delete: async id => {
      await this.step('delete');
      this.end(id, 137);
      this.containers.delete(id);
    },
    update: async () => {
      await this.step('update');
    },
    version: async () => 'fake version 1\n',
    checkpoint: async () => {
      await this.step('checkpoint');
    },
    exec: async () => ({ stdout: Buffer.from('out'), stderr: Buffer.alloc(0), exitCode: 0 }),
    openExec: async () => {
      throw notFound('this machine runs no streams');
    },
    list: async () => new Map([...this.containers].map(([id, c]) => [id, c.state])),
  };

  readonly monitor: ContainerMonitor = {
    create: async ({ id }) => {
      await this.step('create');
      const pid = this.#nextPid;
      this.#nextPid += 2;
      const container: FakeContainer = {
        state: 'created',
        init: { pid, startTime: pid },
        monitor: { pid: pid + 1, startTime: pid + 1 },
        exit: undefined,
      };
      this.containers.set(id, container);
      return { container: container.init, monitor: container.monitor };
    },
    readExit: id => this.containers.get(id)?.exit,
    watchExits: onExit => {
      this.onExit = onExit;
      return () => {};
    },
    reopenLog: async () => {},
    keepLog: () => {},
    releaseLog: () => {},
    attach: async () => {
      throw notFound('this machine runs no streams');
    },
    resize: () => {},
    reap: async () => {},
    reapAll: async () => {},
    hasTraces: () => false,
    clear: () => {},
    forget: () => {},
  };

  readonly network: PodNetwork = {
    readiness: () =>
      this.failing.has('readiness')
        ? { ready: false, reason: 'NetworkPluginNotReady', message: 'no configuration' }
        : { ready: true },
    add: async ({ sandboxId }) => {
      await this.step('network-add');
      const ip = `10.1.0.${this.addresses.size + 2}`;
      this.addresses.set(sandboxId, ip);
      return [ip];
    },
    remove: async ({ sandboxId }) => {
      await this.step('network-remove');
      this.addresses.delete(sandboxId);
    },
    prune: async attached => {
      await this.step('network-prune');
      this.attached = [...attached()];
    },
    setPodCidr: () => {},
  };

  readonly images: ImageStore = {
    resolve: reference => [IMAGE, VOLUME_IMAGE].find(i => i.id === reference || i.repoTags.includes(reference)),
    list: () => [IMAGE, VOLUME_IMAGE],
    layerDirs: () => ['/layers/1'],
    hold: (id, owner) => void this.held.set(owner, [...(this.held.get(owner) ?? []), id]),
    release: owner => void this.held.delete(owner),
  };

  readonly node: NodePort = {
    now: () => this.now(),
    newId: () => {
      this.#nextId += 1;
      return this.#nextId.toString(16).padStart(64, '0');
    },
    bootId: BOOT,
    hostname: 'machine',
    facts: {
      architecture: 'x64',
      boundingCapabilities: [],
      knownCapabilities: [],
      oomScoreAdj: { current: 0, canLower: true },
      hardRlimits: undefined,
      cgroupVersion: 1,
      swapAccounting: false,
      hugetlb: false,
      appArmor: false,
      recursiveReadOnly: true,
      selinux: undefined,
      noUserNamespaces: undefined,
    },
    createUserns: async ({ path, netnsPath }) => {
      this.userns.add(path);
      if (netnsPath !== undefined) this.netns.add(netnsPath);
    },
    removeUserns: path => void this.userns.delete(path),
    chown: () => {},
    chownStreams: () => {},
    keepNullDevice: () => {},
    mountIdmapped: ({ target }) => void this.mounts.add(target),
    removeIdmapped: directory => {
      for (const mount of this.mounts) if (mount.startsWith(`${directory}/`)) this.mounts.delete(mount);
    },
    createNetns: path => void this.netns.add(path),
    removeNetns: path => void this.netns.delete(path),
    pinNamespaces: ({ ipc, uts }) => {
      if (this.failing.has('pin')) throw new Error('pin failed');
      for (const path of [ipc, uts]) if (path !== undefined) this.netns.add(path);
    },
    isNamespace: path => this.netns.has(path),
    setSysctlsIn: () => {},
    mountShm: path => void this.mounts.add(path),
    mountOverlay: ({ target }) => void this.mounts.add(target),
    mountReadOnlyOverlay: ({ target }) => void this.mounts.add(target),
    unmount: path => void this.mounts.delete(path),
    unmountIn: directory => {
      for (const path of this.mounts) if (path.startsWith(`${directory}/`)) this.mounts.delete(path);
    },
    makeDirectory: path => {
      if (path.startsWith('/missing/under-a-file')) throw new Error(`ENOTDIR: mkdir ${path}`);
    },
    writeFile: (path, data) => void this.files.set(path, data),
    replaceFile: (path, data) => void this.files.set(path, data),
    readFile: path => this.files.get(path) ?? '',
    removeTree: path => {
      for (const file of this.files.keys()) if (file.startsWith(`${path}/`)) this.files.delete(file);
    },
    emptyTrash: () => {},
    realPath: path => (path.startsWith('/missing') ? undefined : path),
    mountHolding: () => ({ target: '/', propagation: ['shared:1'] }),
    readInRoot: () => '',
    directoryInRoot: (root, path) => (path.startsWith('missing') ? undefined : `${root}/${path}`),
    lookUpDevices: () => [],
    appArmorProfiles: () => this.appArmorProfiles,
    loadDefaultAppArmorProfile: async () => void this.appArmorProfiles.add('gantry-default'),
    relabel: async (path, label) => void this.labels.set(path, label),
    lookUpNode: () => undefined,
    readCdiFiles: () => this.cdiFiles,
    hostDevices: () => [],
    signal: ({ pid }, signal) => {
      const found = [...this.containers].find(([, c]) => c.init.pid === pid && c.exit === undefined);
      if (found === undefined) return false;
      const [id] = found;
      if (signal === 9 || !this.deaf.has(id)) queueMicrotask(() => this.end(id, 128 + signal));
      return true;
    },
    heeds: ({ pid }) => ![...this.containers].some(([id, c]) => c.init.pid === pid && this.deaf.has(id)),
    isAlive: ({ pid }) =>
      [...this.containers.values()].some(c => (c.init.pid === pid && c.exit === undefined) || c.monitor.pid === pid),
    cgroupUsage: path => this.usages.get(path) ?? NO_USAGE,
    cgroupCounters: () => NO_COUNTERS,
    cgroupProcesses: () => [],
    openFiles: async () => ({ descriptors: 0, sockets: 0 }),
    openFilesLimit: () => undefined,
    filesystemSize: () => ({ device: '/dev/fake', bytes: 0, inodes: 0, freeInodes: 0 }),
    blockDeviceName: (major, minor) => `${major}:${minor}`,
    linkCounters: of => this.links.get(typeof of === 'string' ? 0 : of.pid),
    killCgroup: () => {},
    removeCgroup: async path => {
      await this.step('remove-cgroup');
      this.removedGroups.add(path);
    },
  };
}

export const IMAGE_NAME = 'localhost/busybox:1';
const IMAGE: ImageRecord = {
  id: `sha256:${idOf('c')}`,
  repoTags: [IMAGE_NAME],
  repoDigests: [`localhost/busybox@sha256:${idOf('d')}`],
  sizeBytes: 1,
  config: {
    user: '',
    env: [],
    entrypoint: [],
    cmd: ['/bin/sh'],
    workingDir: '',
    stopSignal: '',
    volumes: [],
    labels: {},
  },
  pinned: false,
};

/** An image that containers mount. */
export const VOLUME_IMAGE: ImageRecord = {
  ...IMAGE,
  id: `sha256:${idOf('e')}`,
  repoTags: ['localhost/model:1'],
  repoDigests: [],
};

/** The runtime service on a fake machine, with records in memory. */
export function fakeContext(machine: FakeMachine, clock: Clock = new FakeClock()): RuntimeServiceContext {
  const store = new RecordStore({
    writeSandbox: () => {},
    writeContainer: () => {},
    deleteSandbox: () => {},
    deleteContainer: () => {},
    readAll: () => ({ sandboxes: [], containers: [], unreadable: [], orphanFolders: [] }),
  });
  const fallback = {
    name: 'fake',
    runtime: machine.runtime,
    features: { recursiveReadOnlyMounts: true, userNamespaces: true },
  };
  const ctx: RuntimeServiceContext = {
    config: DEFAULT_CRI_CONFIG,
    paths: criPaths({ root: '/root', state: '/state' }),
    node: machine.node,
    images: machine.images,
    network: machine.network,
    runtimes: ociRuntimes({ fallback, handlers: [fallback], unusable: new Map(), state: '/state' }),
    runtimeChoice: 'it is the fake one',
    cgroupDriver: 'cgroupfs',
    scopes: undefined,
    monitor: machine.monitor,
    pause: { path: '/pause', args: ['/catatonit', '-P'] },
    clock,
    log: pino({ level: 'silent' }),
    store,
    events: new EventHub(),
    exits: new ExitWaiters(),
    joins: new JoinedOperations(),
    queue: new KeyedQueue(),
    starting: new Set(),
    cpuRates: new CpuRates(),
    layerUsages: new DirectoryUsages({
      clock,
      freshMs: 10_000,
      measure: async path => machine.directories.get(path),
    }),
    graces: new GracePeriods(clock),
    streams: new StreamRequests(clock),
    said: new Set(),
  };
  machine.onExit = id => {
    recordExit(ctx, id);
    ctx.exits.announce(id);
  };
  return ctx;
}
