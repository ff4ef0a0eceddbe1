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

const UNITS = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

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
    memory: bytesText(cpu.memoryBytes),
    pods: String(maxPods),
  });
  return {
    capacity: list(capacity, bytesText(storageBytes)),
    allocatable: list(allocatable, String(Math.max(0, storageBytes - storageReservedBytes))),
  };
}

function cpuText(milli: number): string {
  return milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`;
}

/** With the largest unit that says it exactly, as quantities are written. */
export function bytesText(bytes: number): string {
  let value = Math.floor(bytes);
  let unit = '';
  for (const next of UNITS) {
    if (value === 0 || value % 1024 !== 0) break;
    value /= 1024;
    unit = next;
  }
  return `${value}${unit}`;
}
