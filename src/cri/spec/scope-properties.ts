import { sliceProperties, type UnitProperty } from '../../linux/systemd-slice.ts';
import type { OciResources } from './oci-spec.ts';

/** What MemoryMax and its like take for no limit. */
const INFINITY = 2n ** 64n - 1n;

/**
 * The limits of a container as properties of its scope on cgroup v2. systemd writes what it knows of a unit into its group whenever it reads its configuration anew (each installation
 * of a package that has a unit does that); what only the runtime wrote there is lost. crun before 1.9 tells systemd of the weight alone. Pure.
 */
export function scopeProperties({ cpu = {}, memory = {}, pids, unified = {} }: OciResources): readonly UnitProperty[] {
  const properties: UnitProperty[] = [
    ...sliceProperties(2, {
      ...(memory.limit === undefined ? {} : { memoryLimitBytes: memory.limit }),
      ...(cpu.shares === undefined || cpu.shares === 0 ? {} : { cpuShares: cpu.shares }),
      ...(cpu.quota === undefined ? {} : { cpuQuotaUs: cpu.quota }),
      ...(cpu.period === undefined || cpu.period === 0 ? {} : { cpuPeriodUs: cpu.period }),
      ...(pids === undefined ? {} : { pidsMax: pids.limit }),
    }),
  ];
  const { limit, swap } = memory;
  // the specification counts memory and swap together, the kernel's group swap alone
  if (swap !== undefined && limit !== undefined)
    properties.push({
      name: 'MemorySwapMax',
      type: 't',
      value: swap < 0 || limit < 0 ? INFINITY : BigInt(swap - limit),
    });
  // a kubelet says it by the file of the group
  const swapMax = unified['memory.swap.max'];
  if (swapMax !== undefined && /^(max|\d+)$/.test(swapMax))
    properties.push({ name: 'MemorySwapMax', type: 't', value: swapMax === 'max' ? INFINITY : BigInt(swapMax) });
  if (cpu.cpus) properties.push({ name: 'AllowedCPUs', type: 'ay', value: bitmap(cpu.cpus) });
  if (cpu.mems) properties.push({ name: 'AllowedMemoryNodes', type: 'ay', value: bitmap(cpu.mems) });
  return properties;
}

/** `0-2,9` as bytes, the lowest number in the lowest bit of the first. */
function bitmap(list: string): readonly number[] {
  const bytes: number[] = [];
  for (const part of list.split(',')) {
    const [first = 0, last = first] = part.split('-').map(Number);
    for (let n = first; n <= last; n += 1) {
      const at = n >> 3;
      while (bytes.length <= at) bytes.push(0);
      bytes[at] = (bytes[at] ?? 0) | (1 << (n & 7));
    }
  }
  return bytes;
}
