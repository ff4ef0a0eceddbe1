import { describe, expect, it } from 'vitest';
import { runtimeConfig } from '../../../../src/cri/runtime-service/runtime-config.ts';
import { cgroupsPath, systemdScopePath } from '../../../../src/cri/spec/cgroup-path.ts';
import type { CriResources } from '../../../../src/cri/spec/inputs.ts';
import { decideResources } from '../../../../src/cri/spec/resources.ts';
import { CgroupDriver } from '../../../../src/rpc/cri-api.ts';
import { NO_RESOURCES } from './build-inputs.ts';

const PARENTS = [
  '',
  '/kubepods/burstable/pod1-2',
  'kubepods-burstable-pod1_2.slice',
  '/a.slice/a-b.slice',
  'system.slice',
];
const MIB = 1n << 20n;
const ON_V2_ALONE: readonly [string, Partial<CriResources>][] = [
  ['raw values', { unified: { 'memory.high': '50000000', 'memory.oom.group': '1', 'cpu.idle': '1' } }],
  [
    'raw values beside limits',
    { memoryLimitInBytes: 64n * MIB, unified: { 'memory.min': '1048576', 'pids.max': 'max' } },
  ],
  [
    'swap of its own beside a limit of memory',
    { memoryLimitInBytes: 64n * MIB, unified: { 'memory.swap.max': '1048576' } },
  ],
];
const EVERYWHERE: readonly [string, Partial<CriResources>][] = [
  ['nothing', {}],
  ['the smallest share', { cpuShares: 2n }],
  ['the default share', { cpuShares: 1024n }],
  ['a quota', { cpuShares: 512n, cpuQuota: 50_000n, cpuPeriod: 100_000n }],
  ['no quota, said aloud', { cpuQuota: -1n }],
  ['a set of CPUs', { cpusetCpus: '0-1,3', cpusetMems: '0' }],
  ['memory, and with it no swap', { memoryLimitInBytes: 64n * MIB }],
  ['memory and some swap', { memoryLimitInBytes: 64n * MIB, memorySwapLimitInBytes: 96n * MIB }],
  ['memory and all the swap there is', { memoryLimitInBytes: 64n * MIB, memorySwapLimitInBytes: -1n }],
  ['processes', { unified: { 'pids.max': '100' } }],
  ['huge pages', { hugepageLimits: [{ pageSize: '2MB', limit: 4n * MIB }] }],
];

const decided = (version: 1 | 2, swapAccounting: boolean, rows: typeof EVERYWHERE): object =>
  Object.fromEntries(
    rows.map(([name, resources]) => [
      name,
      decideResources({ ...NO_RESOURCES, ...resources }, { cgroupVersion: version, swapAccounting, hugetlb: true }, []),
    ]),
  );

describe('the groups of containers', () => {
  it('are what the golden file says, by both drivers', async () => {
    const paths = PARENTS.map(parent => {
      const path = cgroupsPath(parent, 'x');
      return [parent, path.startsWith('/') ? { path } : { path, scope: systemdScopePath(path) }];
    });
    await expect(`${JSON.stringify(Object.fromEntries(paths), null, 2)}\n`).toMatchFileSnapshot(
      './golden/cgroup-paths.json',
    );
  });

  it('have the limits that the golden file says, on v1 and v2, with and without accounting of swap', async () => {
    const limits = {
      v1: decided(1, true, EVERYWHERE),
      v2: decided(2, true, [...EVERYWHERE, ...ON_V2_ALONE]),
      'v1 without accounting of swap': decided(1, false, EVERYWHERE),
    };
    await expect(`${JSON.stringify(limits, null, 2)}\n`).toMatchFileSnapshot('./golden/cgroup-limits.json');
  });

  it.each(ON_V2_ALONE)('have no %s on v1', (_name, resources) => {
    expect(() => decided(1, true, [['', resources]])).toThrow('need cgroup v2; this machine has v1');
  });

  it.each([
    ['cgroupfs', CgroupDriver.CGROUPFS],
    ['systemd', CgroupDriver.SYSTEMD],
  ] as const)('are made by %s, which kubelets are told', (cgroupDriver, told) => {
    expect(runtimeConfig({ cgroupDriver })).toEqual({ linux: { cgroupDriver: told } });
  });
});
