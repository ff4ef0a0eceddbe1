import { describe, expect, it } from 'vitest';
import { parseBridgeConfig } from '../../../../src/cni/bridge/config.ts';
import { smallKeys } from '../../../../src/cni/protocol/json.ts';

describe('keys of run-time values', () => {
  it.each([
    ['capitals at all depths', { A: [{ HostIP: { B: 1 } }] }, { a: [{ hostIP: { b: 1 } }] }],
    ['both spellings: the small one holds', { HostPort: 1, hostPort: 2 }, { hostPort: 2 }],
    ['what is no object', 'HostPort', 'HostPort'],
  ])('are made small: %s', (_what, given, small) => {
    expect(smallKeys(given)).toEqual(small);
  });

  it('are taken by gantry-bridge as containerd writes them', () => {
    const runtimeConfig = {
      bandwidth: { IngressRate: 1000, IngressBurst: 4294967295, EgressRate: 0, EgressBurst: 0 },
      portMappings: [{ HostPort: 80, ContainerPort: 8080, Protocol: 'tcp', HostIP: '' }],
      ipRanges: [[{ Subnet: '10.9.0.0/24', RangeStart: '', RangeEnd: '', Gateway: '' }]],
    };
    const config = parseBridgeConfig({ cniVersion: '1.0.0', name: 'n', type: 'gantry-bridge', runtimeConfig });
    expect(config).toMatchObject({
      bandwidth: { ingress: { rate: 1000, burst: undefined }, egress: undefined },
      hostPorts: [{ protocol: 'tcp', hostPort: 80, containerPort: 8080, hostIp: '' }],
      rangeSets: [{ family: 4, ranges: [{ subnet: { prefix: 24 } }] }],
    });
  });
});
