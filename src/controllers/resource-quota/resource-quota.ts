import type { ResourceList, ResourceQuota } from '../../api/types/gen/core-v1.ts';
import { isNotFound } from '../../base/errors.ts';
import { type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import { TimeSlice } from '../../base/time-slice.ts';
import type { ApiObject, ResourceId } from '../../client/api-object.ts';
import type { Informed } from '../../client/informers.ts';
import type { Change } from '../../client/object-store.ts';
import type { Reconciler } from '../../client/reconcile.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { RESOURCE_QUOTAS } from '../resources.ts';
import { countedKinds } from './counted-kinds.ts';
import { frees, isSameList, limitedBy, sumOf, usedOf, wantedStatus } from './plan.ts';

/** Upstream's --resource-quota-sync-period: what nothing tells of (a pod that is overdue) is found then. */
const RESYNC_MS = 5 * 60_000;

const COUNTED = countedKinds();

/** Counts what quotas limit: at first, when less is used, and every 5 minutes. */
export const resourceQuotaController: ControllerRow = {
  name: 'resourcequota-controller',
  inputs: [RESOURCE_QUOTAS, ...COUNTED],
  outputs: [RESOURCE_QUOTAS],
  workers: 5,
  make: parts => new ResourceQuotaReconciler(parts),
};

interface Kind {
  readonly resource: { readonly group: string; readonly resource: string };
  readonly objects: Informed<ApiObject>;
}

class ResourceQuotaReconciler implements Reconciler {
  readonly name = 'resourcequota-controller';
  readonly #parts: ControllerParts;
  readonly #quotas: Informed<ResourceQuota>;
  readonly #writer: ResourceClient<ResourceQuota>;
  readonly #kinds: readonly Kind[];
  /** The version of each quota that was counted last: an object that is older and appears only now was missing then. */
  readonly #countedAt = new Map<string, bigint>();

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#quotas = parts.informed<ResourceQuota>(RESOURCE_QUOTAS);
    this.#writer = parts.client<ResourceQuota>(RESOURCE_QUOTAS);
    this.#quotas.onChange(({ key, before, after }) => {
      // the status is written here and by the API server, and nobody else has to be set right at once
      const isSame =
        before !== undefined && after !== undefined && isSameList(before.spec.hard ?? {}, after.spec.hard ?? {});
      if (!isSame) parts.enqueue(key);
    });
    this.#kinds = COUNTED.map(id => this.#follow(id));
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const quota = this.#quotas.store.getByKey(key);
    if (quota === undefined) {
      this.#countedAt.delete(key);
      return SETTLED;
    }
    this.#countedAt.set(key, versionOf(quota));
    const status = wantedStatus(quota, await this.#count(quota, signal));
    if (status !== undefined)
      await this.#writer.updateStatus({ ...quota, status }, signal).catch(error => {
        if (!isNotFound(error)) throw error;
      });
    return waitFor(RESYNC_MS, 'everything is counted anew from time to time');
  }

  #follow(id: ResourceId): Kind {
    const resource = { group: id.group, resource: id.plural };
    const objects = this.#parts.informed<ApiObject>(id);
    objects.onChange(change => {
      const { namespace = '' } = (change.after ?? change.before)?.metadata ?? {};
      for (const quota of this.#quotas.store.list(namespace))
        if (frees(quota, resource, change, this.#parts.clock.now()) || this.#wasMissed(quota, resource, change))
          this.#parts.enqueue(`${namespace}/${quota.metadata.name}`);
    });
    return { resource, objects };
  }

  /** True for an object that the quota was charged for before its watch told of it: the count in between was too small. */
  #wasMissed(quota: ResourceQuota, resource: Kind['resource'], { before, after }: Change<ApiObject>): boolean {
    if (before !== undefined || after === undefined || limitedBy(quota, resource).length === 0) return false;
    const counted = this.#countedAt.get(`${quota.metadata.namespace}/${quota.metadata.name}`);
    return counted !== undefined && versionOf(after) <= counted;
  }

  async #count(quota: ResourceQuota, signal: AbortSignal): Promise<ResourceList> {
    const slice = new TimeSlice(signal);
    const now = this.#parts.clock.now();
    let counted: ResourceList = {};
    for (const { resource, objects } of this.#kinds) {
      const names = limitedBy(quota, resource);
      if (names.length === 0) continue;
      counted = sumOf(counted, Object.fromEntries(names.map(name => [name, '0'])));
      for (const object of objects.store.list(quota.metadata.namespace)) {
        counted = sumOf(counted, usedOf(quota, resource, names, object, now));
        if (slice.used) await slice.breathe();
      }
    }
    return counted;
  }
}

/** Versions are revisions of one store: of two objects the one with the larger was written later. */
function versionOf({ metadata }: ApiObject): bigint {
  return BigInt(metadata.resourceVersion ?? '0');
}
