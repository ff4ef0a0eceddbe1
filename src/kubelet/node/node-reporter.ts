import { timeOf } from '../../api/time.ts';
import type { Node, NodeStatus } from '../../api/types/gen/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { errorMessage, isAlreadyExists } from '../../base/errors.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { KubeletApi } from '../kubelet-api.ts';
import type { ContainerRuntime } from '../runtime/ports.ts';
import type { Thresholds } from './eviction-thresholds.ts';
import { networkProblem, nodeConditions } from './node-conditions.ts';
import { type NodeEvent, nodeEvents, statusEvent } from './node-events.ts';
import { containerImages, defaultLabels, type NodeIdentity, newNode, nodeStatus } from './node-object.ts';
import { hasChanged, labelsPatch, nodeStatusPatch } from './node-status-patch.ts';
import { judgePressure, type LastSeen, readSignals } from './pressure.ts';
import { RuntimeHealthWatch } from './runtime-health.ts';

export interface NodeReporterOptions {
  readonly api: KubeletApi;
  readonly identity: NodeIdentity;
  /** False where somebody else makes the Node. */
  readonly register: boolean;
  readonly runtime: ContainerRuntime;
  readonly onEvent: (event: NodeEvent) => void;
  /** The runtime has become ready, or has lost its network. */
  readonly onRuntimeChange: () => void;
  readonly rootDir: string;
  readonly thresholds: Thresholds;
  /** How long a pressure stays after it was seen last. */
  readonly pressureTransitionMs: number;
  /** The status is looked at this often (10 s), and written this often though nothing changed (5 min). */
  readonly checkMs: number;
  readonly reportMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Upstream's: a Node that cannot be created is tried again after 100 ms, doubled up to 7 s; a status up to five times at once. */
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 7_000;
const TRIES = 5;

/** Makes the Node and keeps its status true: what it has, where it is, whether pods can be run on it. */
export class NodeReporter {
  readonly #options: NodeReporterOptions;
  readonly #health: RuntimeHealthWatch;
  #node: Node | undefined;
  #unschedulable = false;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #lastSeen: LastSeen = new Map();
  #wake: (() => void) | undefined;
  #poked = false;

  constructor(options: NodeReporterOptions) {
    this.#options = options;
    this.#health = new RuntimeHealthWatch(options.runtime, options.clock, () => {
      options.onRuntimeChange();
      this.#poke();
    });
    options.api.node.onChange(({ after }) => {
      if (after === undefined || isOlder(after, this.#node)) return;
      this.#node = after;
      this.#tellSchedulable(after.spec?.unschedulable === true);
    });
  }

  get networkProblem(): string | undefined {
    return networkProblem(this.#health.health);
  }

  /** The node is not ready while its machine goes down, which is told at once. */
  setShuttingDown(shuttingDown: boolean): void {
    this.#health.setShuttingDown(shuttingDown);
    this.#options.onEvent({
      type: 'Normal',
      reason: 'NodeShutdown',
      message: `Shutdown manager detected shutdown ${shuttingDown ? 'event' : 'cancellation'}`,
    });
  }

  /** Undefined until it is registered. */
  get node(): Node | undefined {
    return this.#node;
  }

  /** Until the signal aborts; never rejects. `onRegistered` is called once, when there is a Node. */
  async run(signal: AbortSignal, onRegistered: () => void): Promise<void> {
    const watching = this.#health.run(signal);
    this.#options.onEvent({ type: 'Normal', reason: 'Starting', message: 'Starting kubelet.' });
    await this.#register(signal);
    if (!signal.aborted) onRegistered();
    while (!signal.aborted) {
      this.#poked = false;
      await this.#sync(signal);
      if (!this.#poked) await this.#sleep(signal);
    }
    await watching;
  }

  #tellSchedulable(unschedulable: boolean): void {
    if (unschedulable === this.#unschedulable) return;
    this.#unschedulable = unschedulable;
    const reason = unschedulable ? 'NodeNotSchedulable' : 'NodeSchedulable';
    this.#options.onEvent(statusEvent(this.#options.identity.name, reason));
  }

  async #register(signal: AbortSignal): Promise<void> {
    const { api, identity, register, clock, log } = this.#options;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        this.#node = register ? await this.#createOrTake(signal) : await api.node.client.get('', identity.name, signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (failures === 0)
          log.warn({ node: identity.name, because: errorMessage(error) }, 'the node could not be registered yet');
        const pause = Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures, 10), MAX_RETRY_MS);
        await api.node.client.connection.pause(pause, signal, clock);
      }
    }
  }

  /** One that is there already keeps what others gave it, but for the labels that say what it is. */
  async #createOrTake(signal: AbortSignal): Promise<Node> {
    const { api, identity, log } = this.#options;
    const { client } = api.node;
    try {
      const status = await this.#status(undefined, signal);
      const node = await client.create(newNode(identity, status), signal);
      this.#tell(undefined, status);
      log.info({ node: identity.name }, 'the node is registered');
      this.#reportedAt = this.#options.clock.monotonic();
      return node;
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const node = await client.get('', identity.name, signal);
    log.info({ node: identity.name }, 'the node was registered before');
    const patch = labelsPatch(node, defaultLabels(identity));
    return patch === undefined
      ? node
      : client.patch({ namespace: '', name: identity.name }, 'strategic', patch, signal);
  }

  async #sync(signal: AbortSignal): Promise<void> {
    const { log, clock, reportMs } = this.#options;
    for (let tries = 1; !signal.aborted; tries += 1) {
      try {
        const status = await this.#status(this.#node?.status, signal);
        const due = clock.monotonic() - this.#reportedAt >= reportMs;
        if (due || hasChanged(this.#node?.status, status)) await this.#write(status, signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (tries < TRIES) continue;
        log.warn({ because: errorMessage(error) }, 'the status of the node was not written');
        return;
      }
    }
  }

  async #write(status: NodeStatus, signal: AbortSignal): Promise<void> {
    const { api, identity, clock } = this.#options;
    const target = { namespace: '', name: identity.name, subresource: 'status' };
    const body = { status: nodeStatusPatch(this.#node?.status, status) };
    const before = this.#node?.status;
    const answer = await api.node.client.patch(target, 'strategic', body, signal);
    this.#tell(before, status);
    if (!isOlder(answer, this.#node)) this.#node = answer;
    this.#reportedAt = clock.monotonic();
  }

  #tell(before: NodeStatus | undefined, after: NodeStatus): void {
    for (const event of nodeEvents(this.#options.identity.name, before, after)) this.#options.onEvent(event);
  }

  async #status(before: NodeStatus | undefined, signal: AbortSignal): Promise<NodeStatus> {
    const { identity, runtime, rootDir, thresholds, pressureTransitionMs, clock } = this.#options;
    const judged = judgePressure(
      readSignals(rootDir),
      thresholds,
      this.#lastSeen,
      clock.monotonic(),
      pressureTransitionMs,
    );
    this.#lastSeen = judged.lastSeen;
    const conditions = nodeConditions(
      this.#health.health,
      judged.pressure,
      before?.conditions ?? [],
      timeOf(clock.now()),
    );
    // a runtime that is away still has the images that it had
    const images = await runtime.listImages(signal).then(containerImages, () => before?.images ?? []);
    return nodeStatus(identity, conditions, images, this.#health.health.status);
  }

  #poke(): void {
    this.#poked = true;
    this.#wake?.();
  }

  #sleep(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const cancel = this.#options.clock.after(this.#options.checkMs, () => this.#wake?.());
      const onAbort = (): void => this.#wake?.();
      this.#wake = () => {
        this.#wake = undefined;
        cancel();
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
  }
}

function isOlder(a: Node, b: Node | undefined): boolean {
  const version = (node: Node | undefined): bigint => {
    const text = node?.metadata.resourceVersion ?? '';
    return /^\d+$/.test(text) ? BigInt(text) : 0n;
  };
  return b !== undefined && a.metadata.uid === b.metadata.uid && version(a) < version(b);
}
