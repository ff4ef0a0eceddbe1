import { describe, expect, it } from 'vitest';
import { mergeResources } from '../../../../src/cri/spec/merge-resources.ts';
import { NO_RESOURCES } from './build-inputs.ts';

describe('resources after an update', () => {
  const before = {
    ...NO_RESOURCES,
    cpuShares: 102n,
    memoryLimitInBytes: 64n,
    cpusetCpus: '0',
    oomScoreAdj: 900n,
    unified: { 'memory.high': '1', 'memory.low': '2' },
    hugepageLimits: [
      { pageSize: '2MB', limit: 1n },
      { pageSize: '1GB', limit: 2n },
    ],
  };

  it('are those of before where the update says nothing', () => {
    expect(mergeResources(before, NO_RESOURCES)).toEqual(before);
  });

  it('are the update where there were none', () => {
    expect(mergeResources(undefined, before)).toEqual(before);
  });

  it('take what the update names, also an unlimited quota, and merge maps by their names', () => {
    const update = {
      ...NO_RESOURCES,
      cpuQuota: -1n,
      memoryLimitInBytes: 128n,
      cpusetCpus: '0-1',
      unified: { 'memory.low': '3' },
      hugepageLimits: [{ pageSize: '1GB', limit: 4n }],
    };
    expect(mergeResources(before, update)).toEqual({
      ...before,
      cpuQuota: -1n,
      memoryLimitInBytes: 128n,
      cpusetCpus: '0-1',
      unified: { 'memory.high': '1', 'memory.low': '3' },
      hugepageLimits: [
        { pageSize: '2MB', limit: 1n },
        { pageSize: '1GB', limit: 4n },
      ],
    });
  });
});
