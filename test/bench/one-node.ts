import type { Pod } from '../../src/api/types/gen/core-v1.ts';
import { type ApiObject, keyOf } from '../../src/client/api-object.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { watchEvents } from '../../src/client/watch-events.ts';
import { type Host, openHost } from '../../src/local-cluster/host/host.ts';
import { hostsDirOf } from '../../src/local-cluster/record.ts';
import { CLUSTERS_DIR, TestCluster } from '../harness/cluster.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { WAIT } from '../harness/kubelet.ts';
import { waitFor } from '../harness/wait-for.ts';

export const PODS = { group: '', version: 'v1', plural: 'pods' } as const;
export const NAMESPACE = 'default';

/** What the watch has shown of a pod, each the first time that it was so, by performance.now(). */
export interface SeenPod {
  scheduled?: number;
  sandbox?: number;
  ready?: number;
  gone?: number;
}

/** A cluster of one node with the test image in it. */
export class OneNode {
  readonly cluster = new TestCluster();
  #connection: ApiConnection | undefined;

  get connection(): ApiConnection {
    this.#connection ??= new ApiConnection(readKubeconfig(this.cluster.kubeconfig), { userAgent: 'gantry-bench' });
    return this.#connection;
  }

  get host(): Host {
    return openHost(`${this.cluster.name}-control-plane`, hostsDirOf(this.cluster.name, CLUSTERS_DIR));
  }

  client<T extends ApiObject>(id: { group: string; version: string; plural: string }): ResourceClient<T> {
    return new ResourceClient<T>(this.connection, id);
  }

  /** How many requests the API server has answered so far; watches count when they end. */
  async requests(): Promise<number> {
    const { body } = await this.connection.call({ method: 'GET', path: '/metrics' });
    const counts = [...body.toString().matchAll(/^apiserver_request_total\{.*\} (\d+)$/gm)];
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** Resolves once pods can be made: the namespace's account comes a moment after the cluster. */
  async create(): Promise<void> {
    await this.cluster.create();
    await this.loadImage();
    await waitFor('the account of the namespace', () =>
      this.client({ group: '', version: 'v1', plural: 'serviceaccounts' }).get(NAMESPACE, 'default'),
    );
  }

  async loadImage(): Promise<void> {
    const { code, err } = await this.cluster.run(['load image', await imageArchive(BUSYBOX)]);
    if (code !== 0) throw new Error(`load image ended with ${code}: ${err}`);
  }

  disconnect(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  async delete(): Promise<void> {
    this.disconnect();
    await this.cluster.delete();
  }
}

/** A pod with nothing but a program that waits, and ends at once when it is told to. */
export function waitingPod(name: string, labels: Readonly<Record<string, string>>): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NAMESPACE, labels: { ...labels } },
    spec: {
      terminationGracePeriodSeconds: 5,
      containers: [{ name: 'main', image: BUSYBOX, command: ['sh', '-c', WAIT], resources: {} }],
    },
    status: {},
  };
}

/** Watches the pods of the namespace and notes when each was seen how far. */
export class PodWatch {
  readonly seen = new Map<string, SeenPod>();
  readonly #stop = new AbortController();
  readonly #waiting = new Set<() => void>();
  #failure: unknown;

  /** Resolves once the watch has shown what is there. */
  static async begin(node: OneNode): Promise<PodWatch> {
    const { metadata } = await node.client<Pod>(PODS).list(NAMESPACE);
    const watch = new PodWatch();
    void watch.#run(node, metadata.resourceVersion ?? '');
    return watch;
  }

  /** Resolves once all of these pods have been seen so far. */
  async until(stage: keyof SeenPod, names: readonly string[]): Promise<void> {
    const isSo = (): boolean => names.every(name => this.seen.get(name)?.[stage] !== undefined);
    while (!isSo()) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>(resolve => this.#waiting.add(resolve));
    }
  }

  end(): void {
    this.#stop.abort();
  }

  async #run(node: OneNode, resourceVersion: string): Promise<void> {
    try {
      const query = { resourceVersion, timeoutSeconds: 3600 };
      for await (const { type, object } of watchEvents<Pod>(node.connection, PODS, NAMESPACE, query, this.#stop.signal))
        if (type !== 'BOOKMARK') this.#note(type, object);
      this.#failure = new Error('the watch of pods ended');
    } catch (error) {
      this.#failure = error;
    }
    this.#tell();
  }

  #note(type: 'ADDED' | 'MODIFIED' | 'DELETED', pod: Pod): void {
    const now = performance.now();
    const name = keyOf(pod).slice(NAMESPACE.length + 1);
    const seen = this.seen.get(name) ?? {};
    this.seen.set(name, seen);
    const isTrue = (condition: string): boolean =>
      pod.status?.conditions?.some(each => each.type === condition && each.status === 'True') === true;
    if ((pod.spec?.nodeName ?? '') !== '') seen.scheduled ??= now;
    if (isTrue('PodReadyToStartContainers')) seen.sandbox ??= now;
    if (isTrue('Ready')) seen.ready ??= now;
    if (type === 'DELETED') seen.gone ??= now;
    this.#tell();
  }

  #tell(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
