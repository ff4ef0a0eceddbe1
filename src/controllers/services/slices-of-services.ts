import { ApiError } from '../../api/status.ts';
import type { EndpointSlice } from '../../api/types/gen/discovery-v1.ts';
import { isNotFound } from '../../base/errors.ts';
import type { Informed } from '../../client/informers.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts } from '../controller.ts';
import { ENDPOINT_SLICES } from '../resources.ts';
import { MANAGED_BY, SERVICE_NAME, type SliceAction } from './endpoint-slices.ts';
import { WrittenVersions } from './written-versions.ts';

const BY_SERVICE = 'service-of-slice';

/** The endpoint slices that one controller manages, by service: wakes their services, writes them, knows when the store is behind. */
export class SlicesOfServices {
  readonly #parts: ControllerParts;
  readonly #managedBy: string;
  readonly #slices: Informed<EndpointSlice>;
  readonly #writer: ResourceClient<EndpointSlice>;
  readonly #written: WrittenVersions;

  /** `managedBy` is the controller's name in the label that says who manages a slice. */
  constructor(parts: ControllerParts, managedBy: string) {
    this.#parts = parts;
    this.#managedBy = managedBy;
    this.#slices = parts.informed<EndpointSlice>(ENDPOINT_SLICES);
    this.#writer = parts.client<EndpointSlice>(ENDPOINT_SLICES);
    this.#written = new WrittenVersions(parts.clock);
    // the store is shared, and so are its indexes
    if (!this.#slices.store.hasIndex(BY_SERVICE)) this.#slices.store.addIndex(BY_SERVICE, slice => [indexOf(slice)]);
    this.#slices.onChange(change => {
      const seen = [change.before, change.after].filter(slice => slice !== undefined);
      const ours = seen.filter(({ metadata }) => metadata.labels?.[MANAGED_BY] === managedBy);
      for (const key of new Set(ours.flatMap(serviceOf))) {
        this.#written.observe(key, change);
        parts.enqueue(key);
      }
    });
  }

  /** Those of a service that are not about to go. */
  of(key: string): readonly EndpointSlice[] {
    return this.#slices.store
      .byIndex(BY_SERVICE, `${this.#managedBy} ${key}`)
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  /** True while the store does not show what was written for this service. */
  isStale(key: string): boolean {
    return this.#written.isStale(key);
  }

  forget(key: string): void {
    this.#written.forget(key);
  }

  /** Carries out a plan; ends quietly where the namespace is about to go and takes nothing new. Throws what the server says. */
  carryOut(key: string, actions: readonly SliceAction[], signal: AbortSignal): Promise<void> {
    return this.#written.writing(key, async () => {
      for (const { kind, slice, because } of actions) {
        this.#parts.log.info({ key, action: kind, slice: slice.metadata.name, because }, 'slicing');
        try {
          await this.#write(key, kind, slice, signal);
        } catch (error) {
          if (kind === 'create' && error instanceof ApiError && error.hasCause('NamespaceTerminating')) return;
          throw error;
        }
      }
    });
  }

  async #write(key: string, kind: SliceAction['kind'], slice: EndpointSlice, signal: AbortSignal): Promise<void> {
    const { namespace = '', name = '', uid } = slice.metadata;
    switch (kind) {
      case 'create':
        return this.#written.wrote(key, await this.#writer.create(slice, signal));
      case 'update':
        return this.#written.wrote(key, await this.#writer.update(slice, signal), slice);
      case 'delete':
        try {
          await this.#writer.delete(namespace, name, uid === undefined ? {} : { preconditions: { uid } }, signal);
          this.#written.deleted(key, slice);
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
    }
  }
}

function indexOf(slice: EndpointSlice): string {
  return `${slice.metadata.labels?.[MANAGED_BY] ?? ''} ${serviceOf(slice)[0] ?? ''}`;
}

function serviceOf({ metadata }: EndpointSlice): readonly string[] {
  const name = metadata.labels?.[SERVICE_NAME] ?? '';
  return name === '' ? [] : [`${metadata.namespace}/${name}`];
}
