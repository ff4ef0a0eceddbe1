import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { type DirectoryUsage, DirectoryUsages, directoryUsage } from '../../linux/directory-usage.ts';

/** What is on its way in or out is not counted more often, and then in the background for at most a twentieth of the time. */
const FRESH_MS = 10_000;

/** How long a caller waits for the first count of what is on its way. */
const FIRST_MS = 200;

/**
 * What the directory of the store takes, as du counts it. Layers were counted when they were unpacked and do not change; records are looked at each time. What is
 * on its way in or out (`ingest`) may be told as it was ten seconds ago, or a twentieth of the time that counting it takes; when nothing is on its way, all is exact.
 */
export class StoreUsage {
  readonly #root: string;
  readonly #moving: DirectoryUsages;

  constructor(root: string, clock: Clock) {
    this.#root = root;
    this.#moving = new DirectoryUsages({ clock, freshMs: FRESH_MS });
  }

  async read(layers: DirectoryUsage): Promise<DirectoryUsage> {
    const at = (name: string): string => join(this.#root, name);
    const parts = await Promise.all([
      ownUsage(this.#root),
      ownUsage(at('layers')),
      directoryUsage(at('layer-records')),
      directoryUsage(at('image-records')),
      this.#ingest(at('ingest')),
    ]);
    return parts.reduce<DirectoryUsage>(
      (sum, part) => ({ bytes: sum.bytes + (part?.bytes ?? 0), inodes: sum.inodes + (part?.inodes ?? 0) }),
      layers,
    );
  }

  async #ingest(path: string): Promise<DirectoryUsage | undefined> {
    if ((await readdir(path)).length === 0) {
      this.#moving.keep(new Set());
      return ownUsage(path);
    }
    await this.#moving.counted([path], FIRST_MS);
    return this.#moving.latest(path);
  }
}

/** The directory alone. */
async function ownUsage(path: string): Promise<DirectoryUsage> {
  const { blocks } = await lstat(path);
  return { bytes: blocks * 512, inodes: 1 };
}
