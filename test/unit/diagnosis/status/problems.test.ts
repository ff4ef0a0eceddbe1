import { describe, expect, it } from 'vitest';
import { certificateState } from '../../../../src/diagnosis/status/certificate-problems.ts';
import type { CertificateFacts, StatusFacts } from '../../../../src/diagnosis/status/facts.ts';
import { percent, statusProblems } from '../../../../src/diagnosis/status/problems.ts';
import { certificate, DAY, daemon, NOW, wellFacts } from './status-facts.ts';

const silent = { answered: false, because: 'nothing listens at 127.0.0.1:1' } as const;
const told = (change: Partial<StatusFacts>): string[] =>
  statusProblems(wellFacts(change)).map(({ part, what, remedy }) => `${part}: ${what} -> ${remedy}`);

/** The daemons of a control plane with one in another state. */
const daemonsWith = (name: string, change: Parameters<typeof daemon>[1], lastLog?: string) =>
  wellFacts().daemons.map(each => (each.name === name ? { ...daemon(name, change), lastLog } : each));
const DOWN = { state: 'stopped', pid: undefined } as const;

const MISSING = { state: 'missing', notBefore: undefined, notAfter: undefined } as const;
const AUTHORITY = { renewedBy: 'nobody', isAuthority: true } as const;
const NO_NEW_CA =
  'what the old one has signed holds by no new one. Only where nothing of the cluster is to be kept, "gantry reset" and "gantry init" make another';

describe('the problems of a node', () => {
  it('are none where all is well', () => {
    expect(told({})).toEqual([]);
  });

  it("are none of an etcd and a proxy that are somebody else's", () => {
    expect(told({ etcd: undefined, proxy: undefined })).toEqual([]);
  });

  it('are none for what its admin wants: a cordon, a taint, a condition of somebody else', () => {
    const { node } = wellFacts();
    const conditions = [
      ...(node.answered ? node.conditions : []),
      { type: 'KernelDeadlock', status: 'True', reason: '', message: '', since: undefined },
    ];
    expect(
      told({
        node: { answered: true, conditions, unschedulable: true, taints: ['a:NoSchedule'], kubeletVersion: 'v1' },
      }),
    ).toEqual([]);
  });

  it('are of a directory that does not answer itself alone, and not what could not be read there', () => {
    const because = '/var/lib/kubelet did not answer within 1.5 s';
    const unanswered = { state: 'unanswered', notBefore: undefined, notAfter: undefined, because } as const;
    const { disks } = wellFacts();
    expect(
      told({
        silentPlaces: [{ path: '/var/lib/kubelet', waitedMs: 1500 }],
        certificates: [certificate('apiserver', 300), certificate('kubelet-client', 290, unanswered)],
        disks: disks.map(disk => ({ ...disk, status: { answered: false, because } })),
        apiServer: { answered: false, because: `/etc/kubernetes/kubelet.conf: it names a file, and ${because}` },
        node: { answered: false, because },
        etcd: { answered: false, because: `it is not asked, for want of a certificate: ${because}` },
      }),
    ).toEqual([expect.stringMatching(`^directory /var/lib/kubelet: ${because}: what is there is not in this report`)]);
  });

  it.each([
    [
      'a daemon that was stopped, by systemd',
      { daemons: daemonsWith('gantry-cri', DOWN) },
      'gantry-cri: it does not run -> systemctl start gantry-cri; gantry logs cri',
    ],
    [
      'a daemon that was stopped, in a host',
      { keeper: 'host', daemons: daemonsWith('gantry-cri', DOWN) },
      'gantry-cri: it does not run -> sv up /run/host-services/gantry-cri; gantry logs cri',
    ],
    [
      'a daemon whose log tells why',
      { daemons: daemonsWith('gantry-node', { state: 'restarting' }, 'listen EADDRINUSE: address already in use') },
      'gantry-node: it ends as soon as it is started; likely because somebody else has its port: "ss -ltnp" shows who -> gantry logs node',
    ],
    [
      'a daemon that is started again and again',
      { daemons: daemonsWith('gantry-node', { restarts: 7, since: NOW - 20_000 }) },
      'gantry-node: it was started again 7 times, at last 20s ago -> gantry logs node',
    ],
    [
      'a daemon that was never started',
      { daemons: daemonsWith('gantry-node', { state: 'absent', pid: undefined }) },
      'gantry-node: it was never started here -> run "gantry init" or "gantry join" again: they take up what is half made',
    ],
    [
      'a daemon that takes long to start',
      { daemons: daemonsWith('gantry-cri', { state: 'starting', since: NOW - 65_000 }) },
      'gantry-cri: it is still starting, for 65s -> gantry logs cri',
    ],
    [
      'a daemon whose supervisor ended',
      {
        keeper: 'host',
        daemons: daemonsWith('gantry-cri', { state: 'failed', pid: undefined, statusText: 'its supervisor has ended' }),
      },
      'gantry-cri: it does not run: its supervisor has ended -> gantry logs cri; then restart the host',
    ],
    [
      'a kubelet that is silent',
      { kubelet: silent },
      'kubelet: it does not answer: nothing listens at 127.0.0.1:1 -> gantry logs node',
    ],
    [
      'a kubelet that is not well',
      { kubelet: { answered: true, healthy: false, failed: ['pleg (was not active)'] } },
      'kubelet: it is not well: pleg (was not active) -> gantry logs node',
    ],
    [
      'a pod network that is not there',
      {
        runtime: {
          ...(wellFacts().runtime as Extract<StatusFacts['runtime'], { answered: true }>),
          conditions: [{ type: 'NetworkReady', status: false, reason: 'NoNetwork', message: 'no CNI configuration' }],
        },
      },
      'runtime: NetworkReady is false: no CNI configuration -> gantry logs node',
    ],
    [
      'a check of the API server',
      {
        apiServer: {
          answered: true,
          server: 'https://x',
          healthy: false,
          failed: ['etcd', 'informer-sync'],
          version: undefined,
        },
      },
      'API server: it is not ready: etcd, informer-sync -> gantry logs control-plane',
    ],
    [
      'an endpoint that does not lead to the API server',
      {
        apiServer: silent,
        node: { answered: false, because: 'nodes "one" not found' },
        silentEndpoint: {
          server: 'https://api.example:6443',
          own: 'https://192.0.2.1:6443',
          because: 'getaddrinfo ENOTFOUND api.example',
        },
      },
      'API server: the control-plane endpoint api.example:6443, by which nodes ask the API server, does not lead to it (getaddrinfo ENOTFOUND api.example), which answers at https://192.0.2.1:6443 -> give api.example an address in your DNS, or in /etc/hosts of each node; where that is the one of this machine: echo "192.0.2.1 api.example" >>/etc/hosts',
    ],
    [
      'an API server that a node cannot reach',
      { role: 'node', apiServer: silent, node: silent },
      'API server: it does not answer: nothing listens at 127.0.0.1:1 -> run "gantry status" on the control plane',
    ],
    [
      'a node that is not Ready',
      {
        node: {
          answered: true,
          conditions: [
            { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: 'no network', since: undefined },
          ],
          unschedulable: false,
          taints: [],
          kubeletVersion: 'v1',
        },
      },
      'node: it is not Ready: no network -> gantry logs node',
    ],
    [
      'pressure',
      {
        node: {
          answered: true,
          conditions: [
            {
              type: 'DiskPressure',
              status: 'True',
              reason: 'KubeletHasDiskPressure',
              message: 'full',
              since: undefined,
            },
            { type: 'Ready', status: 'True', reason: '', message: '', since: undefined },
          ],
          unschedulable: false,
          taints: [],
          kubeletVersion: 'v1',
        },
      },
      'node: DiskPressure is True: full -> kubectl describe node one',
    ],
    [
      'a Node that is not there',
      { node: { answered: false, because: 'nodes "one" not found' } },
      'node: the API server does not tell of it: nodes "one" not found -> gantry logs node',
    ],
    [
      'an etcd that is silent',
      { etcd: silent },
      'etcd: it does not answer: nothing listens at 127.0.0.1:1 -> gantry logs etcd',
    ],
    [
      'an alarm of etcd',
      {
        etcd: {
          ...(wellFacts().etcd as Extract<StatusFacts['etcd'], { answered: true }>),
          alarms: [{ member: 'one', alarm: 'no-space' }],
        },
      },
      'etcd: the member one has no space left in its quota: nothing can be written -> compact and defragment it, then disarm the alarm (etcdctl alarm disarm)',
    ],
    [
      'a disk that is full',
      {
        disks: [
          {
            path: '/var/lib/etcd',
            status: { answered: true, bytes: 100, freeBytes: 1, inodes: 0, freeInodes: 0 },
            leastFree: 0.02,
            leastFreeInodes: 0.01,
          },
        ],
      },
      'disk of /var/lib/etcd: 1 % are free, and 2 % have to be -> du -xsh /var/lib/etcd/*',
    ],
    [
      'a disk without inodes',
      {
        disks: [
          {
            path: '/d',
            status: { answered: true, bytes: 100, freeBytes: 50, inodes: 1000, freeInodes: 4 },
            leastFree: 0.1,
            leastFreeInodes: 0.05,
          },
        ],
      },
      'disk of /d: 0.4 % of its inodes are free, and 5 % have to be -> du -xs --inodes /d/*',
    ],
    [
      'a disk that hangs',
      {
        disks: [
          {
            path: '/d',
            status: { answered: false, because: 'no answer within 1.5 s' },
            leastFree: 0,
            leastFreeInodes: 0,
          },
        ],
      },
      'disk of /d: it does not answer: no answer within 1.5 s -> findmnt; dmesg',
    ],
    [
      'memory',
      { memory: { bytes: 2 ** 30, availableBytes: 50 * 2 ** 20, leastBytes: 100 * 2 ** 20, stalledPercent: 12 } },
      'memory: 50 MiB are available, and 100 MiB have to be -> ps -eo rss,pid,args --sort=-rss | head',
    ],
    [
      'an expired certificate',
      { certificates: [certificate('apiserver', -3)] },
      'certificate apiserver: it expired at 2026-05-29T12:00:00.000Z, 3d ago -> gantry certs renew apiserver; gantry logs control-plane',
    ],
    [
      'an expired certificate of a worker’s kubelet',
      { role: 'node', certificates: [certificate('kubelet-client', -3, { renewedBy: 'kubelet' })] },
      'certificate kubelet-client: it expired at 2026-05-29T12:00:00.000Z, 3d ago -> "gantry token create --print-join-command" on a control plane prints what to run here; gantry logs node',
    ],
    [
      'a certificate that nobody has renewed',
      { certificates: [certificate('etcd-server', 20)] },
      'certificate etcd-server: it expires at 2026-06-21T12:00:00.000Z, in 20d, and was not renewed -> gantry certs renew etcd-server; gantry logs control-plane',
    ],
    [
      'a kubeconfig that is missing',
      {
        certificates: [certificate('scheduler.conf', 1, MISSING)],
      },
      'certificate scheduler.conf: it is not there -> gantry init phase kubeconfig scheduler',
    ],
    [
      'a certificate that is missing',
      { certificates: [certificate('apiserver', 1, MISSING)] },
      'certificate apiserver: it is not there -> gantry init phase certs apiserver',
    ],
    [
      'a certificate that is missing, while the key of its CA is elsewhere',
      { certificates: [certificate('apiserver', 1, { ...MISSING, renewedBy: 'nobody' })] },
      'certificate apiserver: it is not there -> make it where the key of its CA is, and put it here',
    ],
    [
      'a CA that is missing',
      { certificates: [certificate('ca', 1, { ...MISSING, ...AUTHORITY })] },
      `certificate ca: it is not there -> put ca.crt and its ca.key back from a backup or another copy (nodes, and kubeconfigs in "certificate-authority-data", have the certificate): ${NO_NEW_CA}`,
    ],
    [
      'a CA of etcd that is missing',
      { certificates: [certificate('etcd-ca', 1, { ...MISSING, ...AUTHORITY })] },
      `certificate etcd-ca: it is not there -> put etcd/ca.crt and its etcd/ca.key back from a backup or another copy: ${NO_NEW_CA}`,
    ],
    [
      'a CA of the front proxy that cannot be read',
      {
        certificates: [
          certificate('front-proxy-ca', 1, { ...MISSING, ...AUTHORITY, state: 'unreadable', because: 'no PEM' }),
        ],
      },
      `certificate front-proxy-ca: it cannot be read: no PEM -> put front-proxy-ca.crt and its front-proxy-ca.key back from a backup or another copy: ${NO_NEW_CA}`,
    ],
    [
      'a CA that a worker cannot read',
      {
        role: 'node',
        certificates: [certificate('ca', 1, { ...MISSING, ...AUTHORITY, state: 'unreadable', because: 'no PEM' })],
      },
      'certificate ca: it cannot be read: no PEM -> copy it here from the control plane, or from another node of the cluster',
    ],
    [
      'a clock that is behind',
      { certificates: [certificate('apiserver', 400)] },
      'certificate apiserver: it holds from 2026-07-06T12:00:00.000Z on, which is to come by the clock of this machine -> date; timedatectl',
    ],
  ] satisfies readonly (readonly [string, Partial<StatusFacts>, string])[])('tell of %s', (_what, change, line) => {
    expect(told(change)).toEqual([line]);
  });

  it('name the cause alone, and not all that follows from it', () => {
    const failed = {
      answered: true,
      server: 'https://x',
      healthy: false,
      failed: ['etcd'],
      version: undefined,
    } as const;
    const parts = (change: Partial<StatusFacts>): string[] => statusProblems(wellFacts(change)).map(({ part }) => part);
    expect(parts({ daemons: daemonsWith('gantry-etcd', DOWN), etcd: silent, apiServer: failed, node: silent })).toEqual(
      ['gantry-etcd'],
    );
    expect(parts({ daemons: daemonsWith('gantry-control-plane', DOWN), apiServer: silent, node: silent })).toEqual([
      'gantry-control-plane',
    ]);
    expect(parts({ kubelet: undefined })).toEqual([]);
    expect(parts({ daemons: daemonsWith('gantry-node', DOWN), kubelet: silent, proxy: silent })).toEqual([
      'gantry-node',
    ]);
    expect(
      parts({
        daemons: daemonsWith('gantry-cri', DOWN),
        runtime: silent,
        kubelet: { answered: true, healthy: false, failed: ['runtime'] },
      }),
    ).toEqual(['gantry-cri']);
  });

  it('are of a CA before what it has signed, and of none that a worker lacks', () => {
    const certificates = [
      certificate('apiserver', 1, { ...MISSING, renewedBy: 'nobody' }),
      certificate('ca', 1, { ...MISSING, ...AUTHORITY }),
    ];
    const parts = (change: Partial<StatusFacts>): string[] => statusProblems(wellFacts(change)).map(({ part }) => part);
    expect(parts({ certificates })).toEqual(['certificate ca', 'certificate apiserver']);
    expect(parts({ certificates: certificates.slice(1), role: 'node' })).toEqual([]);
  });

  it('are told where the API server does not know the Node although it answers', () => {
    expect(told({ node: { answered: false, because: 'Unauthorized' } })).toHaveLength(1);
    expect(told({ apiServer: silent, node: silent })).toHaveLength(1);
  });
});

describe('where in its life a certificate is', () => {
  it.each([
    ['control-plane', 300, 'valid'],
    ['control-plane', 120, 'due'],
    ['control-plane', 100, 'late'],
    ['kubelet', 90, 'due'],
    ['kubelet', 70, 'late'],
    ['nobody', 120, 'late'],
    ['control-plane', 0, 'expired'],
    ['control-plane', 366, 'not-yet-valid'],
  ] as const)('renewed by %s, with %d days of 365 left, it is %s', (renewedBy, left, state) => {
    expect(certificateState(certificate('x', left, { renewedBy }), NOW)).toBe(state);
  });

  it('a CA has a tenth of its life for its replacement', () => {
    const authority = (left: number): CertificateFacts =>
      certificate('ca', left, { renewedBy: 'nobody', isAuthority: true, notBefore: NOW + (left - 3650) * DAY });
    expect([1300, 1200, 360].map(left => certificateState(authority(left), NOW))).toEqual(['valid', 'due', 'late']);
  });
});

describe('a share as people read it', () => {
  it.each([
    [0.5, '50 %'],
    [0.0999, '9.9 %'],
    [0.004, '0.4 %'],
    [0, '0 %'],
  ])('%d is %s', (share, text) => {
    expect(percent(share)).toBe(text);
  });
});
