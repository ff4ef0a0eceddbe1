import type { Logger } from '../../daemon/logger.ts';
import { ownPorts } from '../resources/core/service/allocate.ts';
import type { PortRange } from '../resources/core/service/node-port.ts';
import {
  decodeNodePorts,
  encodeNodePorts,
  NODE_PORTS_KEY,
  rangeText,
} from '../resources/core/service/node-port-map.ts';
import { isConflict, storageFault } from '../storage/errors.ts';
import type { Storage, StoredObject } from '../storage/storage.ts';
import type { ServedResource } from './served-resource.ts';
import { storedServices } from './stored-services.ts';

const TRIES = 5;

/**
 * Makes the node ports that are written down as taken agree with what services hold; makes the value where it is missing. What it writes it compares
 * with what it was decided on, so servers may do this at the same time, and beside requests. Idempotent. Throws what the storage throws.
 */
export async function repairNodePorts(
  services: ServedResource,
  range: PortRange,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { storage } = services;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const stored = await find(storage, signal);
    const before = stored === undefined ? undefined : decodeNodePorts(stored.value);
    const held = new Map<number, string>();
    // what a service has that cannot be read stays taken
    const keep = (): void => {
      for (const port of before?.ports ?? []) if (!held.has(port)) held.set(port, 'a service that cannot be read');
    };
    // read after the value: where that still stands at the end, no service has changed its ports since
    for await (const { entry, service } of storedServices(services, signal, keep))
      for (const port of ownPorts(service)) {
        const other = held.get(port);
        if (other?.startsWith('/'))
          log.error(`node port ${port} is held by ${other} and by ${entry.key}; please recreate one of these services`);
        held.set(port, entry.key);
      }
    const value = encodeNodePorts(range, held.keys());
    const isSame = before?.range === rangeText(range) && encodeNodePorts(range, before.ports).equals(value);
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

async function find(storage: Storage, signal: AbortSignal): Promise<StoredObject | undefined> {
  try {
    return await storage.get(NODE_PORTS_KEY, { signal });
  } catch (error) {
    if (storageFault(error) !== 'not-found') throw error;
    return undefined;
  }
}
