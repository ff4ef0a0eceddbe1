import { describe, expect, it } from 'vitest';
import { scopeFiles } from '../../../../src/cri/spec/scope-files.ts';

describe('what systemd cannot be told of the limits of a container', () => {
  it.each([
    ['nothing where there are none', {}, {}],
    [
      'a quota, for systemd keeps whole percents',
      { cpu: { quota: 33_300, period: 50_000 } },
      { 'cpu.max': '33300 50000' },
    ],
    ['a quota with the period that is the kernel’s own', { cpu: { quota: 500 } }, { 'cpu.max': '500 100000' }],
    ['no quota that is none', { cpu: { quota: -1, period: 100_000, shares: 2 } }, {}],
    [
      'what is said by files',
      { unified: { 'memory.oom.group': '1', 'memory.high': '4096' } },
      { 'memory.oom.group': '1', 'memory.high': '4096' },
    ],
    [
      'the quota that is said by its file',
      { cpu: { quota: 500 }, unified: { 'cpu.max': '700 1000' } },
      { 'cpu.max': '700 1000' },
    ],
    ['no file that systemd leaves alone', { unified: { 'hugetlb.2MB.max': '0', 'memory.reclaim': '1' } }, {}],
  ] as const)('%s', (_sentence, resources, files) => {
    expect(scopeFiles(resources)).toEqual(files);
  });
});
