import type { DaemonFacts, StatusFacts } from '../../../../src/diagnosis/status/facts.ts';

export const NOW = Date.parse('2026-06-01T12:00:00Z');
export const DAY = 86_400_000;

export function daemon(name: string, change: Partial<DaemonFacts['status']> = {}): DaemonFacts {
  const status = {
    answered: true,
    state: 'running',
    since: NOW - DAY,
    pid: 100,
    restarts: 0,
    statusText: 'serving',
    ...change,
  } as DaemonFacts['status'];
  return { name, status, memoryBytes: 50 << 20, lastLog: undefined };
}

export function certificate(name: string, leftDays: number, change: Partial<StatusFacts['certificates'][number]> = {}) {
  const end = { notBefore: NOW + (leftDays - 365) * DAY, notAfter: NOW + leftDays * DAY };
  return { name, state: 'present', ...end, renewedBy: 'control-plane', isAuthority: false, ...change } as const;
}

/** A control plane on which all is well. */
export function wellFacts(change: Partial<StatusFacts> = {}): StatusFacts {
  return {
    now: NOW,
    nodeName: 'one',
    role: 'control-plane',
    keeper: 'systemd',
    silentPlaces: [],
    daemons: ['gantry-etcd', 'gantry-control-plane', 'gantry-cri', 'gantry-node'].map(name => daemon(name)),
    kubelet: { answered: true, healthy: true, failed: [] },
    node: {
      answered: true,
      conditions: [
        {
          type: 'MemoryPressure',
          status: 'False',
          reason: 'KubeletHasSufficientMemory',
          message: '',
          since: undefined,
        },
        { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'ready', since: undefined },
      ],
      unschedulable: false,
      taints: [],
      kubeletVersion: 'v1.36.0+gantry.1',
    },
    runtime: {
      answered: true,
      endpoint: 'unix:///run/gantry/cri.sock',
      name: 'gantry',
      version: 'v1.36.0+gantry.1',
      conditions: [
        { type: 'RuntimeReady', status: true, reason: '', message: '' },
        { type: 'NetworkReady', status: true, reason: '', message: '' },
      ],
      ociRuntime: 'crun 1.8.1',
    },
    proxy: { answered: true, mode: 'nftables', healthy: true, failed: [] },
    apiServer: {
      answered: true,
      server: 'https://192.0.2.1:6443',
      healthy: true,
      failed: [],
      version: 'v1.36.0+gantry.1',
    },
    etcd: {
      answered: true,
      members: [
        {
          id: '1',
          name: 'one',
          isLearner: false,
          status: {
            answered: true,
            version: '3.4.23',
            isLeader: true,
            hasLeader: true,
            dbBytes: 3 << 20,
            dbBytesInUse: 1 << 20,
            errors: [],
          },
        },
      ],
      alarms: [],
    },
    certificates: [certificate('apiserver', 300), certificate('kubelet-client', 290, { renewedBy: 'kubelet' })],
    disks: [
      {
        path: '/var/lib/kubelet',
        status: { answered: true, bytes: 100e9, freeBytes: 50e9, inodes: 1e6, freeInodes: 9e5 },
        leastFree: 0.1,
        leastFreeInodes: 0.05,
      },
    ],
    memory: { bytes: 4 * 2 ** 30, availableBytes: 2 ** 31, leastBytes: 100 * 2 ** 20, stalledPercent: 0 },
    versions: { gantry: 'v1.36.0+gantry.1', nodejs: 'v24.1.0', kernel: '6.1.0', operatingSystem: 'Debian 12' },
    ...change,
  };
}
