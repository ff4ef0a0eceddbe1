import type { Node, Pod } from '../../api/types/gen/core-v1.ts';
import { errorCode, errorMessage, isAlreadyExists, isNotFound } from '../../base/errors.ts';
import { ADVANCED, type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import type { Informed } from '../../client/informers.ts';
import type { Reconciler } from '../../client/reconcile.ts';
import { isMirrorPod } from '../desired/api-pods.ts';
import { type DesiredPod, fullName } from '../desired/desired-pod.ts';
import { mirrorPod, type OwnerNode, planMirror } from './mirror-plan.ts';
import type { StatusStore } from './status-store.ts';

const FIRST_RETRY_MS = 200;
const MAX_RETRY_MS = 30_000;

export interface MirrorPodsOptions {
  readonly pods: Informed<Pod>;
  readonly node: Informed<Node>;
  readonly statuses: StatusStore;
  /** Look at that name (`namespace/name`) again. */
  readonly enqueue: (name: string) => void;
  readonly onTrouble: (message: string) => void;
}

/** Keeps a copy of each static pod in the API server, so that people see what runs here. Keys are names of pods. */
export class MirrorPods implements Reconciler {
  readonly name = 'mirror-pods';
  readonly #options: MirrorPodsOptions;
  readonly #failures = new Map<string, number>();
  /** Undefined until both the manifests and the pods of the API server are known. */
  #static: ReadonlyMap<string, DesiredPod> | undefined;

  constructor(options: MirrorPodsOptions) {
    this.#options = options;
    const { pods, node, statuses, enqueue } = options;
    pods.onChange(({ key, before, after }) => {
      if (this.#static?.has(key) === true || [before, after].some(each => each !== undefined && isMirrorPod(each)))
        enqueue(key);
    });
    node.onChange(() => this.#lookAtAll());
    statuses.onForget(({ metadata: { namespace = '', name = '' } }) => enqueue(`${namespace}/${name}`));
  }

  /** What the manifests give now. */
  setStatic(pods: readonly DesiredPod[]): void {
    this.#static = new Map(pods.map(pod => [fullName(pod), pod]));
    this.#lookAtAll();
  }

  async reconcile(name: string, signal: AbortSignal): Promise<Outcome> {
    if (this.#static === undefined) return SETTLED;
    const { pods, statuses } = this.#options;
    const wanted = this.#static.get(name);
    const node = this.#node();
    const ending = statuses.pods().some(({ metadata }) => `${metadata.namespace}/${metadata.name}` === name);
    const step = planMirror(wanted, ending, pods.store.getByKey(name), node);
    try {
      // what is waited for tells when it is there
      if (step.do === 'nothing' || step.do === 'wait') return SETTLED;
      if (step.do === 'delete') await this.#delete(name, step.uid, signal);
      else if (wanted !== undefined && node !== undefined) await pods.client.create(mirrorPod(wanted, node), signal);
      this.#failures.delete(name);
      return SETTLED;
    } catch (error) {
      if (signal.aborted || isAlreadyExists(error)) return SETTLED;
      if (isNotFound(error) && step.do === 'delete') return ADVANCED;
      return this.#failed(name, step.do, error);
    }
  }

  async #delete(name: string, uid: string, signal: AbortSignal): Promise<void> {
    const [namespace = '', pod = ''] = name.split('/');
    try {
      await this.#options.pods.client.delete(namespace, pod, { gracePeriodSeconds: 0, preconditions: { uid } }, signal);
    } catch (error) {
      // another has taken the name: the watch tells of it
      if (errorCode(error) !== 'aborted') throw error;
    }
  }

  #failed(name: string, what: string, error: unknown): Outcome {
    const failures = this.#failures.get(name) ?? 0;
    this.#failures.set(name, failures + 1);
    const because = errorMessage(error);
    if (failures === 0) this.#options.onTrouble(`the mirror pod ${name}: ${what} failed: ${because}`);
    return waitFor(Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures, 10), MAX_RETRY_MS), because);
  }

  #node(): OwnerNode | undefined {
    const [node] = this.#options.node.store.list();
    const { name, uid } = node?.metadata ?? {};
    return name === undefined || uid === undefined ? undefined : { name, uid };
  }

  #lookAtAll(): void {
    const { pods, enqueue } = this.#options;
    for (const name of this.#static?.keys() ?? []) enqueue(name);
    for (const pod of pods.store.list())
      if (isMirrorPod(pod)) enqueue(`${pod.metadata.namespace}/${pod.metadata.name}`);
  }
}
