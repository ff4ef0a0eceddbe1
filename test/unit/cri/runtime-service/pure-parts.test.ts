import { describe, expect, it } from 'vitest';
import { containerStatus } from '../../../../src/cri/runtime-service/container-message.ts';
import { networkAttachment } from '../../../../src/cri/runtime-service/network-attachment.ts';
import { resolvConf } from '../../../../src/cri/runtime-service/resolv-conf.ts';
import { sandboxStatus } from '../../../../src/cri/runtime-service/sandbox-message.ts';
import { DNSConfig, PodSandboxConfig } from '../../../../src/rpc/cri-api.ts';
import { containerRecord, sandboxRecord } from '../records.ts';

describe('resolv.conf', () => {
  it.each([
    ["a request that says nothing takes the machine's", undefined, 'nameserver 9.9.9.9\n'],
    ['an empty one too', {}, 'nameserver 9.9.9.9\n'],
    [
      'a full one',
      { servers: ['10.0.0.10', '10.0.0.11'], searches: ['a.local', 'local'], options: ['ndots:5'] },
      'search a.local local\nnameserver 10.0.0.10\nnameserver 10.0.0.11\noptions ndots:5\n',
    ],
  ])('%s', (_sentence, dns, text) => {
    expect(resolvConf(dns && DNSConfig.fromPartial(dns), 'nameserver 9.9.9.9\n')).toBe(text);
  });
});

describe('the network attachment', () => {
  it('names the pod and passes only ports that the host is to open', () => {
    const config = PodSandboxConfig.fromPartial({
      metadata: { name: 'web', namespace: 'shop', uid: 'u1', attempt: 2 },
      annotations: { 'kubernetes.io/ingress-bandwidth': '1M' },
      portMappings: [
        { protocol: 0, containerPort: 80, hostPort: 8080, hostIp: '10.0.0.1' },
        { protocol: 1, containerPort: 53, hostPort: 0, hostIp: '' },
        { protocol: 2, containerPort: 99, hostPort: 99, hostIp: '' },
      ],
      linux: { cgroupParent: '/kubepods/podu1' },
    });
    const attachment = networkAttachment({ ...sandboxRecord({ config }), netnsPath: '/run/netns/x' });
    expect(attachment.pod).toEqual({ name: 'web', namespace: 'shop', uid: 'u1' });
    expect(attachment.portMappings.map(p => [p.protocol, p.containerPort])).toEqual([
      ['tcp', 80],
      ['sctp', 99],
    ]);
    expect(attachment.cgroupParent).toBe('/kubepods/podu1');
  });
});

describe('statuses', () => {
  it('shows all addresses of a sandbox until its network is given back', () => {
    expect(sandboxStatus(sandboxRecord()).network).toEqual({ ip: '10.1.0.5', additionalIps: [{ ip: 'fd00::5' }] });
    expect(sandboxStatus(sandboxRecord({ notReadyAt: 1n })).network?.ip).toBe('10.1.0.5');
    expect(sandboxStatus(sandboxRecord({ notReadyAt: 1n, releasedAt: 2n })).network?.ip).toBe('');
  });

  it('shows stamps, code and reason of a container, and zero for what has not happened', () => {
    const running = containerStatus(containerRecord());
    expect([running.state, running.startedAt, running.finishedAt, running.exitCode, running.reason]).toEqual([
      1,
      40n,
      0n,
      0,
      '',
    ]);
    const ended = containerStatus(containerRecord({ finishedAt: 50n, exitCode: 137, reason: 'OOMKilled' }));
    expect([ended.state, ended.finishedAt, ended.exitCode, ended.reason]).toEqual([2, 50n, 137, 'OOMKilled']);
  });
});
