import type { Service } from '../../api/types/gen/core-v1.ts';
import { TimeSlice } from '../../base/time-slice.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { storageFault } from '../storage/errors.ts';
import type { StoredObject } from '../storage/storage.ts';
import type { ServedResource } from './served-resource.ts';

/** All services as they are now, decoded for the moment: what the cache keeps decoded stays in memory. `onUnreadable`: for each that cannot be. */
export async function* storedServices(
  all: ServedResource,
  signal: AbortSignal,
  onUnreadable: () => void = () => {},
): AsyncGenerator<{ readonly entry: StoredObject; readonly service: Service }> {
  const list = await all.cache.list({ signal });
  for await (const entry of inSlices(list.items, signal)) {
    const service = readService(all, entry);
    if (service === undefined) onUnreadable();
    else yield { entry, service };
  }
}

/** Undefined for one that cannot be decoded. */
export function readService(all: ServedResource, stored: StoredObject): Service | undefined {
  return readObject(all, stored) as unknown as Service | undefined;
}

/** Undefined for what cannot be decoded. */
export function readObject(all: ServedResource, stored: StoredObject): ApiObject | undefined {
  try {
    return all.decode(stored);
  } catch (error) {
    if (storageFault(error) !== 'corrupt') throw error;
    return undefined;
  }
}

/** A few at a time, so that requests wait for nothing of this. */
export async function* inSlices<T>(items: readonly T[], signal: AbortSignal): AsyncGenerator<T> {
  const slice = new TimeSlice(signal);
  for (const item of items) {
    if (slice.used) await slice.breathe();
    yield item;
  }
}
