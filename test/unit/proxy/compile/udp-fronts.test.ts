import { describe, expect, it } from 'vitest';
import { compileService } from '../../../../src/proxy/compile/compiled-service.ts';
import { changedFronts, isStale } from '../../../../src/proxy/compile/udp-fronts.ts';
import { NODE } from '../../../harness/proxy-rules.ts';
import { type SampleEndpoint, sampleService, sampleSlice } from '../../../harness/proxy-world.ts';

const VIP = '10.96.0.10';
const MACHINE = new Set(['192.168.0.2']);
const context = { family: 4, node: { name: NODE, zone: '' }, nodeIps: [] } as const;
const compiled = (endpoints: readonly SampleEndpoint[], spec: object = {}, protocol = 'UDP') =>
  compileService(
    sampleService('dns', {
      type: 'NodePort',
      clusterIPs: [VIP],
      ports: [{ port: 53, protocol, nodePort: 30053 }],
      ...spec,
    }),
    [sampleSlice('dns', endpoints, [{ name: '', port: 5353, protocol }])],
    context,
    undefined,
  );
const ONE = { ip: '10.244.0.1' };
const TWO = { ip: '10.244.0.2' };
const flow = (destination: string, destinationPort: number, answeredBy: string, answeredFromPort = 5353) => ({
  destination,
  destinationPort,
  answeredBy,
  answeredFromPort,
});

describe('changedFronts', () => {
  it.each([
    ['a new service', undefined, compiled([ONE]), [53, 30053]],
    ['the same service', compiled([ONE]), compiled([ONE]), []],
    ['an endpoint more', compiled([ONE]), compiled([ONE, TWO]), [53, 30053]],
    ['the last endpoint', compiled([ONE]), compiled([]), [53, 30053]],
    ['an endpoint that ends but serves', compiled([ONE]), compiled([{ ...ONE, state: 'ending' }]), []],
    ['an endpoint that serves no more', compiled([ONE]), compiled([{ ...ONE, state: 'ended' }]), [53, 30053]],
    ['a policy', compiled([ONE]), compiled([ONE], { externalTrafficPolicy: 'Local' }), []],
    ['tcp', undefined, compiled([ONE], {}, 'TCP'), []],
  ] as const)('are the ports that a change concerns: %s', (_, before, after, expected) => {
    expect(changedFronts(before, after).map(({ port }) => port)).toEqual(expected);
  });

  it('are those that are given up, without anybody who serves them', () => {
    const gone = changedFronts(compiled([ONE]), compileService(undefined, [], context, undefined));
    expect(gone.map(({ port, serving }) => [port, serving.size])).toEqual([
      [53, 0],
      [30053, 0],
    ]);
  });
});

describe('isStale', () => {
  const fronts = changedFronts(
    undefined,
    compiled([ONE, { ...TWO, state: 'ending' }], { externalIPs: ['198.51.100.7'] }),
  );
  it.each([
    ['led to an endpoint', flow(VIP, 53, ONE.ip), false],
    ['led to one that ends and serves', flow(VIP, 53, TWO.ip), false],
    ['led to one that is gone', flow(VIP, 53, '10.244.0.9'), true],
    ['led to another port of an endpoint', flow(VIP, 53, ONE.ip, 53), true],
    ['that began before the service did', flow(VIP, 53, VIP, 53), true],
    ['to an external address', flow('198.51.100.7', 53, '10.244.0.9'), true],
    ['to another address', flow('10.96.0.11', 53, '10.244.0.9'), false],
    ['to another port', flow(VIP, 54, '10.244.0.9'), false],
    ['to the node port', flow('192.168.0.2', 30053, '10.244.0.9'), true],
    ['to the same port of somebody else', flow('192.168.0.3', 30053, '192.168.0.3', 30053), false],
  ])('is what is left of a flow %s', (_, given, expected) => {
    expect(fronts.some(front => isStale(given, front, MACHINE))).toBe(expected);
  });
});
