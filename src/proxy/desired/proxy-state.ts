import type { Node, Service } from '../../api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../api/types/gen/discovery-v1.ts';
import type { ServiceCIDR } from '../../api/types/gen/networking-v1.ts';
import { keyOf } from '../../client/api-object.ts';
import type { Informed, Informers } from '../../client/informers.ts';
import { ENDPOINT_SLICES, NODES, PROXIED, SERVICE_CIDRS, SERVICE_NAME_LABEL, SERVICES } from '../resources.ts';
import { healthCheckNodePortOf } from './service-port.ts';

const BY_SERVICE = 'service';
const HEALTH_CHECKED = 'health-checked';
const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';
/** Times that are kept for one transaction; a flood of changes is measured by its first. */
const MAX_TRIGGERS = 1000;

/** What has changed since it was asked for last. */
export interface Dirty {
  /** Keys of services that changed, or whose endpoints did. */
  readonly services: ReadonlySet<string>;
  readonly node: boolean;
  readonly serviceCidrs: boolean;
  /** When the pods and services behind slices that changed did so, in ms since the epoch, as the slices tell. */
  readonly triggeredAt: readonly number[];
}

/** What the API server has about services, as far as this node needs it, and what of it has changed. */
export class ProxyState {
  readonly #services: Informed<Service>;
  readonly #slices: Informed<EndpointSlice>;
  readonly #nodes: Informed<Node>;
  readonly #serviceCidrs: Informed<ServiceCIDR>;
  readonly #nodeName: string;
  readonly #startedAt: number;
  #dirty = new Set<string>();
  #nodeChanged = true;
  #cidrsChanged = true;
  #triggeredAt: number[] = [];
  #serviceChanges = 0;
  #sliceChanges = 0;

  /** Asks the informers for what is needed; they are run by the caller. `onChange` is told that something is dirty. */
  constructor(informers: Informers, nodeName: string, startedAt: number, onChange: () => void) {
    this.#startedAt = startedAt;
    this.#nodeName = nodeName;
    this.#services = informers.of<Service>(SERVICES, { labelSelector: PROXIED });
    this.#slices = informers.of<EndpointSlice>(ENDPOINT_SLICES, { labelSelector: PROXIED });
    this.#nodes = informers.of<Node>(NODES, { fieldSelector: `metadata.name=${nodeName}` });
    this.#serviceCidrs = informers.of<ServiceCIDR>(SERVICE_CIDRS);
    this.#services.store.addIndex(HEALTH_CHECKED, service =>
      healthCheckNodePortOf(service) === undefined ? [] : ['yes'],
    );
    this.#slices.store.addIndex(BY_SERVICE, slice => [serviceOf(slice)]);
    this.#services.onChange(({ key }) => {
      this.#serviceChanges += 1;
      this.#dirty.add(key);
      onChange();
    });
    this.#slices.onChange(({ before, after }) => {
      this.#sliceChanges += 1;
      this.#noteTrigger(before, after);
      for (const slice of [before, after]) if (slice !== undefined) this.#dirty.add(serviceOf(slice));
      onChange();
    });
    this.#nodes.onChange(() => {
      this.#nodeChanged = true;
      onChange();
    });
    this.#serviceCidrs.onChange(() => {
      this.#cidrsChanged = true;
      onChange();
    });
  }

  service(key: string): Service | undefined {
    return this.#services.store.getByKey(key);
  }

  serviceKeys(): string[] {
    return this.#services.store.list().map(keyOf);
  }

  /** Services that may have a port for health checks. */
  healthChecked(): readonly Service[] {
    return this.#services.store.byIndex(HEALTH_CHECKED, 'yes');
  }

  slicesOf(key: string): readonly EndpointSlice[] {
    return this.#slices.store.byIndex(BY_SERVICE, key);
  }

  node(): Node | undefined {
    return this.#nodes.store.getByKey(this.#nodeName);
  }

  /** The networks that cluster IPs come from. */
  serviceCidrs(): string[] {
    return this.#serviceCidrs.store.list().flatMap(({ spec }) => spec.cidrs ?? []);
  }

  /** How many changes of services and of slices came since `takeDirty`. */
  get pending(): { readonly services: number; readonly slices: number } {
    return { services: this.#serviceChanges, slices: this.#sliceChanges };
  }

  takeDirty(): Dirty {
    const dirty = {
      services: this.#dirty,
      node: this.#nodeChanged,
      serviceCidrs: this.#cidrsChanged,
      triggeredAt: this.#triggeredAt,
    };
    this.#dirty = new Set();
    this.#triggeredAt = [];
    this.#serviceChanges = 0;
    this.#sliceChanges = 0;
    this.#nodeChanged = false;
    this.#cidrsChanged = false;
    return dirty;
  }

  /** Only of what happened while this proxy was there: a start is no delay of the cluster's. */
  #noteTrigger(before: EndpointSlice | undefined, after: EndpointSlice | undefined): void {
    const text = after?.metadata.annotations?.[TRIGGER_TIME];
    if (text === undefined || text === before?.metadata.annotations?.[TRIGGER_TIME]) return;
    const at = Date.parse(text);
    if (at > this.#startedAt && this.#triggeredAt.length < MAX_TRIGGERS) this.#triggeredAt.push(at);
  }
}

function serviceOf({ metadata }: EndpointSlice): string {
  return `${metadata.namespace}/${metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`;
}
