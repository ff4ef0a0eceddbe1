import { timeOf } from '../../api/time.ts';
import type { IPAddress, ServiceCIDR } from '../../api/types/gen/networking-v1.ts';
import { isNotFound } from '../../base/errors.ts';
import { type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import { TimeSlice } from '../../base/time-slice.ts';
import { keyOf } from '../../client/api-object.ts';
import type { Informed } from '../../client/informers.ts';
import type { Reconciler } from '../../client/reconcile.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { IP_ADDRESSES, SERVICE_CIDRS } from '../resources.ts';
import { haveInCommon, holds, isCovered, isOfService, planServiceCidr, rangesOf } from './plan.ts';

const KIND = { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR' };

/** Says of ranges that they are ready, and keeps those that are deleted until no service has an address of them alone. */
export const serviceCidrController: ControllerRow = {
  name: 'service-cidr-controller',
  inputs: [SERVICE_CIDRS, IP_ADDRESSES],
  outputs: [SERVICE_CIDRS],
  workers: 5,
  make: parts => new ServiceCidrReconciler(parts),
};

class ServiceCidrReconciler implements Reconciler {
  readonly name = 'service-cidr-controller';
  readonly #parts: ControllerParts;
  readonly #cidrs: Informed<ServiceCIDR>;
  readonly #addresses: Informed<IPAddress>;
  readonly #writer: ResourceClient<ServiceCIDR>;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#cidrs = parts.informed<ServiceCIDR>(SERVICE_CIDRS);
    this.#addresses = parts.informed<IPAddress>(IP_ADDRESSES);
    this.#writer = parts.client<ServiceCIDR>(SERVICE_CIDRS);
    this.#cidrs.onChange(({ key, after }) => {
      parts.enqueue(key);
      // one that comes, or grows, may take over what keeps another
      if (after !== undefined)
        for (const other of this.#deleted()) if (haveInCommon(after, other)) parts.enqueue(keyOf(other));
    });
    this.#addresses.onChange(({ before, after }) => {
      const address = after ?? before;
      if (address === undefined || (before !== undefined && after !== undefined) || !isOfService(address)) return;
      for (const cidr of this.#deleted()) if (holds(rangesOf(cidr), address)) parts.enqueue(keyOf(cidr));
    });
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const cidr = this.#cidrs.store.getByKey(key);
    if (cidr === undefined) return SETTLED;
    const isNeeded = cidr.metadata.deletionTimestamp !== undefined && (await this.#isNeeded(cidr, signal));
    const now = this.#parts.clock.now();
    const step = planServiceCidr(cidr, isNeeded, { ms: now, text: timeOf(now) });
    try {
      // what is written comes back by the watch, and with it the next step
      if (step.kind === 'wait') return waitFor(step.ms, 'servers that do not know yet that a range is deleted');
      if (step.kind === 'update') await this.#writer.update(step.object, signal);
      if (step.kind === 'set-status') await this.#setStatus(cidr, step.object, signal);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return SETTLED;
  }

  #deleted(): readonly ServiceCIDR[] {
    return this.#cidrs.store.list().filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
  }

  async #setStatus(cidr: ServiceCIDR, object: ServiceCIDR, signal: AbortSignal): Promise<void> {
    try {
      await this.#writer.updateStatus(object, signal);
    } catch (error) {
      const message = 'The ServiceCIDR Status can not be set to Ready=True';
      if (cidr.metadata.deletionTimestamp === undefined)
        this.#parts.events.record({ ...KIND, object: cidr }, 'Warning', 'KubernetesServiceCIDRError', message);
      throw error;
    }
  }

  /** True where a service has an address that no other ServiceCIDR has. */
  async #isNeeded(cidr: ServiceCIDR, signal: AbortSignal): Promise<boolean> {
    const all = this.#cidrs.store.list();
    if (isCovered(cidr, all)) return false;
    const own = rangesOf(cidr);
    const others = all.filter(({ metadata }) => metadata.name !== cidr.metadata.name).flatMap(rangesOf);
    const slice = new TimeSlice(signal);
    for (const address of this.#addresses.store.list()) {
      if (isOfService(address) && holds(own, address) && !holds(others, address)) return true;
      if (slice.used) await slice.breathe();
    }
    return false;
  }
}
