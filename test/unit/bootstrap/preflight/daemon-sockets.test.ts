import { describe, expect, it } from 'vitest';
import { controlPlaneUnit, etcdUnit } from '../../../../src/bootstrap/daemons/plan.ts';
import { filesBelow } from '../../../../src/bootstrap/files.ts';
import {
  controlPlaneSockets,
  etcdSockets,
  type NodeListening,
  nodeSockets,
  reachedPorts,
} from '../../../../src/bootstrap/preflight/daemon-sockets.ts';
import type { SocketNeed } from '../../../../src/bootstrap/preflight/sockets.ts';
import type { InitSettings } from '../../../../src/bootstrap/settings.ts';
import { initSettings } from '../init-settings.ts';

describe('what a node serves on', () => {
  it('is DNS by both protocols on its own address and that for its pods, beside the ports of the kubelet', () => {
    const where = (dnsDisabled: boolean) => placesOf(nodeSockets({ addresses: ['10.0.0.5'], dnsDisabled }));
    expect(where(true)).toEqual(['tcp 0.0.0.0:10250', 'tcp 127.0.0.1:10248']);
    expect(where(false)).toEqual([
      'tcp 0.0.0.0:10250',
      'tcp 127.0.0.1:10248',
      'udp 10.0.0.5:53',
      'tcp 10.0.0.5:53',
      'udp 169.254.20.10:53',
      'tcp 169.254.20.10:53',
    ]);
  });

  it.each<[string, Partial<NodeListening>, readonly string[]]>([
    [
      'a KubeletConfiguration',
      { kubelet: { port: 20_250, address: '10.0.0.6', healthzPort: 20_248, healthzBindAddress: '10.0.0.5' } },
      ['tcp 10.0.0.6:20250', 'tcp 10.0.0.5:20248'],
    ],
    [
      'one that tells of its health everywhere',
      { kubelet: { healthzBindAddress: '0.0.0.0' } },
      ['tcp 0.0.0.0:10250', 'tcp 0.0.0.0:10248'],
    ],
    ['one that tells nobody of its health', { kubelet: { healthzPort: 0 } }, ['tcp 0.0.0.0:10250']],
    ['one that serves nowhere', { kubelet: { enableServer: false, healthzPort: 0 } }, []],
    [
      'further arguments, which stand above it',
      { kubelet: { port: 1 }, args: ['--port=20250', '--healthz-port=0'] },
      ['tcp 0.0.0.0:20250'],
    ],
    [
      'arguments of the DNS server',
      { dnsDisabled: false, args: ['--dns=false'] },
      ['tcp 0.0.0.0:10250', 'tcp 127.0.0.1:10248'],
    ],
  ])('is what %s says', (_what, more, expected) => {
    expect(placesOf(nodeSockets({ addresses: ['10.0.0.5'], dnsDisabled: true, ...more }))).toEqual(expected);
  });
});

describe('what others ask of a machine', () => {
  const controlPlane = ['gantry', 'run', 'control-plane', '--secure-port=443', '--healthz-port=1'];

  it('is the port of its API server and that of its kubelet, wherever they were moved to', () => {
    expect([
      reachedPorts({ kubelet: {} }),
      reachedPorts({ controlPlane, kubelet: { port: 20_250 } }),
      reachedPorts({ controlPlane: [], kubelet: { port: 20_250 }, args: ['--port=20251'] }),
      reachedPorts({ kubelet: { enableServer: false } }),
    ]).toEqual([[10_250], [443, 20_250], [6443, 20_251], []]);
  });
});

describe('what a control plane serves on', () => {
  const FILES = filesBelow('/');
  const etcd = (...args: readonly { name: string; value: string }[]) =>
    initSettings({ etcd: { kind: 'local', dataDir: '/var/lib/etcd', args, serverSans: [], peerSans: [] } });

  it('is clients, peers and metrics of etcd on the addresses that it listens at', () => {
    expect(placesOf(etcdSockets(etcdUnit(etcd(), FILES).argv))).toEqual([
      'tcp 127.0.0.1:2379',
      'tcp 10.0.0.5:2379',
      'tcp 10.0.0.5:2380',
      'tcp 127.0.0.1:2381',
    ]);
    const moved = etcd(
      { name: 'listen-metrics-urls', value: 'http://[::1]:3381,http://10.0.0.5:3381' },
      { name: 'listen-client-urls', value: 'https://0.0.0.0:2379' },
    );
    expect(placesOf(etcdSockets(etcdUnit(moved, FILES).argv))).toEqual([
      'tcp 0.0.0.0:2379',
      'tcp 10.0.0.5:2380',
      'tcp ::1:3381',
      'tcp 10.0.0.5:3381',
    ]);
  });

  it('is the API server on all addresses, and controllers and scheduler on loopback, or where arguments say', () => {
    const where = (settings: InitSettings) => placesOf(controlPlaneSockets(controlPlaneUnit(settings, FILES, []).argv));
    expect(where(initSettings({}, { bindPort: 443 }))).toEqual([
      'tcp 0.0.0.0:443',
      'tcp 127.0.0.1:10259',
      'tcp 127.0.0.1:10257',
    ]);
    const moved = initSettings({
      apiServerArgs: [{ name: 'bind-address', value: '10.0.0.5' }],
      controllerManagerArgs: [{ name: 'healthz-port', value: '20257' }],
      schedulerArgs: [{ name: 'scheduler-healthz-port', value: '20259' }],
    });
    expect(where(moved)).toEqual(['tcp 10.0.0.5:6443', 'tcp 127.0.0.1:20259', 'tcp 127.0.0.1:20257']);
  });
});

function placesOf(needs: readonly SocketNeed[]): readonly string[] {
  return needs.map(({ protocol, address, port }) => `${protocol} ${address}:${port}`);
}
