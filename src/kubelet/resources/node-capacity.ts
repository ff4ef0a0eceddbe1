import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** What the node has to give. */
export interface NodeCapacity {
  readonly milliCpu: number;
  readonly memoryBytes: number;
}

/** CPUs that this process may use, and the memory of the machine (/proc/meminfo). */
export function readNodeCapacity(): NodeCapacity {
  const kib = /^MemTotal:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
  return { milliCpu: availableParallelism() * 1000, memoryBytes: Number(kib ?? 0) * 1024 };
}
