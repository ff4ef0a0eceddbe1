import { describe, expect, it } from 'vitest';
import { parseStatus } from '../../../../src/cri/oci/delete-ended.ts';

const STATUS = {
  pid: 4711,
  'process-start-time': 99,
  'cgroup-path': '/kubepods/pod1/abc',
  'systemd-cgroup': false,
  rootfs: '/run/rootfs',
};

describe("crun's status of a container", () => {
  it('tells the process and the groups', () => {
    expect(parseStatus(JSON.stringify(STATUS))).toEqual({ pid: 4711, startTime: 99, cgroupPath: '/kubepods/pod1/abc' });
  });

  it.each([
    ['no start time of the process', { 'process-start-time': undefined }],
    ['a start time that was not known', { 'process-start-time': 0 }],
    ['no process', { pid: 0 }],
    ['groups that systemd has made', { 'systemd-cgroup': true }],
    ['nothing about systemd', { 'systemd-cgroup': undefined }],
    ['no groups', { 'cgroup-path': '' }],
    ['the root of all groups', { 'cgroup-path': '/' }],
    ['groups that are not absolute', { 'cgroup-path': 'abc' }],
  ])('with %s is left to crun', (_what, change) => {
    expect(parseStatus(JSON.stringify({ ...STATUS, ...change }))).toBeUndefined();
  });
});
