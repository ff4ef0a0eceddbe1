import { describe, expect, it } from 'vitest';
import type { Node, Service } from '../../../src/api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../../src/api/types/gen/discovery-v1.ts';
import { planNodeDns } from '../../../src/controllers/node-dns/plan.ts';

const node = (name: string, addresses: readonly string[], ready = 'True', more: object = {}): Node =>
  ({
    metadata: { name, labels: { 'topology.kubernetes.io/zone': 'z' }, ...more },
    status: {
      addresses: addresses.map(address => ({ type: 'InternalIP', address })),
      conditions: [{ type: 'Ready', status: ready }],
    },
  }) as unknown as Node;
const dns = (spec: object = {}): Service =>
  ({
    metadata: { name: 'kube-dns', namespace: 'kube-system', uid: 'u' },
    spec: {
      clusterIPs: ['10.96.0.10'],
      ports: [
        { name: 'dns', protocol: 'UDP', port: 53, targetPort: 10053 },
        { name: 'dns-tcp', protocol: 'TCP', port: 53, targetPort: 10053 },
      ],
      ...spec,
    },
  }) as unknown as Service;
const NODES = [node('b', ['192.0.2.2', 'fd00::2']), node('a', ['192.0.2.1']), node('c', ['192.0.2.3'], 'Unknown')];

const slicesOf = (actions: ReturnType<typeof planNodeDns>): EndpointSlice[] =>
  actions.flatMap(action => (action.kind === 'delete' ? [] : [action.slice]));
const addressesOf = (slice: EndpointSlice | undefined): unknown => slice?.endpoints?.map(each => each.addresses[0]);

describe('endpoints of the DNS service', () => {
  it('are the nodes that are ready, at the target ports', () => {
    const [slice] = slicesOf(planNodeDns(dns(), NODES, []));
    expect(addressesOf(slice)).toEqual(['192.0.2.1', '192.0.2.2']);
    expect(slice?.ports).toEqual([
      { name: 'dns', protocol: 'UDP', port: 10053 },
      { name: 'dns-tcp', protocol: 'TCP', port: 10053 },
    ]);
    expect(slice?.endpoints?.[0]).toMatchObject({ nodeName: 'a', zone: 'z', conditions: { ready: true } });
    expect(slice?.metadata.ownerReferences?.[0]).toMatchObject({ kind: 'Service', name: 'kube-dns', uid: 'u' });
  });

  it('have a slice for each family of the service', () => {
    const slices = slicesOf(planNodeDns(dns({ clusterIPs: ['10.96.0.10', 'fd01::a'] }), NODES, []));
    expect(slices.map(each => [each.addressType, addressesOf(each)])).toEqual([
      ['IPv4', ['192.0.2.1', '192.0.2.2']],
      ['IPv6', ['fd00::2']],
    ]);
  });

  it('are left alone where they are right, whoever added what to the slice', () => {
    const found = slicesOf(planNodeDns(dns(), NODES, [])).map(slice => ({
      ...slice,
      metadata: { ...slice.metadata, labels: { ...slice.metadata.labels, more: 'x' }, resourceVersion: '7' },
    }));
    expect(planNodeDns(dns(), [...NODES].reverse(), found)).toEqual([]);
  });

  it('follow a node that is lost, and keep what others added', () => {
    const found = slicesOf(planNodeDns(dns(), NODES, [])).map(slice => ({
      ...slice,
      metadata: { ...slice.metadata, labels: { ...slice.metadata.labels, more: 'x' }, resourceVersion: '7' },
    }));
    const [action] = planNodeDns(dns(), [node('a', ['192.0.2.1'], 'False'), ...NODES.slice(0, 1)], found);
    expect(action).toMatchObject({
      kind: 'update',
      slice: { metadata: { resourceVersion: '7', labels: { more: 'x' } } },
    });
    expect(addressesOf(slicesOf(action === undefined ? [] : [action])[0])).toEqual(['192.0.2.2']);
  });

  it('are no node that is going', () => {
    const going = node('a', ['192.0.2.1'], 'True', { deletionTimestamp: '2026-01-01T00:00:00Z' });
    expect(addressesOf(slicesOf(planNodeDns(dns(), [going], []))[0])).toEqual([]);
  });

  it.each([
    ['is gone', undefined],
    ['selects pods, which are somebody else’s', dns({ selector: { app: 'dns' } })],
  ])('go when the service %s', (_, service) => {
    const found = slicesOf(planNodeDns(dns(), NODES, []));
    expect(planNodeDns(service, NODES, found)).toMatchObject([{ kind: 'delete', name: 'kube-dns-nodes-ipv4' }]);
  });
});
