import type { LabelSelector } from '../../api/selectors/label-selector.ts';
import type { Pod, PodTemplateSpec } from '../../api/types/gen/core-v1.ts';
import { errorMessage, isNotFound } from '../../base/errors.ts';
import { type ApiObject, keyOf } from '../../client/api-object.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts } from '../controller.ts';
import { PODS } from '../resources.ts';
import { claim } from './claim.ts';
import { Expectations } from './expectations.ts';
import type { PodOwnerKind } from './owned-pods.ts';
import { controllerReference, podFromTemplate } from './pod-from-template.ts';

/** What an owner does to pods, with the events that people look for, and with the memory of what its store does not show yet. */
export class PodControl {
  readonly expectations: Expectations;
  readonly #parts: ControllerParts;
  readonly #kind: PodOwnerKind;
  readonly #pods: ResourceClient<Pod>;

  constructor(parts: ControllerParts, kind: PodOwnerKind) {
    this.#parts = parts;
    this.#kind = kind;
    this.#pods = parts.client<Pod>(PODS);
    this.expectations = new Expectations(parts.clock);
  }

  /** Runs writes of one owner; what they made and deleted is expected in the store afterwards. */
  async writing<R>(key: string, write: () => Promise<R>): Promise<R> {
    this.expectations.begin(key);
    try {
      return await write();
    } finally {
      this.expectations.end(key);
    }
  }

  /** Only within `writing`. Throws what the server says. */
  async create(owner: ApiObject, template: PodTemplateSpec, signal: AbortSignal): Promise<void> {
    const { apiVersion, kind } = this.#kind;
    const pod = podFromTemplate(template, owner, controllerReference(owner, apiVersion, kind));
    try {
      const created = await this.#pods.create(pod, signal);
      this.expectations.created(keyOf(owner), created);
      this.#record(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata.name}`);
    } catch (error) {
      this.#record(owner, 'Warning', 'FailedCreate', `Error creating: ${errorMessage(error)}`);
      throw error;
    }
  }

  /** Only within `writing`. A pod that is gone already is fine. */
  async delete(owner: ApiObject, pod: Pod, signal: AbortSignal): Promise<void> {
    const { namespace = '', name = '', uid } = pod.metadata;
    try {
      // another pod may have the name by now
      await this.#pods.delete(namespace, name, uid === undefined ? {} : { preconditions: { uid } }, signal);
      this.expectations.deleted(keyOf(owner), pod);
      this.#record(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    } catch (error) {
      if (isNotFound(error)) return;
      this.#record(owner, 'Warning', 'FailedDelete', `Error deleting: ${errorMessage(error)}`);
      throw error;
    }
  }

  /**
   * The pods of an owner, after fitting orphans were adopted and those that fit no more were released. `fresh` reads the owner from the server: what
   * the store shows may be the owner of a life before, whose pods are not to be taken.
   */
  async claim<T extends ApiObject>(
    owner: T,
    candidates: readonly Pod[],
    selector: LabelSelector,
    fresh: () => Promise<T>,
    signal: AbortSignal,
  ): Promise<readonly Pod[]> {
    const { owned, adopt, release } = claim(candidates, owner, selector);
    if (adopt.length > 0) await requireSame(owner, fresh);
    const adopted = await Promise.all(adopt.map(pod => this.#adopt(owner, pod, signal)));
    await Promise.all(release.map(pod => this.#release(owner, pod, signal)));
    return [...owned, ...adopted.filter(pod => pod !== undefined)];
  }

  async #adopt(owner: ApiObject, pod: Pod, signal: AbortSignal): Promise<Pod | undefined> {
    const { apiVersion, kind } = this.#kind;
    const ownerReferences = [controllerReference(owner, apiVersion, kind)];
    return this.#patch(pod, { metadata: { ownerReferences, uid: pod.metadata.uid } }, signal);
  }

  async #release(owner: ApiObject, pod: Pod, signal: AbortSignal): Promise<void> {
    const ownerReferences = [{ $patch: 'delete', uid: owner.metadata.uid }];
    await this.#patch(pod, { metadata: { ownerReferences, uid: pod.metadata.uid } }, signal);
  }

  /** The uid in a patch makes it one of this very pod; undefined where that is gone. */
  async #patch(pod: Pod, patch: object, signal: AbortSignal): Promise<Pod | undefined> {
    const { namespace = '', name = '' } = pod.metadata;
    try {
      return await this.#pods.patch({ namespace, name }, 'strategic', patch, signal);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #record(object: ApiObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#parts.events.record({ ...this.#kind, object }, type, reason, message);
  }
}

async function requireSame<T extends ApiObject>(owner: T, fresh: () => Promise<T>): Promise<void> {
  const { metadata } = await fresh();
  if (metadata.uid !== owner.metadata.uid)
    throw new Error(`${keyOf(owner)} was made anew meanwhile: its uid is ${metadata.uid}, not ${owner.metadata.uid}`);
  if (metadata.deletionTimestamp !== undefined) throw new Error(`${keyOf(owner)} is being deleted and adopts nothing`);
}
