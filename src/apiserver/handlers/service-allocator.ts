import { randomInt, randomUUID } from 'node:crypto';
import { internalApiError, invalidError } from '../../api/status.ts';
import type { Service } from '../../api/types/gen/core-v1.ts';
import type { IPAddress, ServiceCIDR } from '../../api/types/gen/networking-v1.ts';
import { type Cidr, ipFamily, parseCidr } from '../../base/cidr.ts';
import type { Clock } from '../../base/clock.ts';
import { KeyedQueue } from '../../base/keyed-queue.ts';
import type { Logger } from '../../daemon/logger.ts';
import { allocateForService, ownPorts, releasedBy } from '../resources/core/service/allocate.ts';
import { type IpFamilyName, settleIpFamilies } from '../resources/core/service/families.ts';
import { mayHaveNodePorts } from '../resources/core/service/needs.ts';
import type { PortRange } from '../resources/core/service/node-port.ts';
import {
  decodeNodePorts,
  encodeNodePorts,
  NODE_PORTS_KEY,
  rangeText,
} from '../resources/core/service/node-port-map.ts';
import { isReadyRange } from '../resources/networking/service-cidr.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { CompanionConflict, storageFault } from '../storage/errors.ts';
import type { Companion, StoredObject } from '../storage/storage.ts';
import { repairNodePorts } from './repair-node-ports.ts';
import type { ServedResource } from './served-resource.ts';

export interface ServiceAllocatorOptions {
  /** The families that services may have, the cluster's own first; one or two. */
  readonly families: readonly IpFamilyName[];
  readonly nodePorts: PortRange;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Says who took an address: the IPAddresses without it are none of the allocator's. */
export const MANAGED_BY = 'ipaddress.kubernetes.io/managed-by';
export const ALLOCATOR = 'ipallocator.k8s.io';
export const FAMILY = 'ipaddress.kubernetes.io/ip-family';

/** An object to store, and what is to be stored together with it. */
export interface Allocated {
  readonly object: ApiObject;
  readonly together: readonly Companion[];
}

/**
 * Cluster IPs and node ports of services. An address that is taken is an IPAddress, a port a bit of one value, and both are written in the
 * transaction that writes the service: so two servers never give the same, and a server that dies, or an answer that is lost, leaves nothing taken
 * without its service.
 */
export class ServiceAllocator {
  readonly #resources: ReadonlyMap<string, ServedResource>;
  readonly #options: ServiceAllocatorOptions;
  /** Writers of the one value of node ports wait for each other here, rather than to fail in the store. */
  readonly #turns = new KeyedQueue<string>();

  constructor(resources: ReadonlyMap<string, ServedResource>, options: ServiceAllocatorOptions) {
    this.#resources = resources;
    this.#options = options;
  }

  /** For one write of an object of `served`; what is no service takes nothing. End it when the write has come about, or failed. */
  begin(served: ServedResource, signal: AbortSignal): ServiceAllocation {
    return new ServiceAllocation(served, this.#resources, this.#options, this.#turns, signal);
  }
}

/** The allocation of one write, which may be decided several times: each time with what the last conflict told. */
export class ServiceAllocation {
  readonly #served: ServedResource;
  readonly #addresses: ServedResource;
  readonly #cidrs: ServedResource;
  readonly #services: ServedResource;
  readonly #options: ServiceAllocatorOptions;
  readonly #turns: KeyedQueue<string>;
  readonly #signal: AbortSignal;
  /** Newer than the cache: what stood at a key when it was read, or when a write failed there. */
  readonly #seen = new Map<string, StoredObject | undefined>();
  #endTurn: (() => void) | undefined;

  constructor(
    served: ServedResource,
    resources: ReadonlyMap<string, ServedResource>,
    options: ServiceAllocatorOptions,
    turns: KeyedQueue<string>,
    signal: AbortSignal,
  ) {
    this.#served = served;
    this.#addresses = required(resources, 'networking.k8s.io/v1/ipaddresses');
    this.#cidrs = required(resources, 'networking.k8s.io/v1/servicecidrs');
    this.#services = required(resources, '/v1/services');
    this.#options = options;
    this.#turns = turns;
    this.#signal = signal;
  }

  /** The object with what it needs, if it is a service. `old` is what is stored; what it has no more is free with the same write. */
  async allocate(object: ApiObject, old: ApiObject | undefined): Promise<Allocated> {
    if (!isService(this.#served)) return { object, together: [] };
    const before = old as unknown as Service | undefined;
    const name = object.metadata.name ?? '';
    const { groupKind } = this.#served;
    const settled = settleIpFamilies(object as unknown as Service, before, this.#options.families);
    if (settled.kind === 'invalid') throw invalidError(groupKind, name, settled.errors);
    const { service } = settled;
    const usesPorts = mayHaveNodePorts(service) || ownPorts(before).length > 0;
    const ports = usesPorts ? await this.#nodePorts() : undefined;
    const decide = () =>
      allocateForService(service, before, { ips: this.#ipPool(), ports: this.#portPool(ports?.taken) }, below =>
        randomInt(below),
      );
    let decided = decide();
    if (decided.kind !== 'allocated') {
      // a refusal counts only when it was made on the truth
      await this.#look(service.spec.clusterIPs ?? []);
      decided = decide();
    }
    if (decided.kind === 'invalid') throw invalidError(groupKind, name, decided.errors);
    if (decided.kind === 'full') throw internalApiError(decided.message);
    const freed = before === undefined ? { ips: [], ports: [] } : releasedBy(before, decided.service);
    const together = [
      ...decided.ips.map(ip => this.#taking(ip, object)),
      ...(await this.#freeing(freed.ips, object)),
      ...(ports === undefined ? [] : portChange(ports, this.#options.nodePorts, decided.ports, freed.ports)),
    ];
    return { object: decided.service as unknown as ApiObject, together };
  }

  /** What goes with an object that is deleted. */
  async release(object: ApiObject): Promise<readonly Companion[]> {
    if (!isService(this.#served)) return [];
    const freed = releasedBy(object as unknown as Service, undefined);
    const addresses = await this.#freeing(freed.ips, object);
    if (freed.ports.length === 0) return addresses;
    return [...addresses, ...portChange(await this.#nodePorts(), this.#options.nodePorts, [], freed.ports)];
  }

  /** True where a write failed because something that it takes or frees was changed: then decide and write again. */
  learn(error: unknown): boolean {
    if (!(error instanceof CompanionConflict)) return false;
    for (const [key, found] of error.found) this.#seen.set(key, found);
    return true;
  }

  /** Others may write node ports again; what is decided after this reads them anew. Safe to repeat. */
  end(): void {
    this.#endTurn?.();
    this.#endTurn = undefined;
    this.#seen.delete(NODE_PORTS_KEY);
  }

  #ipPool() {
    const ranges = new Map<IpFamilyName, Cidr[]>();
    for (const { object } of this.#cidrs.cache.snapshot())
      for (const cidr of isReadyRange(object as unknown as ServiceCIDR) ? cidrsOf(object) : [])
        ranges.set(`IPv${cidr.family}`, [...(ranges.get(`IPv${cidr.family}`) ?? []), cidr]);
    return {
      ranges,
      isTaken: (ip: string) => this.#at(this.#addressKey(ip)) !== undefined,
      takenCount: this.#addresses.cache.size + this.#seen.size,
    };
  }

  #portPool(taken: ReadonlySet<number> | undefined) {
    return { range: this.#options.nodePorts, taken: taken ?? new Set<number>() };
  }

  #at(key: string): StoredObject | undefined {
    return this.#seen.has(key) ? this.#seen.get(key) : this.#addresses.cache.peek(key);
  }

  #addressKey(ip: string): string {
    return this.#addresses.key('', ip);
  }

  async #look(clusterIPs: readonly string[]): Promise<void> {
    for (const ip of clusterIPs) if (ip !== '' && ip !== 'None') await this.#read(this.#addressKey(ip));
    // where a range is full, what was freed a moment ago counts
    await this.#addresses.cache.list({ limit: 1, signal: this.#signal });
  }

  async #read(key: string): Promise<StoredObject | undefined> {
    const found = await this.#served.storage.get(key, { signal: this.#signal }).catch(error => {
      if (storageFault(error) !== 'not-found') throw error;
      return undefined;
    });
    this.#seen.set(key, found);
    return found;
  }

  #taking(ip: string, owner: ApiObject): Companion {
    const now = new Date(this.#options.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    const address = addressOf(ip, owner, { uid: randomUUID(), creationTimestamp: now });
    return { key: this.#addressKey(ip), expected: 0, write: this.#addresses.encode(address) };
  }

  async #freeing(ips: readonly string[], owner: ApiObject): Promise<readonly Companion[]> {
    const companions: Companion[] = [];
    for (const ip of ips) {
      const key = this.#addressKey(ip);
      const found = this.#at(key) ?? (await this.#read(key));
      if (found === undefined) companions.push({ key, expected: 0, write: 'nothing' });
      // what another holds, by a mistake of whoever wrote it, is not this one's to free
      else if (isParent(this.#addresses.decode(found), owner))
        companions.push({ key, expected: found.revision, write: 'delete' });
    }
    return companions;
  }

  async #nodePorts(): Promise<StoredPorts> {
    this.#endTurn ??= await this.#turns.turn(NODE_PORTS_KEY, this.#signal);
    const known = this.#seen.has(NODE_PORTS_KEY) ? this.#seen.get(NODE_PORTS_KEY) : await this.#read(NODE_PORTS_KEY);
    const ports = readPorts(known) ?? (await this.#portsAnew());
    if (ports.range !== rangeText(this.#options.nodePorts))
      throw internalApiError('the provided port range does not match the current port range');
    return ports;
  }

  /** Somebody deleted the value, or spoilt it: nothing but the services themselves tells what is taken. */
  async #portsAnew(): Promise<StoredPorts> {
    const { nodePorts, log } = this.#options;
    await repairNodePorts(this.#services, nodePorts, log, this.#signal);
    const ports = readPorts(await this.#read(NODE_PORTS_KEY));
    if (ports === undefined)
      throw internalApiError('the node port allocations are missing, and vanish whenever they are made anew');
    return ports;
  }
}

interface StoredPorts {
  readonly revision: number;
  readonly range: string;
  readonly taken: ReadonlySet<number>;
}

function readPorts(stored: StoredObject | undefined): StoredPorts | undefined {
  const map = stored === undefined ? undefined : decodeNodePorts(stored.value);
  return stored === undefined || map === undefined
    ? undefined
    : { revision: stored.revision, range: map.range, taken: map.ports };
}

function portChange(
  { revision, taken }: StoredPorts,
  range: PortRange,
  added: readonly number[],
  freed: readonly number[],
): Companion[] {
  if (added.length + freed.length === 0) return [];
  const ports = new Set([...taken, ...added]);
  for (const port of freed) ports.delete(port);
  return [{ key: NODE_PORTS_KEY, expected: revision, write: encodeNodePorts(range, ports) }];
}

/** The IPAddress by which a service holds an address (in canonical form). */
export function addressOf(
  ip: string,
  { metadata }: ApiObject,
  identity: { readonly uid?: string | undefined; readonly creationTimestamp?: string | undefined },
): ApiObject {
  const { namespace = '', name = '' } = metadata;
  const address: IPAddress = {
    metadata: { ...identity, name: ip, labels: { [FAMILY]: `IPv${ipFamily(ip)}`, [MANAGED_BY]: ALLOCATOR } },
    spec: { parentRef: { resource: 'services', namespace, name } },
  };
  return address;
}

/** True for an IPAddress that is held by the service. */
export function isParent(address: ApiObject, { metadata }: ApiObject): boolean {
  const { group = '', resource, namespace, name } = (address as unknown as IPAddress).spec.parentRef ?? {};
  return group === '' && resource === 'services' && namespace === metadata.namespace && name === metadata.name;
}

function cidrsOf(object: ApiObject): readonly Cidr[] {
  return ((object as unknown as ServiceCIDR).spec.cidrs ?? []).map(parseCidr);
}

function isService(served: ServedResource): boolean {
  return served.resource.group === '' && served.resource.plural === 'services';
}

function required(resources: ReadonlyMap<string, ServedResource>, id: string): ServedResource {
  const served = resources.get(id);
  if (served === undefined) throw new Error(`${id} is not served`);
  return served;
}
