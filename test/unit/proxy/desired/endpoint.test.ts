import { describe, expect, it } from 'vitest';
import { endpointsOf } from '../../../../src/proxy/desired/endpoint.ts';
import { type ServicePort, servicePortsOf } from '../../../../src/proxy/desired/service-port.ts';
import { sampleService, sampleSlice } from '../../../harness/proxy-world.ts';

const PORTS = [
  { name: 'web', port: 80, protocol: 'TCP' },
  { name: 'dns', port: 53, protocol: 'UDP' },
];
const service = (spec: object = {}) =>
  sampleService('s', { clusterIPs: ['10.96.0.1', 'fd00:96::1'], ports: PORTS, ...spec });
const port = (name: string, family: 4 | 6 = 4): ServicePort =>
  servicePortsOf(service(), family).find(each => each.name === name) as ServicePort;
const shown = (slices: Parameters<typeof endpointsOf>[0], of: ServicePort): string[] =>
  endpointsOf(slices, of, 'node-a').map(each => `${each.ip} ${each.port} ${each.ready ? 'ready' : 'not'}`);

describe('servicePortsOf', () => {
  it.each([
    ['a headless service', { clusterIPs: ['None'], clusterIP: 'None' }],
    ['an alias', { type: 'ExternalName', clusterIPs: [] }],
    ['a service without an address yet', { clusterIPs: [], clusterIP: '' }],
    ['a service of the other family', { clusterIPs: ['fd00:96::1'] }],
    ['a service without ports', { ports: [] }],
    ['a service with a port that none has', { ports: [{ port: 2 ** 31 - 1 }, { port: -1 }, { port: 0 }] }],
  ])('are none of %s', (_, spec) => {
    expect(servicePortsOf(service(spec), 4)).toEqual([]);
  });

  it('have the addresses of their family alone', () => {
    const spec = { externalIPs: ['198.51.100.1', 'fd00:99::1'], loadBalancerSourceRanges: [' 10.0.0.0/8', 'fd00::/8'] };
    expect(servicePortsOf(service(spec), 6)[0]).toMatchObject({
      clusterIp: 'fd00:96::1',
      externalIps: ['fd00:99::1'],
      sourceRanges: ['fd00::/8'],
    });
  });

  it('have no node port that none has', () => {
    const ports = [{ port: 80, nodePort: 70_000 }];
    expect(servicePortsOf(service({ ports }), 4)).toMatchObject([{ port: 80, nodePort: undefined }]);
  });

  it('keep clients for three hours where no time is told', () => {
    expect(servicePortsOf(service({ sessionAffinity: 'ClientIP' }), 4)[0]?.affinitySeconds).toBe(10_800);
  });
});

describe('endpointsOf', () => {
  it('are told by the name and protocol of the port', () => {
    const slices = [sampleSlice('s', [{ ip: '10.0.0.1' }], [{ name: 'web', port: 8080, protocol: 'TCP' }])];
    expect(shown(slices, port('web'))).toEqual(['10.0.0.1 8080 ready']);
    expect(shown(slices, port('dns'))).toEqual([]);
  });

  it('are those of slices of the family', () => {
    const slices = [sampleSlice('s', [{ ip: 'fd00::0:1' }], [{ name: 'web', port: 8080, protocol: 'TCP' }])];
    expect(shown(slices, port('web'))).toEqual([]);
    expect(shown(slices, port('web', 6))).toEqual(['fd00::1 8080 ready']);
  });

  it('are of different ports where slices tell so, and of all slices', () => {
    const slices = [
      sampleSlice('s', [{ ip: '10.0.0.2' }], [{ name: 'web', port: 8080, protocol: 'TCP' }], 'a'),
      sampleSlice('s', [{ ip: '10.0.0.1' }], [{ name: 'web', port: 9090, protocol: 'TCP' }], 'b'),
    ];
    expect(shown(slices, port('web'))).toEqual(['10.0.0.1 9090 ready', '10.0.0.2 8080 ready']);
  });

  it.each([
    ['ready', 'ending'],
    ['ending', 'ready'],
  ] as const)('are alive rather than ending where the same stands in two slices (%s, %s)', (first, second) => {
    const web = [{ name: 'web', port: 8080, protocol: 'TCP' }];
    const slices = [
      sampleSlice('s', [{ ip: '10.0.0.1', state: first }], web, 'a'),
      sampleSlice('s', [{ ip: '10.0.0.1', state: second }], web, 'b'),
    ];
    expect(shown(slices, port('web'))).toEqual(['10.0.0.1 8080 ready']);
  });

  it('are none for ports without a number and addresses that cannot be read', () => {
    const web = [{ name: 'web', protocol: 'TCP' }];
    expect(shown([sampleSlice('s', [{ ip: '10.0.0.1' }], web)], port('web'))).toEqual([]);
    const good = [{ name: 'web', port: 1, protocol: 'TCP' }];
    expect(shown([sampleSlice('s', [{ ip: 'here' }], good)], port('web'))).toEqual([]);
  });
});
