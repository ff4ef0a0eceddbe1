import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { randomHex } from '../../src/base/hash.ts';
import {
  cgroupChildren,
  cgroupExists,
  cgroupPids,
  createCgroup,
  detectCgroups,
  killCgroup,
  removeCgroup,
  updateCgroup,
} from '../../src/linux/cgroup.ts';
import { cgroupWrites } from '../../src/linux/cgroup-resources.ts';

let root = '';
const processes: ChildProcess[] = [];

beforeEach(() => {
  root = `/gantry-test-${randomHex(4)}`;
});
afterEach(async () => {
  for (const child of processes.splice(0)) child.kill('SIGKILL');
  await removeCgroup(root);
});

/** A process in the group, in every hierarchy. */
function member(path: string): ChildProcess {
  const child = spawn('sleep', ['300'], { stdio: 'ignore' });
  processes.push(child);
  for (const { mountPoint } of detectCgroups().hierarchies)
    writeFileSync(`${mountPoint}${path}/cgroup.procs`, String(child.pid));
  return child;
}

function read(path: string, controller: string, file: string): string {
  const hierarchy = detectCgroups().hierarchies.find(h => h.controllers.includes(controller));
  return readFileSync(`${hierarchy?.mountPoint}${path}/${file}`, 'utf8').trim();
}

describe('cgroups on this kernel', () => {
  const limits = { cpuShares: 512, cpuQuotaUs: 50_000, cpuPeriodUs: 100_000, memoryLimitBytes: 64 << 20, pidsMax: 50 };

  it('makes a group with its parents, and the kernel reads every limit back as it was written', () => {
    createCgroup(`${root}/burstable/pod1`, limits);
    for (const { controller, file, value } of cgroupWrites(detectCgroups().version, limits))
      expect(`${file}=${read(`${root}/burstable/pod1`, controller, file)}`).toBe(`${file}=${value}`);
    expect(cgroupChildren(root)).toEqual(['burstable']);
  });

  it('takes members at once, for cpuset comes from the parent; making it again keeps them', () => {
    createCgroup(`${root}/a`);
    const { pid } = member(`${root}/a`);
    createCgroup(`${root}/a`, { cpuShares: 100 });
    expect(cgroupPids(root)).toEqual([pid]);
  });

  it('updates limits and lifts them', () => {
    createCgroup(`${root}/a`, limits);
    updateCgroup(`${root}/a`, { cpuQuotaUs: -1, pidsMax: -1 });
    expect(read(`${root}/a`, 'pids', 'pids.max')).toBe('max');
  });

  it('takes one that cannot be there, because a part of its path is a file, for gone', async () => {
    createCgroup(root);
    const path = `${root}/cgroup.procs/pod1`;
    expect([cgroupPids(path), killCgroup(path)]).toEqual([[], 0]);
    await removeCgroup(path);
    expect(cgroupExists(root)).toBe(true);
  });

  it('kills every member below and removes the tree, twice', async () => {
    createCgroup(`${root}/a/b`);
    createCgroup(`${root}/c`);
    const children = [member(`${root}/a/b`), member(`${root}/c`)];
    const exits = children.map(c => once(c, 'exit'));
    expect(killCgroup(root)).toBe(2);
    await removeCgroup(root);
    await removeCgroup(root);
    await Promise.all(exits);
    expect(cgroupExists(root)).toBe(false);
  });

  it('says which process keeps a group busy', async () => {
    createCgroup(`${root}/a`);
    const child = member(`${root}/a`);
    await expect(removeCgroup(root)).rejects.toThrow(`processes ${child.pid}`);
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  });

  it.each(['relative', '/a/../b', '/'])('does not take the path %s', async path => {
    await expect(removeCgroup(path)).rejects.toThrow(/cgroup/);
  });
});
