import { quantityMilliValue, quantityValue } from '../api/quantity.ts';
import type { ResourceList } from '../api/types/gen/core-v1.ts';

/** Resources as numbers, for sums and comparisons that are made for every pod and node. */
export interface ResourceVector {
  readonly milliCpu: number;
  /** Bytes. */
  readonly memory: number;
  /** Bytes. */
  readonly ephemeralStorage: number;
  /** Extended resources, huge pages and attachable volumes. */
  readonly scalars: ReadonlyMap<string, number>;
}

/** The vector of a list. What a node does not count by (`storage`, say) is left out. Throws `invalid-argument` for a text that is no quantity. */
export function resourceVector(list: ResourceList | undefined): ResourceVector {
  const scalars = new Map<string, number>();
  for (const [name, quantity] of Object.entries(list ?? {}))
    if (isScalarResource(name)) scalars.set(name, quantityValue(quantity));
  return {
    milliCpu: quantityMilliValue(list?.['cpu'] ?? '0'),
    memory: quantityValue(list?.['memory'] ?? '0'),
    ephemeralStorage: quantityValue(list?.['ephemeral-storage'] ?? '0'),
    scalars,
  };
}

/** Sums that go up and down as pods come and go. */
export class ResourceSum implements ResourceVector {
  milliCpu = 0;
  memory = 0;
  ephemeralStorage = 0;
  readonly scalars = new Map<string, number>();

  /** `sign` is 1 for one more, -1 for one less. */
  add(vector: ResourceVector, sign: 1 | -1): void {
    this.milliCpu += sign * vector.milliCpu;
    this.memory += sign * vector.memory;
    this.ephemeralStorage += sign * vector.ephemeralStorage;
    for (const [name, amount] of vector.scalars) {
      const sum = (this.scalars.get(name) ?? 0) + sign * amount;
      if (sum === 0) this.scalars.delete(name);
      else this.scalars.set(name, sum);
    }
  }

  copy(): ResourceSum {
    const copy = new ResourceSum();
    copy.add(this, 1);
    return copy;
  }
}

function isScalarResource(name: string): boolean {
  if (name.startsWith('requests.')) return false;
  return name.includes('/') || name.startsWith('hugepages-') || name.startsWith('attachable-volumes-');
}
