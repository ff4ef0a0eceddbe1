import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Service } from '../../../../../src/api/types/gen/core-v1.ts';
import {
  allocateForService,
  ownPorts,
  releasedBy,
} from '../../../../../src/apiserver/resources/core/service/allocate.ts';
import { settleIpFamilies } from '../../../../../src/apiserver/resources/core/service/families.ts';
import { decodeNodePorts, encodeNodePorts } from '../../../../../src/apiserver/resources/core/service/node-port-map.ts';
import { parseCidr } from '../../../../../src/base/cidr.ts';

const pools = (ranges: readonly string[], ips: readonly string[], ports: readonly number[] = []) => {
  const cidrs = ranges.map(parseCidr);
  return {
    ips: {
      ranges: new Map([
        ['IPv4', cidrs.filter(cidr => cidr.family === 4)] as const,
        ['IPv6', cidrs.filter(cidr => cidr.family === 6)] as const,
      ]),
      isTaken: (ip: string) => ips.includes(ip),
      takenCount: ips.length,
    },
    ports: { range: { first: 30000, last: 30003 }, taken: new Set(ports) },
  };
};
const service = (spec: object): Service =>
  ({
    metadata: { name: 'web', namespace: 'default' },
    spec: { type: 'NodePort', ipFamilies: ['IPv4'], ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }], ...spec },
    status: { loadBalancer: {} },
  }) as Service;
const first = (): number => 0;
const dns = (tcp: object, udp: object) => [
  { name: 'udp', port: 53, protocol: 'UDP', ...udp },
  { name: 'tcp', port: 53, protocol: 'TCP', ...tcp },
];

describe('allocation', () => {
  it('gives what is free', () => {
    const taken = pools(['10.0.0.0/29'], ['10.0.0.1'], [30000]);
    expect(allocateForService(service({}), undefined, taken, first)).toMatchObject({
      kind: 'allocated',
      ips: ['10.0.0.2'],
      ports: [30001],
      service: { spec: { clusterIP: '10.0.0.2', clusterIPs: ['10.0.0.2'], ports: [{ nodePort: 30001 }] } },
    });
  });

  it.each([
    [
      'an address that is taken',
      { clusterIPs: ['10.0.0.1'] },
      'failed to allocate IP 10.0.0.1: provided IP is already allocated',
    ],
    [
      'an address from elsewhere',
      { clusterIPs: ['10.9.0.1'] },
      'failed to allocate IP 10.9.0.1: the provided network does not match the current range',
    ],
    [
      'the address of broadcasts',
      { clusterIPs: ['10.0.0.7'] },
      'failed to allocate IP 10.0.0.7: the provided network does not match the current range',
    ],
    ['a port that is taken', { ports: [{ port: 80, nodePort: 30000 }] }, 'provided port is already allocated'],
    [
      'a port from elsewhere',
      { ports: [{ port: 80, nodePort: 80 }] },
      'provided port is not in the valid range. The range of valid ports is 30000-30003',
    ],
    [
      'a port that another entry takes for another port',
      {
        ports: [
          { port: 80, nodePort: 30001 },
          { port: 81, nodePort: 30001 },
        ],
      },
      'provided port is already allocated',
    ],
  ])('refuses %s', (_, spec, detail) => {
    const taken = pools(['10.0.0.0/29'], ['10.0.0.1'], [30000]);
    expect(allocateForService(service(spec), undefined, taken, first)).toMatchObject({
      kind: 'invalid',
      errors: [{ detail }],
    });
  });

  it.each([
    ['addresses', ['10.0.0.1', '10.0.0.2'], [], 'failed to allocate a serviceIP for Service "web": range is full'],
    ['node ports', [], [30000, 30001, 30002, 30003], 'failed to allocate a nodePort: range is full'],
  ])('says when there are no %s left', (_, ips, ports, message) => {
    const taken = pools(['10.0.0.0/30'], ips, ports);
    expect(allocateForService(service({}), undefined, taken, first)).toEqual({ kind: 'full', message });
  });

  it('takes from a second range when the first is full', () => {
    const taken = pools(['10.0.0.0/30', '10.1.0.0/28'], ['10.0.0.1', '10.0.0.2']);
    expect(allocateForService(service({}), undefined, taken, first)).toMatchObject({ ips: ['10.1.0.1'] });
  });

  it.each([
    ['10.0.0.0/24', '10.0.0.17'],
    ['10.0.0.0/16', '10.0.1.1'],
    ['10.0.0.0/28', '10.0.0.1'],
    ['fd00::/112', 'fd00::101'],
    ['fd00::/64', 'fd00::101'],
  ])('keeps the lower part of %s for addresses that are asked for: the first given is %s', (range, ip) => {
    const families = [ip.includes(':') ? 'IPv6' : 'IPv4'];
    const decided = allocateForService(service({ ipFamilies: families }), undefined, pools([range], []), first);
    expect(decided).toMatchObject({ ips: [ip] });
  });

  it.each([
    ['a new service', undefined, [30000, 30000]],
    ['a changed one', service({ type: 'ClusterIP' }), [30000, 30001]],
  ])('lets TCP and UDP of one port share a node port in %s', (_, old, nodePorts) => {
    const decided = allocateForService(service({ ports: dns({}, {}) }), old, pools(['10.0.0.0/24'], []), first);
    expect(decided).toMatchObject({ service: { spec: { ports: nodePorts.map(nodePort => ({ nodePort })) } } });
  });

  it('gives an entry the node port that the other of its port asks for, wherever it stands', () => {
    const ports = dns({ nodePort: 30002 }, {});
    expect(allocateForService(service({ ports }), undefined, pools(['10.0.0.0/24'], []), first)).toMatchObject({
      ports: [30002],
      service: { spec: { ports: [{ nodePort: 30002 }, { nodePort: 30002 }] } },
    });
  });

  it('gives a port for health checks when one is needed, and takes it back when not', () => {
    const local = service({ type: 'LoadBalancer', externalTrafficPolicy: 'Local', clusterIPs: ['10.0.0.9'] });
    const decided = allocateForService(local, undefined, pools(['10.0.0.0/24'], []), first);
    expect(decided).toMatchObject({ ports: [30000, 30001], service: { spec: { healthCheckNodePort: 30001 } } });
    const whole = (decided as { readonly service: Service }).service;
    const plain: Service = {
      ...whole,
      spec: { ...whole.spec, externalTrafficPolicy: 'Cluster', healthCheckNodePort: undefined },
    };
    expect(releasedBy(whole, plain)).toEqual({ ips: [], ports: [30001] });
  });

  it('counts an address as the same however it is written', () => {
    const old = service({ type: 'ClusterIP', ipFamilies: ['IPv6'], clusterIPs: ['fd00::1'] });
    const same = service({ type: 'ClusterIP', ipFamilies: ['IPv6'], clusterIPs: ['fd00:0::0001'] });
    expect(releasedBy(old, same).ips).toEqual([]);
    expect(allocateForService(same, old, pools(['fd00::/112'], ['fd00::1']), first)).toMatchObject({ ips: [] });
  });

  it('finds what is free if anything is, and takes nothing twice', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 62 })), fc.nat(), (taken, seed) => {
        const ips = taken.map(n => `10.0.0.${n}`);
        const decided = allocateForService(
          service({ type: 'ClusterIP' }),
          undefined,
          pools(['10.0.0.0/26'], ips),
          below => seed % below,
        );
        expect(decided.kind).toBe(taken.length === 62 ? 'full' : 'allocated');
        const given = decided.kind === 'allocated' ? decided.ips : [];
        expect(given.filter(ip => ips.includes(ip))).toEqual([]);
      }),
      { seed: 7 },
    );
  });
});

describe('families of a service', () => {
  it('asks for both only where the cluster has them', () => {
    const wanted = service({ ipFamilies: undefined, ipFamilyPolicy: 'RequireDualStack' });
    expect(settleIpFamilies(wanted, undefined, ['IPv4'])).toMatchObject({
      errors: [{ detail: 'this cluster is not configured for dual-stack services' }],
    });
    expect(settleIpFamilies(wanted, undefined, ['IPv4', 'IPv6'])).toMatchObject({
      service: { spec: { ipFamilies: ['IPv4', 'IPv6'] } },
    });
  });

  it('leaves a service that prefers both as it is when the cluster gets its second', () => {
    const single = service({ type: 'ClusterIP', ipFamilyPolicy: 'PreferDualStack', clusterIPs: ['10.0.0.9'] });
    expect(settleIpFamilies(single, single, ['IPv4', 'IPv6'])).toEqual({ kind: 'settled', service: single });
  });
});

describe('the map of node ports', () => {
  it("is upstream's: a big-endian number with a bit for each port of the range", () => {
    const value = encodeNodePorts({ first: 30000, last: 32767 }, [30000, 30001, 30008, 80]);
    expect(JSON.parse(value.toString())).toMatchObject({
      kind: 'RangeAllocation',
      range: '30000-32767',
      data: Buffer.from([1, 3]).toString('base64'),
    });
  });

  it('says which ports it was made of', () => {
    const range = { first: 30000, last: 32767 };
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 30000, max: 32767 })), ports => {
        const decoded = decodeNodePorts(encodeNodePorts(range, ports));
        expect(decoded?.range).toBe('30000-32767');
        expect([...(decoded?.ports ?? [])].toSorted()).toEqual(ports.toSorted());
      }),
      { seed: 7 },
    );
  });

  it.each(['', '{}', '{"range":"x","data":""}', 'k8s\0'])('is none where the value is %j', text => {
    expect(decodeNodePorts(Buffer.from(text))).toBeUndefined();
  });

  it('holds what services have, a port of TCP and UDP once', () => {
    expect(
      ownPorts(service({ ports: dns({ nodePort: 30002 }, { nodePort: 30002 }), healthCheckNodePort: 30003 })),
    ).toEqual([30002, 30003]);
  });
});
