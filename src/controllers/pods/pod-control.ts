import { generatedName } from '../../api/generated-name.ts';
import type { Pod, PodTemplateSpec } from '../../api/types/gen/core-v1.ts';
import { errorMessage, isAlreadyExists, isNotFound } from '../../base/errors.ts';
import { type ApiObject, keyOf } from '../../client/api-object.ts';
import type { Informed } from '../../client/informers.ts';
import type { Change } from '../../client/object-store.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts } from '../controller.ts';
import { PODS } from '../resources.ts';
import { Expectations } from './expectations.ts';
import type { OwnerKind } from './owned-objects.ts';
import { controllerOf, controllerReference, podFromTemplate } from './pod-from-template.ts';
import { mayHaveHappened, UnansweredCreations } from './unanswered-creations.ts';

/** As often as the API server tries a generated name. */
const NAME_TRIES = 8;

/** What an owner does to pods, with the events that people look for, and with the memory of what its store does not show yet. */
export class PodControl {
  readonly #parts: ControllerParts;
  readonly #kind: OwnerKind;
  readonly #pods: Informed<Pod>;
  readonly #writer: ResourceClient<Pod>;
  readonly #expectations: Expectations;
  readonly #unanswered = new UnansweredCreations();

  constructor(parts: ControllerParts, kind: OwnerKind) {
    this.#parts = parts;
    this.#kind = kind;
    this.#pods = parts.informed<Pod>(PODS);
    this.#writer = parts.client<Pod>(PODS);
    this.#expectations = new Expectations(parts.clock);
  }

  /** For every change of a pod that the owner of this key has or had. */
  observe(key: string, change: Change<Pod>): void {
    this.#unanswered.drop(key, (change.after ?? change.before)?.metadata.name ?? '');
    this.#expectations.observe(key, change);
  }

  /** Whether the store shows what was written for this key; where it does not, its pods must not be counted. */
  satisfied(key: string): boolean {
    return this.#expectations.satisfied(key);
  }

  /** The owner is gone. */
  forget(key: string): void {
    this.#expectations.forget(key);
    this.#unanswered.forget(key);
  }

  /** Runs writes of one owner; what they made and deleted is expected in the store afterwards. */
  async writing<R>(key: string, write: () => Promise<R>): Promise<R> {
    this.#expectations.begin(key);
    try {
      return await write();
    } finally {
      this.#expectations.end(key);
    }
  }

  /**
   * Only within `writing`. The name begins with `prefix`, that of its owner unless given. Throws what the server says; where nothing was said, the next call for
   * the same pod finds what this one may have made.
   */
  async create(owner: ApiObject, template: PodTemplateSpec, signal: AbortSignal, prefix?: string): Promise<void> {
    const { apiVersion, kind } = this.#kind;
    const pod = podFromTemplate(template, owner, controllerReference(owner, apiVersion, kind), prefix);
    const key = keyOf(owner);
    try {
      const created = await this.#make(key, owner, pod, signal);
      const isShown = this.#pods.store.getByKey(keyOf(created))?.metadata.uid === created.metadata.uid;
      if (!isShown) this.#expectations.created(key, created);
      this.#record(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata.name}`);
    } catch (error) {
      this.#record(owner, 'Warning', 'FailedCreate', `Error creating: ${errorMessage(error)}`);
      throw error;
    }
  }

  /** By a name of our choice, which the server need not tell: so that it can be asked for again. */
  async #make(key: string, owner: ApiObject, pod: Pod, signal: AbortSignal): Promise<Pod> {
    for (let tries = 1; ; tries += 1) {
      const before = this.#unanswered.take(key, pod);
      const name = before ?? generatedName(pod.metadata.generateName ?? '');
      try {
        return await this.#writer.create({ ...pod, metadata: { ...pod.metadata, name } }, signal);
      } catch (error) {
        if (!isAlreadyExists(error)) {
          const isShown = this.#pods.store.get(pod.metadata.namespace ?? '', name) !== undefined;
          if (mayHaveHappened(error) && !isShown) this.#unanswered.add(key, name, pod);
          throw error;
        }
        const made = before === undefined ? undefined : await this.#madeBefore(key, owner, pod, name, signal);
        if (made !== undefined) return made;
        if (tries === NAME_TRIES) throw error;
      }
    }
  }

  /** The pod of this name where it is the owner's and stays; undefined where the name is another's. */
  async #madeBefore(
    key: string,
    owner: ApiObject,
    pod: Pod,
    name: string,
    signal: AbortSignal,
  ): Promise<Pod | undefined> {
    try {
      const found = await this.#writer.get(pod.metadata.namespace ?? '', name, signal);
      const isOurs = controllerOf(found)?.uid === owner.metadata.uid && found.metadata.deletionTimestamp === undefined;
      return isOurs ? found : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      this.#unanswered.add(key, name, pod);
      throw error;
    }
  }

  /** Only within `writing`. A pod that is gone already is fine. */
  async delete(owner: ApiObject, pod: Pod, signal: AbortSignal): Promise<void> {
    const { namespace = '', name = '', uid } = pod.metadata;
    try {
      // another pod may have the name by now
      await this.#writer.delete(namespace, name, uid === undefined ? {} : { preconditions: { uid } }, signal);
      this.#expectations.deleted(keyOf(owner), pod);
      this.#record(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    } catch (error) {
      if (isNotFound(error)) return;
      this.#record(owner, 'Warning', 'FailedDelete', `Error deleting: ${errorMessage(error)}`);
      throw error;
    }
  }

  #record(object: ApiObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#parts.events.record({ ...this.#kind, object }, type, reason, message);
  }
}
