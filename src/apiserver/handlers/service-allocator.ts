import { randomInt } from 'node:crypto';
import { internalApiError, invalidError } from '../../api/status.ts';
import type { Service } from '../../api/types/gen/core-v1.ts';
import { formatCidr, parseCidr } from '../../base/cidr.ts';
import { type AllocationSnapshot, allocateForService, releasedBy } from '../resources/core/service/allocate.ts';
import { familyNameOf, type IpFamilyName, settleIpFamilies } from '../resources/core/service/families.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { Storage } from '../storage/storage.ts';
import type { ServedResource } from './served-resource.ts';

export interface Allocation {
  readonly object: ApiObject;
  /** Gives back what was taken: the write did not come about. Safe to repeat. */
  undo(): Promise<void>;
}

export interface ServiceAllocatorOptions {
  /** Ranges of cluster IPs, the cluster's own family first; one or two. */
  readonly serviceCidrs: readonly string[];
  readonly nodePorts: { readonly first: number; readonly last: number };
}

/** One value holds all allocations, so that every server decides on the same version of it. */
const ALLOCATIONS_KEY = '/registry/ranges/gantry-services';

interface Taken {
  readonly ips: readonly string[];
  readonly ports: readonly number[];
}

const NOTHING: Taken = { ips: [], ports: [] };
const DONE = async (): Promise<void> => {};

/**
 * Cluster IPs and node ports of services, taken from one stored value by compare and swap, so two servers never give the same. What a server
 * took for a service that it then could not store is lost when it dies in that moment; nothing is ever given twice.
 */
export class ServiceAllocator {
  readonly #storage: Storage;
  readonly #ranges: ReadonlyMap<IpFamilyName, string>;
  readonly #nodePorts: AllocationSnapshot['nodePorts'];

  /** Throws `invalid-argument` on a malformed CIDR. */
  constructor(storage: Storage, options: ServiceAllocatorOptions) {
    this.#storage = storage;
    this.#nodePorts = options.nodePorts;
    this.#ranges = new Map(
      options.serviceCidrs.map(cidr => {
        const text = formatCidr(parseCidr(cidr));
        return [familyNameOf(text.slice(0, text.indexOf('/'))), text] as const;
      }),
    );
  }

  /** The object with what it needs, if it is a service. `old` is what is stored. */
  async allocate(
    served: ServedResource,
    object: ApiObject,
    old: ApiObject | undefined,
    dryRun: boolean,
    signal: AbortSignal,
  ): Promise<Allocation> {
    if (!isService(served)) return { object, undo: DONE };
    const service = object as unknown as Service;
    const before = old as unknown as Service | undefined;
    const name = object.metadata.name ?? '';
    const settled = settleIpFamilies(service, before, [...this.#ranges.keys()]);
    if (settled.kind === 'invalid') throw invalidError(served.groupKind, name, settled.errors);
    let result: Service = settled.service;
    let taken = NOTHING;
    await this.#change(
      current => {
        const decided = allocateForService(settled.service, before, this.#snapshot(current), below => randomInt(below));
        if (decided.kind === 'invalid') throw invalidError(served.groupKind, name, decided.errors);
        if (decided.kind === 'full')
          throw internalApiError(`failed to allocate for service ${JSON.stringify(name)}: ${decided.message}`);
        result = decided.service;
        taken = { ips: decided.ips, ports: decided.ports };
        return { ips: [...current.ips, ...decided.ips], ports: [...current.ports, ...decided.ports] };
      },
      dryRun,
      signal,
    );
    const undo = async (): Promise<void> => {
      if (!dryRun) await this.#giveBack(taken);
      taken = NOTHING;
    };
    return { object: result as unknown as ApiObject, undo };
  }

  /** What `old` has and `object` (undefined: it is deleted) has no more is free again. */
  async release(served: ServedResource, old: ApiObject, object: ApiObject | undefined): Promise<void> {
    if (!isService(served)) return;
    await this.#giveBack(releasedBy(old as unknown as Service, object as unknown as Service | undefined));
  }

  async #giveBack(freed: Taken): Promise<void> {
    if (freed.ips.length === 0 && freed.ports.length === 0) return;
    await this.#change(
      current => ({
        ips: current.ips.filter(ip => !freed.ips.includes(ip)),
        ports: current.ports.filter(port => !freed.ports.includes(port)),
      }),
      false,
      undefined,
    );
  }

  async #change(decide: (current: Taken) => Taken, dryRun: boolean, signal: AbortSignal | undefined): Promise<void> {
    const withSignal = signal === undefined ? {} : { signal };
    if (dryRun) {
      const list = await this.#storage.list('/registry/ranges/', withSignal);
      decide(parse(list.items.find(item => item.key === ALLOCATIONS_KEY)?.value));
      return;
    }
    await this.#storage.update(
      ALLOCATIONS_KEY,
      current => ({ value: Buffer.from(JSON.stringify(decide(parse(current?.value)))) }),
      { createIfMissing: true, ...withSignal },
    );
  }

  #snapshot(taken: Taken): AllocationSnapshot {
    return {
      ranges: this.#ranges,
      takenIps: new Set(taken.ips),
      takenPorts: new Set(taken.ports),
      nodePorts: this.#nodePorts,
    };
  }
}

function isService(served: ServedResource): boolean {
  return served.resource.group === '' && served.resource.plural === 'services';
}

function parse(value: Buffer | undefined): Taken {
  return value === undefined ? NOTHING : (JSON.parse(value.toString()) as Taken);
}
