import { describe, expect, it } from 'vitest';
import { likelyCause } from '../../../src/bootstrap/likely-cause.ts';
import { serviceState } from '../../../src/bootstrap/service-state.ts';
import type { Services } from '../../../src/bootstrap/services.ts';

describe('the likely cause', () => {
  it.each([
    ['listen tcp 10.0.0.5:2379: bind: address already in use', 'somebody else has its port'],
    ['write /var/lib/etcd/member/wal/0.tmp: no space left on device', 'its disk is full'],
    ['swap is on (/dev/vda2): switch it off, or set failSwapOn: false', 'swapoff -a'],
    [
      'tls: failed to verify certificate: x509: certificate has expired or is not yet valid',
      'the clock of this machine',
    ],
    ['x509: certificate signed by unknown authority', 'certificates of another cluster'],
    ['request sent was ignored (cluster ID mismatch: remote[1]=2)', 'another or a broken etcd'],
    ['member 8211f1d0f64f3269 has already been bootstrapped', 'another or a broken etcd'],
    ['mkdir /sys/fs/cgroup/kubepods: operation not permitted', 'the cgroups of this machine'],
    ['the kernel lacks the cgroup controllers memory', 'the cgroups of this machine'],
    ['failed to create container: cgroup /kubepods/a: no such file or directory', 'the cgroups of this machine'],
    [
      'the node uses cgroup v1, which Kubernetes is about to leave behind\nconnect ECONNREFUSED 10.0.0.5:6443',
      'what it needs itself does not answer',
    ],
    ['connect ECONNREFUSED 127.0.0.1:2379', 'what it needs itself does not answer'],
    ['spawn conmon ENOENT: no such file or directory', 'a file or a program is missing'],
  ])('of %j is told', (log, cause) => {
    expect(likelyCause(log)).toContain(cause);
  });

  it.each([
    '',
    '(empty)',
    'ready to serve client requests',
    'the node uses cgroup v1, which Kubernetes is about to leave behind',
    'cgroup driver: cgroupfs',
  ])('is not guessed from %j', log => {
    expect(likelyCause(log)).toBeUndefined();
  });
});

describe('the state of a daemon', () => {
  const services = (log: string, isRunning: () => Promise<boolean>): Services =>
    ({ lastLog: async () => log, isRunning }) as unknown as Services;

  it('is whether it runs, the end of its log, and the cause', async () => {
    expect(
      await serviceState(
        services('bind: address already in use', async () => false),
        'gantry-etcd',
      ),
    ).toBe(
      'gantry-etcd does not run; the end of its log: bind: address already in use; likely cause: somebody else has its port: "ss -ltnp" shows who',
    );
    expect(
      await serviceState(
        services('ready', async () => true),
        'gantry-etcd',
      ),
    ).toBe('gantry-etcd runs; the end of its log: ready');
  });

  it('is told even where it cannot be asked for', async () => {
    const state = await serviceState(
      services('(empty)', () => Promise.reject(new Error('no bus'))),
      'gantry-etcd',
    );
    expect(state).toBe('gantry-etcd does not run; the end of its log: (empty)');
  });
});
