import { ApiError } from '../../api/status.ts';
import type { Endpoints } from '../../api/types/gen/core-v1.ts';
import { errorMessage, isNotFound } from '../../base/errors.ts';
import { type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import { keyOf } from '../../client/api-object.ts';
import type { Informed } from '../../client/informers.ts';
import type { Reconciler } from '../../client/reconcile.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { ENDPOINTS, PODS, SERVICES } from '../resources.ts';
import { isElection } from '../services/elections.ts';
import { PodsOfServices } from '../services/pods-of-services.ts';
import { followsPods } from '../services/service-pods.ts';
import { TriggerTimes } from '../services/trigger-times.ts';
import { STALE_MS, WrittenVersions } from '../services/written-versions.ts';
import { type EndpointsPlan, planEndpoints } from './plan.ts';

/** No service has this key. It stands for Endpoints whose services went while nobody looked. */
const LEFTOVERS = '';

/** Keeps the Endpoints of services that select pods: the older form of endpoint slices, for whoever still reads it. */
export const endpointsController: ControllerRow = {
  name: 'endpoints-controller',
  alias: 'endpoint',
  inputs: [SERVICES, PODS, ENDPOINTS],
  outputs: [ENDPOINTS],
  workers: 5,
  make: parts => new EndpointsReconciler(parts),
};

class EndpointsReconciler implements Reconciler {
  readonly name = 'endpoints-controller';
  readonly #parts: ControllerParts;
  readonly #pods: PodsOfServices;
  readonly #endpoints: Informed<Endpoints>;
  readonly #writer: ResourceClient<Endpoints>;
  readonly #times = new TriggerTimes();
  readonly #written: WrittenVersions;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#pods = new PodsOfServices(parts);
    this.#writer = parts.client<Endpoints>(ENDPOINTS);
    this.#written = new WrittenVersions(parts.clock);
    this.#endpoints = parts.informed<Endpoints>(ENDPOINTS);
    this.#endpoints.onChange(change => {
      const { key } = change;
      const wasStale = this.#written.isStale(key);
      this.#written.observe(key, change);
      // others may keep Endpoints without a service: their coming and going is none of ours
      const isLost = change.after === undefined && this.#pods.services.store.getByKey(key) !== undefined;
      if (wasStale || isLost) parts.enqueue(key);
    });
    parts.enqueue(LEFTOVERS);
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    if (key === LEFTOVERS) return this.#findLeftovers();
    const service = this.#pods.services.store.getByKey(key);
    if (service === undefined) return this.#remove(key, signal);
    if (!followsPods(service)) return SETTLED;
    if (this.#written.isStale(key)) return waitFor(STALE_MS, 'the store to show what was written');
    const pods = this.#pods.of(service);
    const present = this.#endpoints.store.getByKey(key);
    const triggerTime = this.#times.next(service, pods);
    const plan = planEndpoints({ service, pods, present, triggerTime });
    if (plan === undefined) return SETTLED;
    this.#parts.log.info({ key, action: plan.kind, because: plan.because }, 'writing endpoints');
    await this.#write(key, plan, present, signal);
    return SETTLED;
  }

  /** Once, at the beginning: later on a service that goes is what wakes. */
  #findLeftovers(): Outcome {
    for (const endpoints of this.#endpoints.store.list())
      if (!isElection(endpoints) && this.#pods.services.store.getByKey(keyOf(endpoints)) === undefined)
        this.#parts.enqueue(keyOf(endpoints));
    return SETTLED;
  }

  async #remove(key: string, signal: AbortSignal): Promise<Outcome> {
    const [namespace = '', name = ''] = key.split('/');
    try {
      await this.#writer.delete(namespace, name, {}, signal);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    this.#times.forget(key);
    this.#written.forget(key);
    return SETTLED;
  }

  async #write(
    key: string,
    { kind, endpoints }: EndpointsPlan,
    present: Endpoints | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await this.#written.writing(key, async () => {
        const made = kind === 'create';
        const written = await (made ? this.#writer.create(endpoints, signal) : this.#writer.update(endpoints, signal));
        this.#written.wrote(key, written, present);
      });
    } catch (error) {
      // a namespace that is about to go takes nothing new
      if (error instanceof ApiError && error.hasCause('NamespaceTerminating')) return;
      const [reason, what] =
        kind === 'create'
          ? ['FailedToCreateEndpoint', `create endpoint for service ${key}`]
          : ['FailedToUpdateEndpoint', `update endpoint ${key}`];
      this.#parts.events.record(
        { apiVersion: 'v1', kind: 'Endpoints', object: endpoints },
        'Warning',
        reason,
        `Failed to ${what}: ${errorMessage(error)}`,
      );
      throw error;
    }
  }
}
