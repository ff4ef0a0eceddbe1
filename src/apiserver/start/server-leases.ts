import { storageFault } from '../storage/errors.ts';
import type { Storage, StoredObject } from '../storage/storage.ts';

/** Upstream's, so that its servers and ours know of each other. */
const PREFIX = '/registry/masterleases/';

/** How long a server that says nothing more counts as there: upstream's. */
export const SERVER_LEASE_SECONDS = 15;

/** Which servers there are: each keeps a key with its address, which vanishes by itself when the server does. */
export class ServerLeases {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** This server is there for the next 15 s. */
  async renew(ip: string, signal: AbortSignal): Promise<void> {
    const change = (current: StoredObject | undefined) => ({
      // an equal value would not be written, and its time not be lengthened
      value: encode(ip, generationOf(current) + 1),
      ttlSeconds: SERVER_LEASE_SECONDS,
    });
    await this.#storage.update(PREFIX + ip, change, { createIfMissing: true, signal });
  }

  /** This server is no more. False where that was so already. */
  async remove(ip: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#storage.delete(PREFIX + ip, { signal });
      return true;
    } catch (error) {
      if (storageFault(error) !== 'not-found') throw error;
      return false;
    }
  }

  /** The addresses of all servers, in order. */
  async list(signal: AbortSignal): Promise<readonly string[]> {
    const { items } = await this.#storage.list(PREFIX, { signal });
    return items.map(item => item.key.slice(PREFIX.length)).toSorted();
  }
}

/** As upstream has it, an Endpoints object. */
function encode(ip: string, generation: number): Buffer {
  const subsets = [{ addresses: [{ ip }] }];
  return Buffer.from(JSON.stringify({ kind: 'Endpoints', apiVersion: 'v1', metadata: { generation }, subsets }));
}

function generationOf(stored: StoredObject | undefined): number {
  if (stored === undefined) return 0;
  try {
    const { metadata } = JSON.parse(stored.value.toString()) as {
      readonly metadata?: { readonly generation?: number };
    };
    return metadata?.generation ?? 0;
  } catch {
    return 0;
  }
}
