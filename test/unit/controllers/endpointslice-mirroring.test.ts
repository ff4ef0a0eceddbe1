import { describe, expect, it } from 'vitest';
import type { EndpointSubset, Endpoints, Service } from '../../../src/api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../../src/api/types/gen/discovery-v1.ts';
import { type MirrorPlan, planMirror } from '../../../src/controllers/endpointslice-mirroring/plan.ts';

const SERVICE = { metadata: { name: 'web', namespace: 'n' }, spec: {} } as unknown as Service;
const at = (...ips: string[]) => ips.map(ip => ({ ip }));
const port = (number: number) => ({ name: `p${number}`, port: number, protocol: 'TCP' }) as const;
const A: EndpointSubset = { addresses: at('10.0.0.1'), ports: [port(80)] };

function endpoints(subsets: readonly EndpointSubset[], metadata: object = {}): Endpoints {
  return { metadata: { name: 'web', namespace: 'n', uid: 'e', ...metadata }, subsets } as unknown as Endpoints;
}

const plan = (
  given: Endpoints | undefined,
  slices: readonly EndpointSlice[] = [],
  service: Service | undefined = SERVICE,
): MirrorPlan => planMirror({ endpoints: given, service, slices, max: 3 });

/** What an API server holds after the first plan. */
const mirrored = (given: Endpoints): EndpointSlice[] =>
  plan(given).actions.map(({ slice }, i) => ({
    ...slice,
    metadata: { ...slice.metadata, name: `web-${i}`, uid: `u${i}`, resourceVersion: '1' },
  }));

const kinds = ({ actions }: MirrorPlan): string => actions.map(({ kind }) => kind).join(' ');

describe('a mirror of Endpoints', () => {
  it('shows every address with its state, and the labels and annotations of the Endpoints', () => {
    const given = endpoints(
      [
        {
          addresses: [{ ip: '10.0.0.1', hostname: 'db', nodeName: 'node-a', targetRef: { kind: 'Pod', name: 'p' } }],
          notReadyAddresses: at('10.0.0.2'),
          ports: [port(80)],
        },
      ],
      {
        labels: { tier: 'front' },
        annotations: {
          theirs: 'yes',
          'endpoints.kubernetes.io/last-change-trigger-time': '2030-01-01T00:00:00Z',
          'kubectl.kubernetes.io/last-applied-configuration': '{}',
        },
      },
    );
    expect(plan(given).actions).toEqual([
      {
        kind: 'create',
        because: 'no slice holds this: IPv4, 2 endpoints',
        slice: {
          metadata: {
            namespace: 'n',
            generateName: 'web-',
            labels: {
              tier: 'front',
              'kubernetes.io/service-name': 'web',
              'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
            },
            annotations: { theirs: 'yes' },
            ownerReferences: [
              {
                apiVersion: 'v1',
                kind: 'Endpoints',
                name: 'web',
                uid: 'e',
                controller: true,
                blockOwnerDeletion: true,
              },
            ],
          },
          addressType: 'IPv4',
          ports: [port(80)],
          endpoints: [
            {
              addresses: ['10.0.0.1'],
              conditions: { ready: true },
              hostname: 'db',
              nodeName: 'node-a',
              targetRef: { kind: 'Pod', name: 'p' },
            },
            { addresses: ['10.0.0.2'], conditions: { ready: false } },
          ],
        },
      },
    ]);
  });

  const tables: readonly [string, readonly EndpointSubset[], readonly string[]][] = [
    ['no subsets', [], []],
    ['no addresses', [{ ports: [port(80)] }], []],
    ['one address', [A], ['IPv4 80: 10.0.0.1']],
    [
      'other ports and addresses',
      [A, { addresses: at('10.0.0.2'), ports: [port(81)] }],
      ['IPv4 80: 10.0.0.1', 'IPv4 81: 10.0.0.2'],
    ],
    ['other ports of one address', [A, { addresses: at('10.0.0.1'), ports: [port(81)] }], ['IPv4 80,81: 10.0.0.1']],
    [
      'other addresses of one port',
      [A, { addresses: at('10.0.0.2'), ports: [port(80)] }],
      ['IPv4 80: 10.0.0.1,10.0.0.2'],
    ],
    [
      'both families',
      [{ addresses: at('10.0.0.1', 'fd00::1'), ports: [port(80)] }],
      ['IPv4 80: 10.0.0.1', 'IPv6 80: fd00::1'],
    ],
    ['a family alone', [{ addresses: at('fd00::1'), ports: [port(80)] }], ['IPv6 80: fd00::1']],
    ['no ports', [{ addresses: at('10.0.0.1') }], ['IPv4 : 10.0.0.1']],
  ];
  it.each(tables)('has a slice for each set of ports and family: %s', (_, subsets, expected) => {
    const slices = plan(endpoints(subsets)).actions.map(({ slice }) => {
      const ports = slice.ports.map(each => each.port).join();
      return `${slice.addressType} ${ports}: ${slice.endpoints.map(({ addresses }) => addresses[0]).join()}`;
    });
    expect(slices).toEqual(expected);
  });

  it('is not written again', () => {
    const given = endpoints([A, { addresses: at('fd00::1'), ports: [port(81)] }], { labels: { tier: 'front' } });
    expect(kinds(plan(given, mirrored(given)))).toBe('');
  });

  const changes: readonly [string, readonly EndpointSubset[], object, string][] = [
    ['an address more', [{ ...A, addresses: at('10.0.0.1', '10.0.0.2') }], {}, 'update'],
    ['another state', [{ notReadyAddresses: at('10.0.0.1'), ports: [port(80)] }], {}, 'update'],
    ['another port', [{ addresses: at('10.0.0.1'), ports: [port(81)] }], {}, 'update'],
    ['another family', [{ addresses: at('fd00::1'), ports: [port(80)] }], {}, 'create delete'],
    ['another label', [A], { labels: { tier: 'back' } }, 'update'],
    ['another annotation', [A], { annotations: { theirs: 'no' } }, 'update'],
    ['Endpoints of another life', [A], { uid: 'f' }, 'update'],
    ['nothing left', [], {}, 'delete'],
    [
      'Endpoints that are not to be mirrored',
      [A],
      { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
      'delete',
    ],
    ['an election of a leader', [A], { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } }, 'delete'],
  ];
  it.each(changes)('follows %s', (_, subsets, metadata, expected) => {
    expect(kinds(plan(endpoints(subsets, metadata), mirrored(endpoints([A]))))).toBe(expected);
  });

  it('writes over the version that it saw', () => {
    const slices = mirrored(endpoints([A]));
    const [action] = plan(endpoints([A], { labels: { tier: 'back' } }), slices).actions;
    const expected = { name: 'web-0', generateName: 'web-', uid: 'u0', resourceVersion: '1' };
    expect(action?.slice.metadata).toMatchObject(expected);
  });

  it('has one slice where there are several of the same ports', () => {
    const given = endpoints([A]);
    const [slice] = mirrored(given);
    const twin = { ...slice, metadata: { ...slice?.metadata, name: 'twin' } } as EndpointSlice;
    expect(kinds(plan(given, [...mirrored(given), twin]))).toBe('delete');
  });

  const gone: readonly [string, Endpoints | undefined, Service | undefined][] = [
    ['its Endpoints', undefined, SERVICE],
    ['its service', endpoints([A]), { ...SERVICE, spec: { selector: { app: 'web' } } } as unknown as Service],
  ];
  it.each(gone)('goes with %s: where that is gone, or finds its endpoints itself', (_, given, service) => {
    expect(kinds(plan(given, mirrored(endpoints([A])), service))).toBe('delete');
  });

  it('goes where there is no service', () => {
    const facts = { endpoints: endpoints([A]), service: undefined, slices: mirrored(endpoints([A])) };
    expect(kinds(planMirror(facts))).toBe('delete');
  });

  it('is not made while its Endpoints are deleted', () => {
    expect(kinds(plan(endpoints([A], { deletionTimestamp: '2030-01-01T00:00:00Z' })))).toBe('');
  });

  it('tells of what it leaves out', () => {
    const { actions, warnings } = plan(
      endpoints([{ addresses: at('10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'), ports: [port(80)] }]),
    );
    expect(actions[0]?.slice.endpoints).toHaveLength(3);
    expect(warnings).toEqual([
      {
        reason: 'TooManyAddressesToMirror',
        message:
          'A max of 3 addresses can be mirrored to EndpointSlices per Endpoints subset. 1 addresses were skipped',
      },
    ]);
  });

  it('tells of what is no address', () => {
    const { warnings } = plan(endpoints([{ addresses: at('1.2.3', '10.0.0.1'), ports: [port(80)] }]));
    expect(warnings).toEqual([
      { reason: 'InvalidIPAddress', message: 'Skipped 1 invalid IP addresses when mirroring to EndpointSlices' },
    ]);
  });
});
