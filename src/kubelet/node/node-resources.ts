import { quantityOf } from '../../api/quantity.ts';
import type { ResourceList } from '../../api/types/gen/core-v1.ts';
import type { NodeCapacity } from '../resources/node-capacity.ts';

export interface NodeResources {
  readonly capacity: NodeCapacity;
  /** What is left for pods of CPU and memory. */
  readonly allocatable: NodeCapacity;
  readonly storageBytes: number;
  /** Of the storage, kept back so that the node itself does not run out. */
  readonly storageReservedBytes: number;
  readonly maxPods: number;
}

/** `capacity` and `allocatable` of a Node. Huge pages are told as none: pods get none. Pure. */
export function resourceLists(resources: NodeResources): {
  readonly capacity: ResourceList;
  readonly allocatable: ResourceList;
} {
  const { capacity, allocatable, storageBytes, storageReservedBytes, maxPods } = resources;
  const list = (cpu: NodeCapacity, storage: string): ResourceList => ({
    cpu: cpuText(cpu.milliCpu),
    'ephemeral-storage': storage,
    'hugepages-1Gi': '0',
    'hugepages-2Mi': '0',
    memory: quantityOf(Math.floor(cpu.memoryBytes), 'BinarySI'),
    pods: String(maxPods),
  });
  return {
    capacity: list(capacity, quantityOf(storageBytes, 'BinarySI')),
    allocatable: list(allocatable, String(Math.max(0, storageBytes - storageReservedBytes))),
  };
}

function cpuText(milli: number): string {
  return milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`;
}
