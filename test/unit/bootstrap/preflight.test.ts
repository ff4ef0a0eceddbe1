import { describe, expect, it } from 'vitest';
import {
  type PreflightFacts,
  preflightFindings,
  preflightMessage,
  sortFindings,
} from '../../../src/bootstrap/preflight/plan.ts';

const WELL: PreflightFacts = {
  uid: 0,
  cpus: 2,
  memoryBytes: 4e9,
  missingPrograms: [],
  usedPorts: [],
  ipForward: '1',
  nonEmptyDirectories: [],
  existingFiles: [],
  swap: undefined,
  missingControllers: [],
  freeBytes: 10e9,
  hasSupervisor: true,
};

describe('preflight', () => {
  it('finds nothing against a machine that is well', () => {
    expect(preflightFindings(WELL, 'control-plane')).toEqual([]);
  });

  it.each<[string, Partial<PreflightFacts>, string, string]>([
    ['another user than root', { uid: 1000 }, 'IsPrivilegedUser', 'user is not running as root'],
    ['one CPU', { cpus: 1 }, 'NumCPU', 'the number of available CPUs 1 is less than the required 2'],
    ['little memory', { memoryBytes: 1e9 }, 'Mem', 'the system RAM (1000 MB) is less than the minimum 1700 MB'],
    ['a port in use', { usedPorts: [6443] }, 'Port-6443', 'Port 6443 is in use'],
    [
      'a file of an earlier cluster',
      { existingFiles: ['/etc/kubernetes/kubelet.conf'] },
      'FileAvailable--etc-kubernetes-kubelet.conf',
      '/etc/kubernetes/kubelet.conf already exists',
    ],
    [
      'data of an earlier etcd',
      { nonEmptyDirectories: ['/var/lib/etcd'] },
      'DirAvailable--var-lib-etcd',
      '/var/lib/etcd is not empty',
    ],
    [
      'no forwarding',
      { ipForward: '0' },
      'FileContent--proc-sys-net-ipv4-ip_forward',
      '/proc/sys/net/ipv4/ip_forward contents are not set to 1',
    ],
    ['a missing program', { missingPrograms: ['conmon'] }, 'FileExisting-conmon', 'conmon not found in system path'],
    ['missing cgroups', { missingControllers: ['pids'] }, 'SystemVerification', 'missing cgroups: pids'],
    ['a full disk', { freeBytes: 1e6 }, 'DiskSpace', 'only 1 MB are free below /var/lib; 536 MB are needed'],
  ])('tells of %s', (_, facts, check, message) => {
    expect(preflightFindings({ ...WELL, ...facts }, 'control-plane')).toEqual([{ check, message, severity: 'error' }]);
  });

  it('asks less of a node without a control plane', () => {
    expect(preflightFindings({ ...WELL, cpus: 1, memoryBytes: 5e8 }, 'node')).toEqual([]);
  });

  it('lets a named check, or all of them, be no error, whatever the case of the name', () => {
    const findings = preflightFindings({ ...WELL, cpus: 1, ipForward: '0' }, 'control-plane');
    expect(sortFindings(findings, ['numcpu']).errors.map(({ check }) => check)).toEqual([
      'FileContent--proc-sys-net-ipv4-ip_forward',
    ]);
    expect(sortFindings(findings, ['all'])).toEqual({ errors: [], warnings: findings });
  });

  it("says all that is wrong, in kubeadm's form", () => {
    const findings = preflightFindings({ ...WELL, usedPorts: [2379, 6443] }, 'control-plane');
    expect(preflightMessage(findings)).toBe(
      [
        '[preflight] Some fatal errors occurred:',
        '\t[ERROR Port-2379]: Port 2379 is in use',
        '\t[ERROR Port-6443]: Port 6443 is in use',
        '[preflight] If you know what you are doing, you can make a check non-fatal with `--ignore-preflight-errors=...`',
      ].join('\n'),
    );
  });
});
