import { PodSandboxConfig } from '../../src/rpc/cri-api.ts';
import type { CriClient } from '../../src/rpc/cri-client.ts';
import type { LiveId } from './cri-messages.ts';
import { containerConfig, podConfig } from './cri-pod.ts';

/** So many calls may go by before it is looked whether something is still there. */
const LOOK_EVERY = 30;
/** More than this of each is not kept: a node that fills up would be another test. */
const MOST_SANDBOXES = 8;
const MOST_CONTAINERS = 16;
const LEAST_RUNNING = 2;

/** Sandboxes and containers that requests are about. What calls remove is made again, what they add beyond a handful is removed. */
export class CriPopulation {
  readonly #client: CriClient;
  #sandboxes: readonly string[] = [];
  #containers: readonly string[] = [];
  #left = 0;
  #made = 0;
  #tending: Promise<void> | undefined;

  constructor(client: CriClient) {
    this.#client = client;
  }

  /** What is there now, whatever went before: the first container runs. */
  async look(): Promise<void> {
    this.#left = 0;
    await this.tend();
  }

  /** Call before each request. */
  async tend(): Promise<void> {
    this.#left -= 1;
    if (this.#left > 0) return;
    this.#tending ??= this.#tendNow().finally(() => {
      this.#tending = undefined;
      this.#left = LOOK_EVERY;
    });
    await this.#tending;
  }

  idOf({ kind, index, length }: LiveId): string {
    const ids = kind === 'sandbox' ? this.#sandboxes : this.#containers;
    const id = ids[index % Math.max(1, ids.length)] ?? 'f'.repeat(64);
    return id.padEnd(length, '0').slice(0, length);
  }

  async removeAll(): Promise<void> {
    const { items } = await this.#client.listPodSandbox({ filter: undefined });
    await Promise.all(items.map(({ id }) => this.#remove(id)));
  }

  async #tendNow(): Promise<void> {
    const { items } = await this.#client.listPodSandbox({ filter: undefined });
    const oldestFirst = items.toSorted((a, b) => Number(a.createdAt - b.createdAt));
    for (const { id } of oldestFirst.slice(0, Math.max(0, items.length - MOST_SANDBOXES))) await this.#remove(id);
    const before = await this.#client.listContainers({ filter: undefined });
    for (
      let running = before.containers.filter(({ state }) => state === 1).length;
      running < LEAST_RUNNING;
      running += 1
    )
      await this.#makePod();
    const { containers } = await this.#client.listContainers({ filter: undefined });
    for (const { id } of containers.slice(0, Math.max(0, containers.length - MOST_CONTAINERS)))
      await this.#client.removeContainer({ containerId: id });
    const left = await this.#client.listPodSandbox({ filter: undefined });
    this.#sandboxes = left.items.filter(({ state }) => state === 0).map(({ id }) => id);
    const kept = (await this.#client.listContainers({ filter: undefined })).containers;
    // most calls want one that runs
    const running = kept.filter(({ state }) => state === 1);
    this.#containers = [...running, ...kept, ...running].map(({ id }) => id);
  }

  /** One container that runs and one that was only made. A call of the fuzz may take the sandbox away in between. */
  async #makePod(): Promise<void> {
    this.#made += 1;
    const config = podConfig(`kept-${this.#made}`);
    // a pod's group is its caller's: one for all
    const sandboxConfig = PodSandboxConfig.fromPartial({
      ...config,
      linux: { ...config.linux, cgroupParent: '/kubepods/kept' },
    });
    try {
      const { podSandboxId } = await this.#client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' });
      const container = containerConfig(['/bin/sleep', '100000']);
      const { containerId } = await this.#client.createContainer({ podSandboxId, config: container, sandboxConfig });
      await this.#client.startContainer({ containerId });
      const other = { ...container, metadata: { name: 'waits', attempt: 0 } };
      await this.#client.createContainer({ podSandboxId, config: other, sandboxConfig });
    } catch {
      // the next look makes another
    }
  }

  async #remove(podSandboxId: string): Promise<void> {
    await this.#client.stopPodSandbox({ podSandboxId });
    await this.#client.removePodSandbox({ podSandboxId });
  }
}
