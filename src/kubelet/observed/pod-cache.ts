import type { Clock } from '../../base/clock.ts';
import type { Container, ContainerEventResponse, PodSandbox, PodSandboxStatus } from '../../rpc/cri-api.ts';
import { ContainerEventType, PodSandboxState } from '../../rpc/cri-api.ts';
import { LABEL } from '../runtime/labels.ts';
import type { ContainerRuntime } from '../runtime/ports.ts';
import { containerState, newestFirst, observedContainer, observedSandbox } from './from-cri.ts';
import type { ObservedContainer, ObservedPod } from './observed-pod.ts';
import { readTerminationMessage } from './termination-message.ts';

/**
 * What the runtime last said about each pod. `refresh` asks about one pod; `relist` about all, and then about those that changed. A thing whose
 * state did not change is not asked for again, so a relist of an idle node is two calls.
 */
export class PodCache {
  readonly #pods = new Map<string, ObservedPod>();
  readonly #sandboxStatus = new Map<string, PodSandboxStatus>();
  readonly #containers = new Map<string, ObservedContainer>();
  readonly #runtime: ContainerRuntime;
  readonly #clock: Clock;

  constructor(runtime: ContainerRuntime, clock: Clock) {
    this.#runtime = runtime;
    this.#clock = clock;
  }

  /** The latest observation, undefined for a pod of which the runtime knows nothing. */
  get(uid: string): ObservedPod | undefined {
    return this.#pods.get(uid);
  }

  all(): readonly ObservedPod[] {
    return [...this.#pods.values()];
  }

  /** Asks the runtime about one pod, now. */
  async refresh(uid: string, signal: AbortSignal): Promise<ObservedPod | undefined> {
    const at = this.#clock.monotonic();
    const [sandboxes, containers] = await Promise.all([
      this.#runtime.listSandboxes(uid, signal),
      this.#runtime.listContainers(uid, signal),
    ]);
    return this.#store(uid, sandboxes, containers, at, signal);
  }

  /** Asks about all pods. Returns the uids of those that are not as they were remembered. */
  async relist(signal: AbortSignal): Promise<readonly string[]> {
    const at = this.#clock.monotonic();
    const [sandboxes, containers] = await Promise.all([
      this.#runtime.listSandboxes(undefined, signal),
      this.#runtime.listContainers(undefined, signal),
    ]);
    const uids = new Set(this.#pods.keys());
    const sandboxesOf = groupByPod(sandboxes);
    const containersOf = groupByPod(containers);
    for (const uid of [...sandboxesOf.keys(), ...containersOf.keys()]) uids.add(uid);
    const changed: string[] = [];
    for (const uid of uids) {
      const s = sandboxesOf.get(uid) ?? [];
      const c = containersOf.get(uid) ?? [];
      if (listedFingerprint(s, c) === fingerprint(this.#pods.get(uid))) continue;
      await this.#store(uid, s, c, at, signal);
      changed.push(uid);
    }
    return changed;
  }

  /** The uid of the pod that a pushed event is about, when it tells something that is not known yet. */
  news(event: ContainerEventResponse): string | undefined {
    const labels = event.podSandboxStatus?.labels ?? event.containersStatuses[0]?.labels;
    const uid = labels?.[LABEL.podUid] ?? this.#ownerOf(event.containerId);
    if (uid === undefined) return undefined;
    const known = this.#pods.get(uid);
    const state = known?.containers.find(c => c.id === event.containerId)?.state;
    const sandbox = known?.sandboxes.find(s => s.id === event.containerId);
    switch (event.containerEventType) {
      case ContainerEventType.CONTAINER_CREATED_EVENT:
        return state !== undefined || sandbox !== undefined ? undefined : uid;
      case ContainerEventType.CONTAINER_STARTED_EVENT:
        return state === 'running' || state === 'exited' || sandbox !== undefined ? undefined : uid;
      case ContainerEventType.CONTAINER_STOPPED_EVENT:
        return state === 'exited' || sandbox?.state === 'not-ready' ? undefined : uid;
      default:
        return state === undefined && sandbox === undefined ? undefined : uid;
    }
  }

  #ownerOf(id: string): string | undefined {
    for (const pod of this.#pods.values())
      if (pod.containers.some(c => c.id === id) || pod.sandboxes.some(s => s.id === id)) return pod.uid;
    return undefined;
  }

  async #store(
    uid: string,
    sandboxes: readonly PodSandbox[],
    containers: readonly Container[],
    at: number,
    signal: AbortSignal,
  ): Promise<ObservedPod | undefined> {
    const [seenSandboxes, seenContainers] = await Promise.all([
      Promise.all(sandboxes.map(async s => observedSandbox(s, await this.#statusOfSandbox(s, signal)))),
      Promise.all(containers.map(c => this.#detailsOf(c, signal))),
    ]);
    const before = this.#pods.get(uid);
    if (before !== undefined && before.at > at) return before;
    this.#forget(before, new Set([...sandboxes, ...containers].map(x => x.id)));
    const listed = seenContainers.filter(c => c !== undefined);
    const labels = (sandboxes[0] ?? containers[0])?.labels;
    if (labels === undefined) {
      this.#pods.delete(uid);
      return undefined;
    }
    const pod: ObservedPod = {
      uid,
      name: labels[LABEL.podName] ?? '',
      namespace: labels[LABEL.podNamespace] ?? '',
      sandboxes: seenSandboxes.sort(newestFirst(s => s.attempt)),
      containers: listed.sort(newestFirst(c => c.restartCount)),
      at,
    };
    this.#pods.set(uid, pod);
    return pod;
  }

  /** Only a ready sandbox has an address, and it keeps it. */
  async #statusOfSandbox(sandbox: PodSandbox, signal: AbortSignal): Promise<PodSandboxStatus | undefined> {
    if (sandbox.state !== PodSandboxState.SANDBOX_READY) return undefined;
    const known = this.#sandboxStatus.get(sandbox.id);
    if (known !== undefined) return known;
    const status = await this.#runtime.sandboxStatus(sandbox.id, signal);
    if (status !== undefined) this.#sandboxStatus.set(sandbox.id, status);
    return status;
  }

  /** Undefined for a container that went away between the list and the question. */
  async #detailsOf(listed: Container, signal: AbortSignal): Promise<ObservedContainer | undefined> {
    const known = this.#containers.get(listed.id);
    if (known !== undefined && known.state === containerState(listed.state)) return known;
    const status = await this.#runtime.containerStatus(listed.id, signal);
    if (status === undefined) return undefined;
    const exited = containerState(status.state) === 'exited';
    const container = observedContainer(listed, status, exited ? readTerminationMessage(status) : '');
    this.#containers.set(listed.id, container);
    return container;
  }

  #forget(pod: ObservedPod | undefined, keep: ReadonlySet<string>): void {
    for (const { id } of pod?.containers ?? []) if (!keep.has(id)) this.#containers.delete(id);
    for (const { id } of pod?.sandboxes ?? []) if (!keep.has(id)) this.#sandboxStatus.delete(id);
  }
}

function groupByPod<T extends { readonly labels: { readonly [key: string]: string } }>(
  items: readonly T[],
): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const uid = item.labels[LABEL.podUid];
    if (uid === undefined || uid === '') continue;
    const group = groups.get(uid);
    if (group === undefined) groups.set(uid, [item]);
    else group.push(item);
  }
  return groups;
}

function listedFingerprint(sandboxes: readonly PodSandbox[], containers: readonly Container[]): string {
  return [
    ...sandboxes.map(s => `${s.id}=${s.state === PodSandboxState.SANDBOX_READY ? 'ready' : 'not-ready'}`),
    ...containers.map(c => `${c.id}=${containerState(c.state)}`),
  ]
    .sort()
    .join();
}

function fingerprint(pod: ObservedPod | undefined): string {
  return [...(pod?.sandboxes ?? []), ...(pod?.containers ?? [])]
    .map(x => `${x.id}=${x.state}`)
    .sort()
    .join();
}
