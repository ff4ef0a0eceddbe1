import type { Service } from '../../api/types/gen/core-v1.ts';
import type { IPAddress } from '../../api/types/gen/networking-v1.ts';
import { TimeSlice } from '../../base/time-slice.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { ServedResource } from '../handlers/served-resource.ts';
import { ALLOCATOR, addressOf, FAMILY, isParent, MANAGED_BY } from '../handlers/service-allocator.ts';
import { ownIps, ownPorts } from '../resources/core/service/allocate.ts';
import type { PortRange } from '../resources/core/service/node-port.ts';
import {
  decodeNodePorts,
  encodeNodePorts,
  NODE_PORTS_KEY,
  rangeText,
} from '../resources/core/service/node-port-map.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { storageFault } from '../storage/errors.ts';
import type { Companion, Storage, StoredObject } from '../storage/storage.ts';

export interface RepairParts {
  readonly resources: ReadonlyMap<string, ServedResource>;
  readonly storage: Storage;
  readonly nodePorts: PortRange;
  readonly now: () => string;
  readonly newUid: () => string;
  readonly log: Logger;
}

const PORT_TRIES = 5;

/**
 * Makes what is written down as taken agree with what services hold, where something else than this server wrote either: a person, a restored
 * backup, another range of node ports. Every repair is a transaction that compares what it was decided on, so servers may repair at the same
 * time, and beside requests. Idempotent. Throws what the storage throws.
 */
export async function repairAllocations(parts: RepairParts, signal: AbortSignal): Promise<void> {
  await repairNodePorts(parts, signal);
  await repairAddresses(parts, signal);
}

async function repairNodePorts(parts: RepairParts, signal: AbortSignal): Promise<void> {
  const { storage, nodePorts, log } = parts;
  for (let tries = 0; tries < PORT_TRIES; tries += 1) {
    const stored = await find(storage, NODE_PORTS_KEY, signal);
    const before = stored === undefined ? undefined : decodeNodePorts(stored.value);
    const held = new Map<number, string>();
    // what a service has that cannot be read stays taken
    const keep = (): void => {
      for (const port of before?.ports ?? []) if (!held.has(port)) held.set(port, 'a service that cannot be read');
    };
    // read after the value: where that still stands at the end, no service has changed its ports since
    for await (const { entry, service } of services(parts, signal, keep))
      for (const port of ownPorts(service)) {
        const other = held.get(port);
        if (other?.startsWith('/'))
          log.error(`node port ${port} is held by ${other} and by ${entry.key}; please recreate one of these services`);
        held.set(port, entry.key);
      }
    const value = encodeNodePorts(nodePorts, held.keys());
    const isSame = before?.range === rangeText(nodePorts) && encodeNodePorts(nodePorts, before.ports).equals(value);
    if (isSame) return;
    if (stored !== undefined) log.warn('the node port allocations did not agree with the services; they are made anew');
    try {
      if (stored === undefined) await storage.create(NODE_PORTS_KEY, value, { signal });
      else {
        const preconditions = { resourceVersion: String(stored.revision) };
        await storage.update(NODE_PORTS_KEY, () => ({ value }), { preconditions, signal });
      }
      return;
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
  log.warn('the node port allocations change too often to be compared with the services; that is done next time');
}

async function repairAddresses(parts: RepairParts, signal: AbortSignal): Promise<void> {
  const addresses = served(parts, 'networking.k8s.io/v1/ipaddresses');
  for await (const { entry, service } of services(parts, signal))
    for (const ip of ownIps(service)) {
      const found = addresses.cache.peek(addresses.key('', ip));
      const address = found === undefined ? undefined : readObject(addresses, found);
      // an address that cannot be read stays taken, by whom nobody knows
      if (found !== undefined && address === undefined) continue;
      const fence: Companion = { key: entry.key, expected: entry.revision, write: 'nothing' };
      if (address === undefined || found === undefined || !isRight(address, service, ip))
        await takeFor(parts, { ip, service, fence, found, address }, signal);
    }
  for await (const found of inSlices(addresses.cache.snapshot(), signal)) {
    const address = readObject(addresses, found);
    if (address !== undefined) await freeIfHeldByNobody(parts, found, address, signal);
  }
}

interface Missing {
  readonly ip: string;
  readonly service: Service;
  readonly fence: Companion;
  readonly found: StoredObject | undefined;
  readonly address: ApiObject | undefined;
}

async function takeFor(
  parts: RepairParts,
  { ip, service, fence, found, address }: Missing,
  signal: AbortSignal,
): Promise<void> {
  const addresses = served(parts, 'networking.k8s.io/v1/ipaddresses');
  const { storage, log } = parts;
  const whose = `${service.metadata.namespace}/${service.metadata.name}`;
  const holder = address === undefined ? undefined : holderOf(parts, address);
  if (holder !== undefined && !isParent(address as ApiObject, service as unknown as ApiObject)) {
    log.error(
      `cluster IP ${ip} of service ${whose} is also held by ${holder.key}; please recreate one of these services`,
    );
    return;
  }
  log.warn(`cluster IP ${ip} of service ${whose} was not written down as its own; it is now`);
  const { uid = parts.newUid(), creationTimestamp = parts.now() } = address?.metadata ?? {};
  const value = addresses.encode(addressOf(ip, service as unknown as ApiObject, { uid, creationTimestamp }));
  const together = [fence];
  await ifUnchanged(async () => {
    if (found === undefined) await storage.create(addresses.key('', ip), value, { together, signal });
    else {
      const preconditions = { resourceVersion: String(found.revision) };
      await storage.update(found.key, () => ({ value, together }), { preconditions, signal });
    }
  });
}

/** Deletes an address that services were given and that none has. What others made of their own is theirs. */
async function freeIfHeldByNobody(
  parts: RepairParts,
  found: StoredObject,
  address: ApiObject,
  signal: AbortSignal,
): Promise<void> {
  if (address.metadata.labels?.[MANAGED_BY] !== ALLOCATOR || holderOf(parts, address) !== undefined) return;
  const services = served(parts, '/v1/services');
  const { resource = '', namespace = '', name = '' } = (address as unknown as IPAddress).spec.parentRef ?? {};
  parts.log.warn(
    `IP address ${address.metadata.name} was held for ${resource}/${namespace}/${name}, which has not got it`,
  );
  const key = namespace === '' || name === '' ? undefined : services.key(namespace, name);
  const expected = key === undefined ? 0 : (services.cache.peek(key)?.revision ?? 0);
  const together: Companion[] = key === undefined ? [] : [{ key, expected, write: 'nothing' }];
  const preconditions = { resourceVersion: String(found.revision) };
  await ifUnchanged(async () => {
    await parts.storage.delete(found.key, { preconditions, origin: found, together, signal });
  });
}

/** The service that an address is held by, and that has it, or cannot be read. */
function holderOf(parts: RepairParts, address: ApiObject): StoredObject | undefined {
  const services = served(parts, '/v1/services');
  const { group = '', resource, namespace = '', name = '' } = (address as unknown as IPAddress).spec.parentRef ?? {};
  if (group !== '' || resource !== 'services' || namespace === '' || name === '') return undefined;
  const entry = services.cache.peek(services.key(namespace, name));
  if (entry === undefined) return undefined;
  const service = readService(services, entry);
  return service === undefined || ownIps(service).includes(address.metadata.name ?? '') ? entry : undefined;
}

function isRight(address: ApiObject, service: Service, ip: string): boolean {
  const wanted = addressOf(ip, service as unknown as ApiObject, {}).metadata.labels;
  const { labels } = address.metadata;
  return (
    isParent(address, service as unknown as ApiObject) &&
    [FAMILY, MANAGED_BY].every(label => labels?.[label] === wanted?.[label])
  );
}

/** All services, decoded for the moment: what the cache keeps decoded stays in memory. */
async function* services(
  parts: RepairParts,
  signal: AbortSignal,
  onUnreadable: () => void = () => {},
): AsyncGenerator<{ readonly entry: StoredObject; readonly service: Service }> {
  const all = served(parts, '/v1/services');
  const list = await all.cache.list({ signal });
  for await (const entry of inSlices(list.items, signal)) {
    const service = readService(all, entry);
    if (service === undefined) onUnreadable();
    else yield { entry, service };
  }
}

function readService(all: ServedResource, stored: StoredObject): Service | undefined {
  return readObject(all, stored) as unknown as Service | undefined;
}

/** Undefined for what cannot be decoded. */
function readObject(all: ServedResource, stored: StoredObject): ApiObject | undefined {
  try {
    return all.decode(stored);
  } catch (error) {
    if (storageFault(error) !== 'corrupt') throw error;
    return undefined;
  }
}

/** A few at a time, so that requests wait for nothing of this. */
async function* inSlices<T>(items: readonly T[], signal: AbortSignal): AsyncGenerator<T> {
  const slice = new TimeSlice(signal);
  for (const item of items) {
    if (slice.used) await slice.breathe();
    yield item;
  }
}

async function find(storage: Storage, key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
  try {
    return await storage.get(key, { signal });
  } catch (error) {
    if (storageFault(error) !== 'not-found') throw error;
    return undefined;
  }
}

/** What somebody changed meanwhile is looked at again next time. */
async function ifUnchanged(write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
}

function isConflict(error: unknown): boolean {
  return ['exists', 'precondition', 'companion', 'not-found'].includes(storageFault(error) ?? '');
}

function served({ resources }: RepairParts, id: string): ServedResource {
  const found = resources.get(id);
  if (found === undefined) throw new Error(`${id} is not served`);
  return found;
}
