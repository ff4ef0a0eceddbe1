import type { Pod, PodTemplateSpec } from '../../api/types/gen/core-v1.ts';
import { errorMessage, isNotFound } from '../../base/errors.ts';
import { type ApiObject, keyOf } from '../../client/api-object.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts } from '../controller.ts';
import { PODS } from '../resources.ts';
import { Expectations } from './expectations.ts';
import type { OwnerKind } from './owned-objects.ts';
import { controllerReference, podFromTemplate } from './pod-from-template.ts';

/** What an owner does to pods, with the events that people look for, and with the memory of what its store does not show yet. */
export class PodControl {
  readonly expectations: Expectations;
  readonly #parts: ControllerParts;
  readonly #kind: OwnerKind;
  readonly #pods: ResourceClient<Pod>;

  constructor(parts: ControllerParts, kind: OwnerKind) {
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

  /** Only within `writing`. The name begins with `prefix`, that of its owner unless given. Throws what the server says. */
  async create(owner: ApiObject, template: PodTemplateSpec, signal: AbortSignal, prefix?: string): Promise<void> {
    const { apiVersion, kind } = this.#kind;
    const pod = podFromTemplate(template, owner, controllerReference(owner, apiVersion, kind), prefix);
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

  #record(object: ApiObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#parts.events.record({ ...this.#kind, object }, type, reason, message);
  }
}
