import type { Endpoints, Service } from '../../api/types/gen/core-v1.ts';
import { type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import type { Informed } from '../../client/informers.ts';
import type { Reconciler } from '../../client/reconcile.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { ENDPOINT_SLICES, ENDPOINTS, SERVICES } from '../resources.ts';
import { hasSelector } from '../services/service-pods.ts';
import { SlicesOfServices } from '../services/slices-of-services.ts';
import { STALE_MS } from '../services/written-versions.ts';
import { CONTROLLER, isMirrored, planMirror } from './plan.ts';

/** Shows Endpoints that somebody wrote for a service without a selector as endpoint slices too: the form that proxies and DNS read. */
export const endpointSliceMirroringController: ControllerRow = {
  name: 'endpointslice-mirroring-controller',
  alias: 'endpointslicemirroring',
  inputs: [ENDPOINTS, SERVICES, ENDPOINT_SLICES],
  outputs: [ENDPOINT_SLICES],
  workers: 5,
  make: parts => new EndpointSliceMirroringReconciler(parts),
};

class EndpointSliceMirroringReconciler implements Reconciler {
  readonly name = 'endpointslice-mirroring-controller';
  readonly #parts: ControllerParts;
  readonly #endpoints: Informed<Endpoints>;
  readonly #services: Informed<Service>;
  readonly #slices: SlicesOfServices;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#slices = new SlicesOfServices(parts, CONTROLLER);
    this.#endpoints = parts.informed<Endpoints>(ENDPOINTS);
    this.#endpoints.onChange(({ key, before, after }) => {
      if ([before, after].some(endpoints => endpoints !== undefined && isMirrored(endpoints))) parts.enqueue(key);
    });
    this.#services = parts.informed<Service>(SERVICES);
    this.#services.onChange(({ key, before, after }) => {
      if (isOpen(before) !== isOpen(after)) parts.enqueue(key);
    });
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const endpoints = this.#endpoints.store.getByKey(key);
    if (this.#slices.isStale(key)) return waitFor(STALE_MS, 'the store to show what was written');
    const { actions, warnings } = planMirror({
      endpoints,
      service: this.#services.store.getByKey(key),
      slices: this.#slices.of(key),
    });
    if (endpoints !== undefined)
      for (const { reason, message } of warnings)
        this.#parts.events.record(
          { apiVersion: 'v1', kind: 'Endpoints', object: endpoints },
          'Warning',
          reason,
          message,
        );
    await this.#slices.carryOut(key, actions, signal);
    return SETTLED;
  }
}

/** A service whose endpoints others find. */
function isOpen(service: Service | undefined): boolean {
  return service !== undefined && !hasSelector(service.spec.selector);
}
