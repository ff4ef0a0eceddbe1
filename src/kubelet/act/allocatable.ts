import type { Allocatable } from '../env/resource-ref.ts';
import { amountOf } from '../node/eviction-thresholds.ts';
import { fileSystemBytes } from '../node/machine-facts.ts';
import type { KubeletSettings } from '../settings.ts';

/** What the node can give to pods, as its Node says. */
export function allocatableOf(settings: KubeletSettings): Allocatable {
  const bytes = fileSystemBytes(settings.rootDir);
  return { ...settings.allocatable, storageBytes: Math.max(0, bytes - amountOf(settings.storageReserve, bytes)) };
}
