import type { Node, Service } from '../../api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../api/types/gen/discovery-v1.ts';
import type { ServiceCIDR } from '../../api/types/gen/networking-v1.ts';
import { keyOf } from '../../client/api-object.ts';
import type { Informed, Informers } from '../../client/informers.ts';
import { ENDPOINT_SLICES, NODES, PROXIED, SERVICE_CIDRS, SERVICE_NAME_LABEL, SERVICES } from '../resources.ts';

const BY_SERVICE = 'service';

/** What has changed since it was asked for last. */
export interface Dirty {
  /** Keys of services that changed, or whose endpoints did. */
  readonly services: ReadonlySet<string>;
  readonly node: boolean;
  readonly serviceCidrs: boolean;
}

/** What the API server has about services, as far as this node needs it, and what of it has changed. */
export class ProxyState {
  readonly #services: Informed<Service>;
  readonly #slices: Informed<EndpointSlice>;
  readonly #nodes: Informed<Node>;
  readonly #serviceCidrs: Informed<ServiceCIDR>;
  readonly #nodeName: string;
  #dirty = new Set<string>();
  #nodeChanged = true;
  #cidrsChanged = true;

  /** Asks the informers for what is needed; they are run by the caller. `onChange` is told that something is dirty. */
  constructor(informers: Informers, nodeName: string, onChange: () => void) {
    this.#nodeName = nodeName;
    this.#services = informers.of<Service>(SERVICES, { labelSelector: PROXIED });
    this.#slices = informers.of<EndpointSlice>(ENDPOINT_SLICES, { labelSelector: PROXIED });
    this.#nodes = informers.of<Node>(NODES, { fieldSelector: `metadata.name=${nodeName}` });
    this.#serviceCidrs = informers.of<ServiceCIDR>(SERVICE_CIDRS);
    this.#slices.store.addIndex(BY_SERVICE, slice => [serviceOf(slice)]);
    this.#services.onChange(({ key }) => {
      this.#dirty.add(key);
      onChange();
    });
    this.#slices.onChange(({ before, after }) => {
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

  takeDirty(): Dirty {
    const dirty = { services: this.#dirty, node: this.#nodeChanged, serviceCidrs: this.#cidrsChanged };
    this.#dirty = new Set();
    this.#nodeChanged = false;
    this.#cidrsChanged = false;
    return dirty;
  }
}

function serviceOf({ metadata }: EndpointSlice): string {
  return `${metadata.namespace}/${metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`;
}
