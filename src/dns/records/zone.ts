import { canonicalIp } from '../../base/cidr.ts';
import { lower } from '../wire/types.ts';
import type { ServiceRecords } from './service-records.ts';

/** A name that an address has. */
export interface ReverseName {
  readonly namespace: string;
  readonly service: string;
  /** Of the endpoint, where the address is one of a headless service. */
  readonly host: string | undefined;
}

const NO_NAMES: readonly ReverseName[] = [];

/** The services and namespaces of the cluster by what is asked for. Names are in lower case. */
export class ClusterZone {
  readonly #namespaces = new Set<string>();
  readonly #services = new Map<string, ServiceRecords>();
  readonly #reverse = new Map<string, readonly ReverseName[]>();
  #serial: number;

  /** `serial`: what the first SOA record says; every change adds one. */
  constructor(serial: number) {
    this.#serial = serial >>> 0;
  }

  get serial(): number {
    return this.#serial;
  }

  hasNamespace(namespace: string): boolean {
    return this.#namespaces.has(namespace);
  }

  service(namespace: string, name: string): ServiceRecords | undefined {
    return this.#services.get(`${namespace}/${name}`);
  }

  /** In no order that means anything. `address` in any form. */
  names(address: string): readonly ReverseName[] {
    return this.#reverse.get(canonicalIp(address)) ?? NO_NAMES;
  }

  setNamespace(namespace: string, exists: boolean): void {
    if (exists) this.#namespaces.add(namespace);
    else this.#namespaces.delete(namespace);
    this.#changed();
  }

  /** Replaces what was known of the service. */
  setService(records: ServiceRecords): void {
    const key = `${records.namespace}/${records.name}`;
    this.#unname(this.#services.get(key));
    this.#services.set(key, records);
    for (const [address, name] of reverseNames(records))
      this.#reverse.set(address, [...(this.#reverse.get(address) ?? []), name]);
    this.#changed();
  }

  deleteService(namespace: string, name: string): void {
    const key = `${namespace}/${name}`;
    this.#unname(this.#services.get(key));
    if (this.#services.delete(key)) this.#changed();
  }

  #unname(records: ServiceRecords | undefined): void {
    if (records === undefined) return;
    for (const [address] of reverseNames(records)) {
      const left = this.names(address).filter(
        each => each.namespace !== records.namespace || each.service !== records.name,
      );
      if (left.length === 0) this.#reverse.delete(address);
      else this.#reverse.set(address, left);
    }
  }

  #changed(): void {
    this.#serial = (this.#serial + 1) >>> 0;
  }
}

/** A cluster address names the service; an address behind a headless one names the endpoint. */
function reverseNames(records: ServiceRecords): (readonly [address: string, name: ReverseName])[] {
  const { namespace, name: service } = records;
  const own = records.clusterIPs.map(ip => [canonicalIp(ip), { namespace, service, host: undefined }] as const);
  if (!records.headless) return own;
  return records.endpoints.map(({ address, host }) => [
    canonicalIp(address),
    { namespace, service: lower(service), host },
  ]);
}
