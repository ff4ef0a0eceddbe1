import type { ConfigMap, Node, Pod, PodSpec, Secret, Service } from '../api/types/gen/core-v1.ts';
import { systemClock } from '../base/clock.ts';
import { isNotFound } from '../base/errors.ts';
import { deadlineSignal } from '../base/signals.ts';
import type { ApiObject } from '../client/api-object.ts';
import type { ApiConnection } from '../client/connection.ts';
import { type Informed, Informers } from '../client/informers.ts';
import { ResourceClient } from '../client/resource-client.ts';
import { Broken, NotHere } from './check.ts';
import { describePod } from './describe-pod.ts';
import { runInPod } from './exec.ts';

export interface WorldOptions {
  readonly connection: ApiConnection;
  /** All that the checks make is in it, and goes with it. */
  readonly namespace: string;
  readonly node: Node;
  /** Of busybox, with its applets. */
  readonly image: string;
  /** So long is a pod waited for. */
  readonly patienceMs: number;
}

/** What a container of a check is: a script for sh, and whatever a container may have. */
export type Script = Partial<PodSpec['containers'][number]> & { readonly script: string };

/** The node that is checked, as a check sees it: pods are made on it, looked at and waited for by what the API server tells. */
export class World {
  readonly namespace: string;
  readonly node: Node;
  readonly image: string;
  readonly patienceMs: number;
  readonly pods: ResourceClient<Pod>;
  readonly services: ResourceClient<Service>;
  readonly configMaps: ResourceClient<ConfigMap>;
  readonly secrets: ResourceClient<Secret>;
  readonly #connection: ApiConnection;
  readonly #informers: Informers;
  readonly #seen: Informed<Pod>;
  readonly #nodes: ResourceClient<Node>;
  readonly #waiting = new Set<() => void>();
  #trouble = '';
  /** Ends the check that uses this world. */
  readonly signal: AbortSignal;

  constructor(options: WorldOptions, signal: AbortSignal) {
    const { connection, namespace, node, image, patienceMs } = options;
    this.#connection = connection;
    this.namespace = namespace;
    this.node = node;
    this.image = image;
    this.patienceMs = patienceMs;
    this.signal = signal;
    const core = <T extends ApiObject>(plural: string): ResourceClient<T> =>
      new ResourceClient<T>(connection, { group: '', version: 'v1', plural });
    this.pods = core('pods');
    this.services = core('services');
    this.configMaps = core('configmaps');
    this.secrets = core('secrets');
    this.#nodes = core('nodes');
    this.#informers = new Informers(connection, {
      onTrouble: message => {
        this.#trouble = message;
      },
    });
    this.#seen = this.#informers.of<Pod>({ group: '', version: 'v1', plural: 'pods' }, { namespace });
    this.#seen.onChange(() => {
      for (const look of this.#waiting) look();
    });
  }

  get nodeName(): string {
    return this.node.metadata.name ?? '';
  }

  /** The first internal address of the node. Throws `NotHere` where it tells none. */
  get nodeAddress(): string {
    const found = this.node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
    if (found === undefined) throw new NotHere('the node tells no InternalIP');
    return found;
  }

  /** Follows the pods of the namespace until the signal aborts. Never rejects. */
  follow(): Promise<void> {
    return this.#informers.run(this.signal, () => {});
  }

  /**
   * Makes a pod on the node: one container `main` with the script, or those named. It is not restarted unless the spec says so, gets no grace when it is
   * deleted, and tolerates every taint.
   */
  async pod(
    name: string,
    scripts: Script | Readonly<Record<string, Script>>,
    spec: Partial<PodSpec> = {},
    { labels = {}, annotations = {} }: Labelled = {},
  ): Promise<Pod> {
    const named = isScript(scripts) ? { main: scripts } : scripts;
    return await this.pods.create(
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          name,
          namespace: this.namespace,
          labels: { check: name, ...labels },
          annotations,
        },
        spec: {
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 0,
          nodeSelector: {
            'kubernetes.io/hostname': this.node.metadata.labels?.['kubernetes.io/hostname'] ?? this.nodeName,
          },
          tolerations: [{ operator: 'Exists' }],
          ...spec,
          containers: Object.entries(named).map(([container, script]) => this.container(container, script)),
        },
      } as unknown as Pod,
      this.signal,
    );
  }

  container(name: string, { script, ...rest }: Script): PodSpec['containers'][number] {
    return {
      name,
      image: this.image,
      imagePullPolicy: 'IfNotPresent',
      command: ['/bin/sh', '-c', script],
      resources: {},
      ...rest,
    };
  }

  /** Waits until the pod is as it has to be; throws `Broken` with how it was last, and says `what` was waited for. Undefined: the pod is gone. */
  async until<T>(name: string, what: string, wanted: (pod: Pod | undefined) => T | undefined | false): Promise<T> {
    const limit = deadlineSignal(this.patienceMs, what, this.signal, systemClock);
    try {
      return await new Promise<T>((resolve, reject) => {
        const leave = (): void => {
          this.#waiting.delete(look);
          limit.signal.removeEventListener('abort', giveUp);
        };
        const look = (): void => {
          try {
            const found = wanted(this.#seen.store.get(this.namespace, name));
            if (found === undefined || found === false) return;
            leave();
            resolve(found);
          } catch (error) {
            leave();
            reject(error);
          }
        };
        const giveUp = (): void => {
          leave();
          if (this.signal.aborted) reject(this.signal.reason);
          else reject(new Broken(this.#gaveUp(name, what)));
        };
        this.#waiting.add(look);
        limit.signal.addEventListener('abort', giveUp, { once: true });
        if (limit.signal.aborted) giveUp();
        else look();
      });
    } finally {
      limit.release();
    }
  }

  #gaveUp(name: string, what: string): string {
    const pod = this.#seen.store.get(this.namespace, name);
    const trouble = this.#trouble === '' ? '' : `; the last trouble with the API server: ${this.#trouble}`;
    return `waited ${Math.round(this.patienceMs / 1000)} s for pod ${name} ${what}; last seen: ${describePod(pod)}${trouble}`;
  }

  /** Makes the pod and waits until it is ready. */
  async ready(...made: Parameters<World['pod']>): Promise<Pod> {
    await this.pod(...made);
    return await this.untilReady(made[0]);
  }

  untilReady(name: string): Promise<Pod> {
    return this.until(name, 'to be ready', pod => {
      const { phase = '', conditions = [] } = pod?.status ?? {};
      if (phase === 'Failed' || phase === 'Succeeded')
        throw new Broken(`pod ${name} ended before it was ready: ${describePod(pod)}`);
      return conditions.some(({ type, status }) => type === 'Ready' && status === 'True') && pod;
    });
  }

  /** Runs a pod to its end and returns what its container `main` wrote. Throws `Broken` with that where its exit code is not 0. */
  async output(...made: Parameters<World['pod']>): Promise<string> {
    const [name] = made;
    await this.pod(...made);
    const pod = await this.ended(name);
    const text = await this.log(name);
    if (pod.status?.phase !== 'Succeeded')
      throw new Broken(`the script of pod ${name} failed: ${describePod(pod)}; it wrote: ${text.trim().slice(-500)}`);
    return text;
  }

  ended(name: string): Promise<Pod> {
    return this.until(name, 'to end', pod => ['Succeeded', 'Failed'].includes(pod?.status?.phase ?? '') && pod);
  }

  async log(name: string, query = ''): Promise<string> {
    const path = `/api/v1/namespaces/${this.namespace}/pods/${name}/log${query}`;
    const { status, body } = await this.#connection.call({ method: 'GET', path, signal: this.signal });
    const text = body.toString('utf8');
    if (status !== 200) throw new Broken(`the log of pod ${name} is not given: ${status} ${messageIn(text)}`);
    return text;
  }

  /** What the container writes from now until it ends. */
  async follows(name: string): Promise<AsyncIterable<Buffer>> {
    const path = `/api/v1/namespaces/${this.namespace}/pods/${name}/log?follow=true`;
    const { status, pieces } = await this.#connection.stream({ method: 'GET', path, signal: this.signal });
    if (status !== 200) throw new Broken(`the log of pod ${name} cannot be followed: ${status}`);
    return pieces;
  }

  /** Runs a command in the container `main` of a pod, by exec. */
  exec(pod: string, command: readonly string[]): ReturnType<typeof runInPod> {
    return runInPod(
      this.#connection.endpoint,
      { namespace: this.namespace, pod, container: 'main', command },
      this.signal,
    );
  }

  /** Deletes a pod; with its own grace unless one is given. Does not wait. */
  async remove(name: string, graceSeconds?: number): Promise<void> {
    try {
      const options = graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds };
      await this.pods.delete(this.namespace, name, options, this.signal);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** A service for the pods with the label. Returns it with its addresses. */
  async service(name: string, spec: Partial<Service['spec']>, check: string = name): Promise<Service> {
    const object = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: this.namespace },
      spec: { selector: { check }, ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...spec },
    } as unknown as Service;
    return await this.services.create(object, this.signal);
  }

  /** Another node that is ready. Throws `NotHere` where there is none. */
  async otherNode(): Promise<string> {
    const { items } = await this.#nodes.list('', {}, this.signal);
    const other = items.find(
      ({ metadata, status }) =>
        metadata.name !== this.nodeName && status?.conditions?.some(c => c.type === 'Ready' && c.status === 'True'),
    );
    if (other === undefined) throw new NotHere('there is no other node that is ready');
    return other.metadata.labels?.['kubernetes.io/hostname'] ?? other.metadata.name ?? '';
  }
}

interface Labelled {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const isScript = (scripts: Script | Readonly<Record<string, Script>>): scripts is Script =>
  typeof scripts['script'] === 'string';

function messageIn(text: string): string {
  try {
    return (JSON.parse(text) as { readonly message?: string }).message ?? text;
  } catch {
    return text.slice(0, 300);
  }
}
