import type { Node, Pod } from '../../api/types/gen/core-v1.ts';
import { errorMessage } from '../../base/errors.ts';
import { type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import type { ApiObject } from '../../client/api-object.ts';
import type { Informed } from '../../client/informers.ts';
import type { Reconciler } from '../../client/reconcile.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { ENDPOINT_SLICES, NODES, PODS, SERVICES } from '../resources.ts';
import { PodsOfServices } from '../services/pods-of-services.ts';
import { followsPods } from '../services/service-pods.ts';
import { SlicesOfServices } from '../services/slices-of-services.ts';
import { TriggerTimes } from '../services/trigger-times.ts';
import { STALE_MS } from '../services/written-versions.ts';
import { zoneOf } from './endpoint.ts';
import { CONTROLLER } from './labels.ts';
import { planSlices } from './plan.ts';

const BY_NODE = 'node-of-pod';

/** Keeps the endpoints of services that select pods in slices of at most 100. */
export const endpointSliceController: ControllerRow = {
  name: 'endpointslice-controller',
  inputs: [SERVICES, PODS, NODES, ENDPOINT_SLICES],
  outputs: [ENDPOINT_SLICES],
  workers: 5,
  make: parts => new EndpointSliceReconciler(parts),
};

class EndpointSliceReconciler implements Reconciler {
  readonly name = 'endpointslice-controller';
  readonly #parts: ControllerParts;
  readonly #pods: PodsOfServices;
  readonly #nodes: Informed<Node>;
  readonly #slices: SlicesOfServices;
  readonly #times = new TriggerTimes();

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#pods = new PodsOfServices(parts);
    this.#slices = new SlicesOfServices(parts, CONTROLLER);
    const { store } = parts.informed<Pod>(PODS);
    if (!store.hasIndex(BY_NODE))
      store.addIndex(BY_NODE, ({ spec }) => (spec.nodeName === undefined ? [] : [spec.nodeName]));
    this.#nodes = parts.informed<Node>(NODES);
    this.#nodes.onChange(({ before, after }) => {
      // a node that went takes its pods along, and they tell
      if (after === undefined || (before !== undefined && zoneOf(before) === zoneOf(after))) return;
      this.#pods.wakeFor(store.byIndex(BY_NODE, after.metadata.name ?? ''));
    });
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const service = this.#pods.services.store.getByKey(key);
    if (service === undefined) {
      // its slices belong to it, and go with it
      this.#times.forget(key);
      this.#slices.forget(key);
      return SETTLED;
    }
    if (!followsPods(service)) return SETTLED;
    if (this.#slices.isStale(key)) return waitFor(STALE_MS, 'the store to show what was written');
    const pods = this.#pods.of(service);
    const { actions, skipped } = planSlices({
      service,
      pods,
      slices: this.#slices.of(key),
      nodeOf: name => this.#nodes.store.get('', name),
      triggerTime: this.#times.next(service, pods),
    });
    try {
      await this.#slices.carryOut(key, actions, signal);
    } catch (error) {
      this.#tellFailure(service, errorMessage(error));
      throw error;
    }
    const [pod] = skipped;
    // the node is what wakes it again
    if (pod !== undefined)
      this.#tellFailure(
        service,
        `skipping Pod ${pod.metadata.name} for Service ${key}: Node ${pod.spec.nodeName ?? ''} Not Found`,
      );
    return SETTLED;
  }

  #tellFailure(object: ApiObject, because: string): void {
    const { namespace, name } = object.metadata;
    this.#parts.events.record(
      { apiVersion: 'v1', kind: 'Service', object },
      'Warning',
      'FailedToUpdateEndpointSlices',
      `Error updating Endpoint Slices for Service ${namespace}/${name}: ${because}`,
    );
  }
}
