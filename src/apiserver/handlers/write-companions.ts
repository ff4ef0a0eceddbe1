import type { AdmissionRequest } from '../admission/plugin.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { Companion } from '../storage/storage.ts';
import type { HandlerContext } from './handler-context.ts';
import type { QuotaCharge } from './quota-charge.ts';
import type { ServedResource } from './served-resource.ts';
import type { Allocated, ServiceAllocation } from './service-allocator.ts';

/** What is stored in the transaction of one write beside its object: the quotas that it is charged to, the addresses of a service. */
export class WriteCompanions {
  readonly #quotas: QuotaCharge;
  readonly #addresses: ServiceAllocation;

  constructor(handlers: HandlerContext, served: ServedResource, signal: AbortSignal) {
    this.#quotas = handlers.quotas.begin(signal);
    this.#addresses = handlers.allocator.begin(served, signal);
  }

  /** The object with its addresses, and what goes with it. May be called again, where somebody wrote in between. Throws 403 where a quota does not allow it. */
  async decide(request: AdmissionRequest, object: ApiObject, old: ApiObject | undefined): Promise<Allocated> {
    const charged = await this.#quotas.charge({ ...request, object }, () => this.#addresses.end());
    const allocated = await this.#addresses.allocate(object, old);
    return { object: allocated.object, together: [...charged, ...allocated.together] };
  }

  /** What goes with an object that is deleted. */
  release(object: ApiObject): Promise<readonly Companion[]> {
    return this.#addresses.release(object);
  }

  /** True where a write failed because one of them was changed: then decide and write again. */
  learn(error: unknown): boolean {
    const [quotas, addresses] = [this.#quotas.learn(error), this.#addresses.learn(error)];
    return quotas || addresses;
  }

  /** The write has come about, or failed. */
  end(): void {
    this.#addresses.end();
    this.#quotas.end();
  }
}
