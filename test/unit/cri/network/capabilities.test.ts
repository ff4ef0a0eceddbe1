import { describe, expect, it } from 'vitest';
import { cniArgs, parsePodCidrs, runtimeValues } from '../../../../src/cri/network/capabilities.ts';
import type { NetworkAttachment } from '../../../../src/cri/network/ports.ts';

const attachment: NetworkAttachment = {
  sandboxId: 'a'.repeat(64),
  netnsPath: '/run/netns/a',
  pod: { name: 'web', namespace: 'default', uid: 'u1' },
  hostname: 'web-host',
  annotations: {},
  portMappings: [],
  dns: { servers: [], searches: [], options: [] },
  cgroupParent: '',
};

describe('cniArgs', () => {
  it('is what other Kubernetes runtimes pass', () => {
    expect(cniArgs(attachment).map(pair => pair.join('='))).toEqual([
      'IgnoreUnknown=1',
      'K8S_POD_NAMESPACE=default',
      'K8S_POD_NAME=web',
      `K8S_POD_INFRA_CONTAINER_ID=${'a'.repeat(64)}`,
      'K8S_POD_UID=u1',
    ]);
  });
});

describe('runtimeValues', () => {
  const plain = { aliases: ['web', 'web-host'], 'io.kubernetes.cri.pod-annotations': {} };

  it('passes the names of a plain pod and its annotations, and nothing else', () => {
    expect(runtimeValues(attachment, [])).toEqual(plain);
    expect(runtimeValues({ ...attachment, hostname: 'web' }, [])).toMatchObject({ aliases: ['web'] });
  });

  it('passes ports, DNS, pod CIDRs and the cgroup in the spelling of the conventions', () => {
    const given = {
      ...attachment,
      portMappings: [{ protocol: 'tcp' as const, containerPort: 80, hostPort: 8080, hostIp: '' }],
      dns: { servers: ['10.0.0.53'], searches: ['x'], options: ['ndots:5'] },
      cgroupParent: '/kubepods/podu1',
    };
    expect(runtimeValues(given, ['10.1.0.0/24', 'fd00::/64'])).toEqual({
      portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp', hostIP: '' }],
      ipRanges: [[{ subnet: '10.1.0.0/24' }], [{ subnet: 'fd00::/64' }]],
      dns: { servers: ['10.0.0.53'], searches: ['x'], options: ['ndots:5'] },
      cgroupPath: '/kubepods/podu1',
      ...plain,
    });
  });

  it.each([
    ['10M', 10_000_000],
    ['1.5k', 1500],
    ['1Mi', 1_048_576],
    ['2000', 2000],
  ])('reads the bandwidth annotation %s', (text, rate) => {
    const annotations = { 'kubernetes.io/ingress-bandwidth': text };
    expect(runtimeValues({ ...attachment, annotations }, [])).toEqual({
      ...plain,
      'io.kubernetes.cri.pod-annotations': annotations,
      bandwidth: { ingressRate: rate, ingressBurst: 4_294_967_295 },
    });
  });

  it.each(['fast', '999', '2P', '-1M', '10X'])('refuses the bandwidth annotation %s', text => {
    const annotations = { 'kubernetes.io/egress-bandwidth': text };
    expect(() => runtimeValues({ ...attachment, annotations }, [])).toThrow(/egress-bandwidth: ".*" is not a rate/);
  });
});

describe('parsePodCidrs', () => {
  it.each([
    ['', []],
    ['10.1.0.0/24', ['10.1.0.0/24']],
    ['10.1.0.0/24, fd00::/64', ['10.1.0.0/24', 'fd00::/64']],
  ])('reads "%s"', (text, expected) => {
    expect(parsePodCidrs(text)).toEqual(expected);
  });

  it.each(['10.1.0.0', '10.1.0.0/24,10.2.0.0/24'])('refuses "%s"', text => {
    expect(() => parsePodCidrs(text)).toThrow(/CIDR/);
  });
});
