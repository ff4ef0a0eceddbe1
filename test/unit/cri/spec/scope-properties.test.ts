import { describe, expect, it } from 'vitest';
import { scopeProperties } from '../../../../src/cri/spec/scope-properties.ts';

const INFINITY = 2n ** 64n - 1n;
const MIB = 2 ** 20;
const told = (resources: Parameters<typeof scopeProperties>[0]) =>
  Object.fromEntries(scopeProperties(resources).map(({ name, value }) => [name, value]));

describe('what systemd is told of the limits of a container', () => {
  it.each([
    ['nothing where there are none', {}, {}],
    [
      'memory, with the swap beside it',
      { memory: { limit: 64 * MIB, swap: 80 * MIB } },
      { MemoryMax: 67_108_864n, MemorySwapMax: 16_777_216n },
    ],
    [
      'memory without swap',
      { memory: { limit: 64 * MIB, swap: 64 * MIB } },
      { MemoryMax: 67_108_864n, MemorySwapMax: 0n },
    ],
    [
      'no limit of memory any more',
      { memory: { limit: -1, swap: -1 } },
      { MemoryMax: INFINITY, MemorySwapMax: INFINITY },
    ],
    [
      'weight, quota and period',
      { cpu: { shares: 102, quota: 20_000, period: 100_000 } },
      { CPUWeight: 4n, CPUQuotaPeriodUSec: 100_000n, CPUQuotaPerSecUSec: 200_000n },
    ],
    [
      'no quota any more',
      { cpu: { quota: -1, period: 100_000 } },
      { CPUQuotaPeriodUSec: 100_000n, CPUQuotaPerSecUSec: INFINITY },
    ],
    ['no swap, as a kubelet says it', { unified: { 'memory.swap.max': '0' } }, { MemorySwapMax: 0n }],
    ['any swap, as a kubelet says it', { unified: { 'memory.swap.max': 'max' } }, { MemorySwapMax: INFINITY }],
    ['processes', { pids: { limit: 100 } }, { TasksMax: 100n }],
    ['CPUs as bits', { cpu: { cpus: '0-2,9', mems: '1' } }, { AllowedCPUs: [0b111, 0b10], AllowedMemoryNodes: [0b10] }],
  ])('is %s', (_what, resources, properties) => {
    expect(told(resources)).toEqual(properties);
  });
});
