import type { Service } from '../../api/types/gen/core-v1.ts';
import type { IPAddress } from '../../api/types/gen/networking-v1.ts';
import type { Logger } from '../../daemon/logger.ts';
import { repairNodePorts } from '../handlers/repair-node-ports.ts';
import type { ServedResource } from '../handlers/served-resource.ts';
import { ALLOCATOR, addressOf, FAMILY, isParent, MANAGED_BY } from '../handlers/service-allocator.ts';
import { inSlices, readObject, readService, storedServices } from '../handlers/stored-services.ts';
import { ownIps } from '../resources/core/service/allocate.ts';
import type { PortRange } from '../resources/core/service/node-port.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { isConflict } from '../storage/errors.ts';
import type { Companion, Storage, StoredObject } from '../storage/storage.ts';

export interface RepairParts {
  readonly resources: ReadonlyMap<string, ServedResource>;
  readonly storage: Storage;
  readonly nodePorts: PortRange;
  readonly now: () => string;
  readonly newUid: () => string;
  readonly log: Logger;
}

/**
 * Makes what is written down as taken agree with what services hold, where something else than this server wrote either: a person, a restored
 * backup, another range of node ports. Every repair is a transaction that compares what it was decided on, so servers may repair at the same
 * time, and beside requests. Idempotent. Throws what the storage throws.
 */
export async function repairAllocations(parts: RepairParts, signal: AbortSignal): Promise<void> {
  await repairNodePorts(served(parts, '/v1/services'), parts.nodePorts, parts.log, signal);
  await repairAddresses(parts, signal);
}

async function repairAddresses(parts: RepairParts, signal: AbortSignal): Promise<void> {
  const addresses = served(parts, 'networking.k8s.io/v1/ipaddresses');
  for await (const { entry, service } of storedServices(served(parts, '/v1/services'), signal))
    for (const ip of ownIps(service)) {
      const at = keyIfAny(addresses, '', ip);
      if (at === undefined) continue;
      const found = addresses.cache.peek(at);
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
  const key = keyIfAny(services, namespace, name);
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
  const key = group === '' && resource === 'services' ? keyIfAny(services, namespace, name) : undefined;
  const entry = key === undefined ? undefined : services.cache.peek(key);
  if (entry === undefined) return undefined;
  const service = readService(services, entry);
  return service === undefined || ownIps(service).includes(address.metadata.name ?? '') ? entry : undefined;
}

/** The key of an object; undefined for what is no name: somebody wrote it past the rules, and the repair of the others goes on. */
function keyIfAny(resource: ServedResource, namespace: string, name: string): string | undefined {
  if (name === '' || (namespace === '' && resource.namespaced)) return undefined;
  try {
    return resource.key(namespace, name);
  } catch {
    return undefined;
  }
}

function isRight(address: ApiObject, service: Service, ip: string): boolean {
  const wanted = addressOf(ip, service as unknown as ApiObject, {}).metadata.labels;
  const { labels } = address.metadata;
  return (
    isParent(address, service as unknown as ApiObject) &&
    [FAMILY, MANAGED_BY].every(label => labels?.[label] === wanted?.[label])
  );
}

/** What somebody changed meanwhile is looked at again next time. */
async function ifUnchanged(write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
}

function served({ resources }: RepairParts, id: string): ServedResource {
  const found = resources.get(id);
  if (found === undefined) throw new Error(`${id} is not served`);
  return found;
}
