import { notFound } from '../../../src/base/errors.ts';
import { LABEL } from '../../../src/kubelet/runtime/labels.ts';
import type { ContainerRuntime } from '../../../src/kubelet/runtime/ports.ts';
import {
  Container,
  type ContainerConfig,
  ContainerEventResponse,
  ContainerEventType,
  ContainerState,
  ContainerStatus,
  type Image,
  type LinuxContainerResources,
  PodSandbox,
  type PodSandboxConfig,
  PodSandboxState,
  PodSandboxStatus,
} from '../../../src/rpc/cri-api.ts';

interface FakeSandbox {
  readonly id: string;
  readonly config: PodSandboxConfig;
  readonly createdAt: bigint;
  state: PodSandboxState;
}

interface FakeContainer {
  readonly id: string;
  readonly sandboxId: string;
  readonly config: ContainerConfig;
  readonly createdAt: bigint;
  state: ContainerState;
  startedAt: bigint;
  finishedAt: bigint;
  exitCode: number;
}

/** A runtime that behaves: ids, states and idempotence as the CRI asks for; processes end when the test says so. */
export class FakeRuntime implements ContainerRuntime {
  readonly sandboxes = new Map<string, FakeSandbox>();
  readonly containers = new Map<string, FakeContainer>();
  readonly images = new Set<string>(['localhost/busybox:1']);
  /** Names of calls that fail next time, once each. */
  readonly failNext = new Set<string>();
  readonly calls: string[] = [];
  readonly limits = new Map<string, LinuxContainerResources>();
  now = 1_000_000;
  #ids = 0;
  readonly #listeners = new Set<(event: ContainerEventResponse) => void>();

  /** What commands answer: an exit code, or never. */
  answerExec: (id: string, command: readonly string[]) => Promise<number> = async () => 0;
  /** Where streams are served. */
  streamUrl: (what: string) => Promise<string> = async () => 'http://127.0.0.1:1/';

  exec(id: string, command: readonly string[]) {
    return this.streamUrl(`exec ${id} ${command.join(' ')}`);
  }

  attach(id: string) {
    return this.streamUrl(`attach ${id}`);
  }

  portForward(sandboxId: string, ports: readonly number[]) {
    return this.streamUrl(`portForward ${sandboxId} ${ports.join()}`);
  }

  async execSync(id: string, command: readonly string[], _timeoutSeconds: number, signal: AbortSignal) {
    this.#call('execSync');
    const exitCode = await this.answerExec(id, command);
    signal.throwIfAborted();
    return { stdout: Buffer.from(`said ${exitCode}`), stderr: Buffer.alloc(0), exitCode };
  }

  async podStats() {
    return [];
  }
  async imageFsInfo() {
    return { imageFilesystems: [], containerFilesystems: [] };
  }

  async version() {
    return { name: 'fake', version: '1' };
  }
  async status() {
    return { conditions: [], handlers: [], supplementalGroupsPolicy: undefined };
  }
  async cgroupDriver() {
    return undefined;
  }

  async listSandboxes(podUid: string | undefined) {
    this.#call('listSandboxes');
    return [...this.sandboxes.values()].filter(s => matches(s.config.labels, podUid)).map(s => this.#sandbox(s));
  }
  async sandboxStatus(id: string) {
    this.#call('sandboxStatus');
    const s = this.sandboxes.get(id);
    if (s === undefined) return undefined;
    return PodSandboxStatus.fromPartial({ ...this.#sandbox(s), network: { ip: '10.0.0.5' } });
  }
  async runSandbox(config: PodSandboxConfig) {
    this.#call('runSandbox');
    return this.addSandbox(config);
  }
  async updateContainer(id: string, limits: LinuxContainerResources) {
    this.#call('updateContainer');
    this.limits.set(id, limits);
  }
  async updateSandboxResources() {
    this.#call('updateSandboxResources');
  }
  async stopSandbox(id: string) {
    this.#call('stopSandbox');
    for (const c of this.containers.values()) if (c.sandboxId === id) this.#end(c, 137);
    const sandbox = this.sandboxes.get(id);
    if (sandbox !== undefined) sandbox.state = PodSandboxState.SANDBOX_NOTREADY;
  }
  async removeSandbox(id: string) {
    this.#call('removeSandbox');
    for (const c of [...this.containers.values()]) if (c.sandboxId === id) this.containers.delete(c.id);
    this.sandboxes.delete(id);
  }

  async listContainers(podUid: string | undefined) {
    this.#call('listContainers');
    return [...this.containers.values()]
      .filter(c => matches(c.config.labels, podUid))
      .map(c =>
        Container.fromPartial({
          id: c.id,
          podSandboxId: c.sandboxId,
          metadata: c.config.metadata,
          state: c.state,
          createdAt: c.createdAt,
          labels: c.config.labels,
        }),
      );
  }
  async containerStatus(id: string) {
    this.#call('containerStatus');
    const c = this.containers.get(id);
    if (c === undefined) return undefined;
    const { state, createdAt, startedAt, finishedAt, exitCode, config } = c;
    return ContainerStatus.fromPartial({
      id,
      metadata: config.metadata,
      image: config.image,
      labels: config.labels,
      annotations: config.annotations,
      state,
      createdAt,
      startedAt,
      finishedAt,
      exitCode,
      user: { linux: { uid: 1000n, gid: 1001n, supplementalGroups: [1001n, 2000n] } },
    });
  }
  async createContainer(sandboxId: string, config: ContainerConfig) {
    this.#call('createContainer');
    if (this.sandboxes.get(sandboxId)?.state !== PodSandboxState.SANDBOX_READY) throw notFound('no such sandbox');
    const id = this.#id('c');
    this.containers.set(id, {
      id,
      sandboxId,
      config,
      createdAt: this.#time(),
      state: ContainerState.CONTAINER_CREATED,
      startedAt: 0n,
      finishedAt: 0n,
      exitCode: 0,
    });
    return id;
  }
  async startContainer(id: string) {
    this.#call('startContainer');
    const c = this.containers.get(id);
    if (c === undefined) throw notFound(`no container ${id}`);
    c.state = ContainerState.CONTAINER_RUNNING;
    c.startedAt = this.#time();
    this.#tell(c, ContainerEventType.CONTAINER_STARTED_EVENT);
  }
  async stopContainer(id: string) {
    this.#call('stopContainer');
    const c = this.containers.get(id);
    if (c !== undefined) this.#end(c, 143);
  }
  async removeContainer(id: string) {
    this.#call('removeContainer');
    this.containers.delete(id);
  }
  async reopenContainerLog(..._: Parameters<ContainerRuntime['reopenContainerLog']>) {
    this.#call('reopenContainerLog');
  }
  async checkpointContainer(..._: Parameters<ContainerRuntime['checkpointContainer']>) {
    this.#call('checkpointContainer');
  }

  async listImages(): Promise<readonly Image[]> {
    return [];
  }
  async imageStatus(..._: Parameters<ContainerRuntime['imageStatus']>): Promise<Image | undefined> {
    return undefined;
  }
  async pullImage(...[image]: Parameters<ContainerRuntime['pullImage']>): Promise<string> {
    return image;
  }

  async removeImage(): Promise<void> {}

  async *events(onOpen: () => void, signal: AbortSignal) {
    const queue: ContainerEventResponse[] = [];
    let wake = (): void => {};
    const listener = (event: ContainerEventResponse): void => {
      queue.push(event);
      wake();
    };
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => wake(), { once: true });
    onOpen();
    while (!signal.aborted) {
      const event = queue.shift();
      if (event !== undefined) yield event;
      else
        await new Promise<void>(resolve => {
          wake = resolve;
        });
    }
    this.#listeners.delete(listener);
  }

  /** The process of a running container ends by itself. */
  exit(id: string, exitCode: number): void {
    const c = this.containers.get(id);
    if (c !== undefined) this.#end(c, exitCode);
  }

  /** A ready sandbox, whoever made it. */
  addSandbox(config: PodSandboxConfig): string {
    const id = this.#id('s');
    this.sandboxes.set(id, { id, config, createdAt: this.#time(), state: PodSandboxState.SANDBOX_READY });
    return id;
  }

  /** The infra process dies: the sandbox is not ready, its containers are gone with it. */
  loseSandbox(id: string): void {
    const sandbox = this.sandboxes.get(id);
    if (sandbox === undefined) return;
    sandbox.state = PodSandboxState.SANDBOX_NOTREADY;
    for (const c of this.containers.values()) if (c.sandboxId === id) this.#end(c, 137);
  }

  running(): readonly FakeContainer[] {
    return [...this.containers.values()].filter(c => c.state === ContainerState.CONTAINER_RUNNING);
  }
  ready(): readonly FakeSandbox[] {
    return [...this.sandboxes.values()].filter(s => s.state === PodSandboxState.SANDBOX_READY);
  }

  #end(c: FakeContainer, exitCode: number): void {
    if (c.state === ContainerState.CONTAINER_EXITED) return;
    c.state = ContainerState.CONTAINER_EXITED;
    c.finishedAt = this.#time();
    c.exitCode = exitCode;
    this.#tell(c, ContainerEventType.CONTAINER_STOPPED_EVENT);
  }
  #tell(c: FakeContainer, containerEventType: ContainerEventType): void {
    const event = ContainerEventResponse.fromPartial({
      containerId: c.id,
      containerEventType,
      podSandboxStatus: { labels: c.config.labels },
    });
    for (const listener of this.#listeners) listener(event);
  }
  #sandbox(s: FakeSandbox): PodSandbox {
    const { metadata, labels, annotations } = s.config;
    return PodSandbox.fromPartial({ id: s.id, metadata, labels, annotations, state: s.state, createdAt: s.createdAt });
  }
  #call(name: string): void {
    this.calls.push(name);
    if (this.failNext.delete(name)) throw new Error(`${name} fails this time`);
  }
  #id(prefix: string): string {
    this.#ids += 1;
    return `${prefix}${this.#ids}`;
  }
  #time(): bigint {
    return BigInt(this.now) * 1_000_000n;
  }
}

function matches(labels: { readonly [key: string]: string }, podUid: string | undefined): boolean {
  return podUid === undefined || labels[LABEL.podUid] === podUid;
}
