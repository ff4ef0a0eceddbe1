import { decodeValue } from '../../api/decode/json/decode-json.ts';
import { withResourceDefaults } from '../../api/defaults/resources.ts';
import { errorMessage } from '../../base/errors.ts';
import { GROUP_MASTERS, userInfo } from '../authn/user.ts';
import { createObject } from '../handlers/create-object.ts';
import { deleteObject } from '../handlers/delete.ts';
import type { HandlerContext, WriteOptions } from '../handlers/handler-context.ts';
import type { ServedResource } from '../handlers/served-resource.ts';
import { updateObject } from '../handlers/write-object.ts';
import type { ApiObject, UpdateRules } from '../resources/strategy.ts';
import { storageFault } from '../storage/errors.ts';

/** The server as a client of itself: what it keeps goes the way of every write, behind authorization. */
export class ServerObjects {
  readonly #handlers: HandlerContext;
  readonly #write: WriteOptions;

  constructor(handlers: HandlerContext, signal: AbortSignal) {
    this.#handlers = handlers;
    this.#write = {
      user: userInfo('system:apiserver', [GROUP_MASTERS]),
      dryRun: false,
      fieldManager: 'kube-apiserver',
      signal,
      subresource: '',
      verb: 'update',
      warn() {},
    };
  }

  /** `id` is `group/version/plural`. */
  async find(id: string, namespace: string, name: string): Promise<ApiObject | undefined> {
    const served = this.#served(id);
    try {
      const stored = await served.storage.get(served.key(namespace, name), { signal: this.#write.signal });
      return served.decode(stored);
    } catch (error) {
      if (storageFault(error) === 'not-found') return undefined;
      throw error;
    }
  }

  /** What another server has made in between is fine. */
  async create(id: string, object: ApiObject): Promise<void> {
    const served = this.#served(id);
    try {
      await createObject(this.#handlers, served, wholeObject(served, object), this.#write);
    } catch (error) {
      if (storageFault(error) !== 'exists') throw error;
    }
  }

  /** Creates what is not there; what is there is left alone, be it readable or not. */
  ensure(id: string, object: ApiObject): Promise<void> {
    const { namespace = '', name = '' } = object.metadata;
    return this.unlessUnreadable(async () => {
      if ((await this.find(id, namespace, name)) !== undefined) return;
      try {
        await this.create(id, object);
      } catch (error) {
        // another server that makes the same may hold the address already that this one was refused
        if ((await this.find(id, namespace, name)) === undefined) throw error;
      }
    });
  }

  /**
   * Runs what keeps one object. Where that cannot be decoded it is left alone and told of: a server that would not start for it could not be asked to
   * delete it either.
   */
  async unlessUnreadable(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (storageFault(error) !== 'corrupt') throw error;
      this.#handlers.log.warn(`left alone: ${errorMessage(error)}`);
    }
  }

  /** Writes the object as it is now, by its own resourceVersion: 409 where somebody wrote in between. */
  async replace(id: string, object: ApiObject): Promise<void> {
    const served = this.#served(id);
    await this.#update(served, object, served.strategy, this.#write);
  }

  /** The same of its status alone. */
  async replaceStatus(id: string, object: ApiObject): Promise<void> {
    const served = this.#served(id);
    const rules = served.strategy.subresources.get('status');
    if (rules === undefined) throw new Error(`${id} has no status`);
    await this.#update(served, object, rules, { ...this.#write, subresource: 'status' });
  }

  /** What is gone already is fine; with a `resourceVersion` what was written since stays. */
  async remove(id: string, namespace: string, name: string, resourceVersion?: string): Promise<void> {
    const options = resourceVersion === undefined ? {} : { preconditions: { resourceVersion } };
    try {
      await deleteObject(this.#handlers, this.#served(id), { namespace, name }, options, this.#write);
    } catch (error) {
      if (storageFault(error) !== 'not-found') throw error;
    }
  }

  async #update(
    served: ServedResource,
    object: ApiObject,
    rules: UpdateRules<ApiObject>,
    write: WriteOptions,
  ): Promise<void> {
    const { namespace = '', name = '' } = object.metadata;
    const change = (): ApiObject => wholeObject(served, object);
    await updateObject(this.#handlers, served, { namespace, name, rules, change, tracked: 'here' }, write);
  }

  #served(id: string): ServedResource {
    const served = this.#handlers.resources.get(id);
    if (served === undefined) throw new Error(`${id} is not served`);
    return served;
  }
}

/** What a decoded body would be: everything that Go always holds, and the defaults. */
function wholeObject(served: ServedResource, object: ApiObject): ApiObject {
  const whole = decodeValue(served.type, JSON.parse(JSON.stringify(object))).object as unknown as ApiObject;
  return withResourceDefaults(served.resource, whole);
}
