import { describe, expect, it } from 'vitest';
import type { EndpointAddress, EndpointSubset, Endpoints, Pod, Service } from '../../../src/api/types/gen/core-v1.ts';
import { type EndpointsPlan, planEndpoints } from '../../../src/controllers/endpoints/plan.ts';
import { repackSubsets, truncateSubsets } from '../../../src/controllers/endpoints/subsets.ts';
import { seededRandom } from '../../harness/random.ts';

const OVER = 'endpoints.kubernetes.io/over-capacity';
const LAST_CHANGE = 'endpoints.kubernetes.io/last-change-trigger-time';

interface PodFacts {
  readonly ready?: boolean;
  readonly ips?: readonly string[];
  readonly phase?: string;
  readonly deleted?: boolean;
  readonly spec?: object;
}

function pod(i: number, facts: PodFacts = {}): Pod {
  const { ready = true, ips = [`10.0.${Math.floor(i / 250)}.${(i % 250) + 1}`], phase = 'Running' } = facts;
  const deleted = facts.deleted === true ? { deletionTimestamp: '2030-01-01T00:00:00Z' } : {};
  return {
    metadata: { name: `p${i}`, namespace: 'n', uid: `u${i}`, ...deleted },
    spec: { nodeName: 'node-a', containers: [{ name: 'c' }], ...facts.spec },
    status: {
      phase,
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      ...(ips.length === 0 ? {} : { podIP: ips[0], podIPs: ips.map(ip => ({ ip })) }),
    },
  } as unknown as Pod;
}

function service(spec: object = {}, labels: object = {}): Service {
  return {
    metadata: { name: 'web', namespace: 'n', uid: 's', labels },
    spec: {
      type: 'ClusterIP',
      clusterIP: '10.96.0.9',
      ipFamilies: ['IPv4'],
      selector: { app: 'web' },
      ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
      ...spec,
    },
  } as unknown as Service;
}

const plan = (
  given: Service,
  pods: readonly Pod[],
  present?: Endpoints,
  triggerTime?: string,
): EndpointsPlan | undefined => planEndpoints({ service: given, pods, present, triggerTime });

/** What an API server holds after the plan. */
const written = (given: Service, pods: readonly Pod[], present?: Endpoints): Endpoints => {
  const made = plan(given, pods, present)?.endpoints;
  if (made === undefined) throw new Error('nothing is to be written');
  return { ...made, metadata: { ...made.metadata, resourceVersion: '1' } };
};

const shown = (spec: object, facts: PodFacts): string => {
  const [subset] = written(service(spec), [pod(0, facts)]).subsets ?? [];
  if (subset === undefined) return 'none';
  return subset.addresses === undefined ? 'not ready' : `ready ${subset.addresses[0]?.ip}`;
};

describe('Endpoints', () => {
  it('show the pods of a service with its labels', () => {
    const made = plan(
      service({}, { tier: 'front' }),
      [pod(1), pod(0, { ready: false })],
      undefined,
      '2030-01-01T00:00:00Z',
    );
    const target = (i: number): object => ({
      ip: `10.0.0.${i + 1}`,
      nodeName: 'node-a',
      targetRef: { kind: 'Pod', namespace: 'n', name: `p${i}`, uid: `u${i}` },
    });
    expect(made).toEqual({
      kind: 'create',
      because: 'there is none',
      endpoints: {
        metadata: {
          name: 'web',
          namespace: 'n',
          labels: { tier: 'front', 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' },
          annotations: { [LAST_CHANGE]: '2030-01-01T00:00:00Z' },
        },
        subsets: [
          {
            addresses: [target(1)],
            notReadyAddresses: [target(0)],
            ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
          },
        ],
      },
    });
  });

  const everyone = { publishNotReadyAddresses: true };
  const states: readonly [string, object, PodFacts, string][] = [
    ['a ready pod', {}, {}, 'ready 10.0.0.1'],
    ['a pod that is not ready', {}, { ready: false }, 'not ready'],
    ['a pod that is not ready, wanted all the same', everyone, { ready: false }, 'ready 10.0.0.1'],
    ['a pod on its way out', {}, { deleted: true }, 'none'],
    ['a pod on its way out, wanted all the same', everyone, { deleted: true }, 'ready 10.0.0.1'],
    ['a pod that succeeded', everyone, { phase: 'Succeeded' }, 'none'],
    ['a pod that failed', everyone, { phase: 'Failed' }, 'none'],
    ['a pod without an address', {}, { ips: [] }, 'none'],
    ['a pod of two families', {}, { ips: ['fd00::1', '10.0.0.7'] }, 'ready 10.0.0.7'],
    [
      'a pod of two families, of which the other comes first',
      { ipFamilies: ['IPv6', 'IPv4'] },
      { ips: ['10.0.0.7', 'fd00::1'] },
      'ready fd00::1',
    ],
    ['a pod without the family', { ipFamilies: ['IPv6'] }, {}, 'none'],
    [
      'a pod where the address of the service tells the family',
      { ipFamilies: [], clusterIP: 'fd00::9' },
      { ips: ['10.0.0.7', 'fd00::1'] },
      'ready fd00::1',
    ],
    [
      'a pod where nothing tells the family',
      { ipFamilies: [], clusterIP: 'None' },
      { ips: ['fd00::1'] },
      'ready fd00::1',
    ],
    ['a pod without the port', { ports: [{ port: 80, targetPort: 'web', protocol: 'TCP' }] }, {}, 'none'],
    ['a pod of a headless service without ports', { ports: [], clusterIP: 'None' }, {}, 'ready 10.0.0.1'],
    ['a pod of a service without ports', { ports: [] }, {}, 'none'],
  ];
  it.each(states)('show the state of %s', (_, spec, facts, expected) => {
    expect(shown(spec, facts)).toBe(expected);
  });

  it('are labelled as headless where the service has no address, whatever it says itself', () => {
    const label = 'service.kubernetes.io/headless';
    expect(written(service({ clusterIP: 'None' }), []).metadata.labels).toHaveProperty([label], '');
    expect(written(service({}, { [label]: '' }), []).metadata.labels).not.toHaveProperty([label]);
  });

  it('are written only where something differs: the order of lists, versions of pods and empty names do not', () => {
    const pods = [pod(0), pod(1), pod(2, { ready: false })];
    const unnamed = service({ ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }] });
    const present = written(unnamed, pods);
    expect(plan(unnamed, pods, present)).toBeUndefined();
    const reordered = (present.subsets ?? []).map(({ addresses = [], ports = [], ...others }) => ({
      ...others,
      addresses: addresses
        .toReversed()
        .map(each => ({ ...each, targetRef: { ...each.targetRef, resourceVersion: '7' } })),
      ports: ports.map(port => ({ ...port, name: '' })),
    }));
    expect(plan(unnamed, pods, { ...present, subsets: reordered })).toBeUndefined();
  });

  const differences: readonly [string, (present: Endpoints) => Endpoints, string][] = [
    ['addresses', present => ({ ...present, subsets: [] }), 'its addresses are others'],
    ['labels', present => ({ ...present, metadata: { ...present.metadata, labels: {} } }), 'its labels are others'],
    [
      'the annotation of those that are too many',
      present => ({ ...present, metadata: { ...present.metadata, annotations: { [OVER]: 'truncated' } } }),
      'it says otherwise how full it is',
    ],
  ];
  it.each(differences)('are written where %s differ', (_, change, because) => {
    const present = written(service(), [pod(0)]);
    expect(plan(service(), [pod(0)], change(present))).toMatchObject({ kind: 'update', because });
  });

  it('are written where a pod was made anew with its name and address', () => {
    const anew = { ...pod(0), metadata: { ...pod(0).metadata, uid: 'new' } };
    const present = written(service(), [pod(0)]);
    expect(plan(service(), [anew], present)).toMatchObject({ because: 'its addresses are others' });
  });

  it('keep the annotations of others, and no time of an older change', () => {
    const present = written(service(), []);
    const annotations = { theirs: 'yes', [LAST_CHANGE]: '2029-01-01T00:00:00Z' };
    const made = plan(service(), [pod(0)], { ...present, metadata: { ...present.metadata, annotations } });
    expect(made?.endpoints.metadata.annotations).toEqual({ theirs: 'yes' });
  });

  it('hold at most 1,000 addresses, say so, and are not written again for that', () => {
    const pods = Array.from({ length: 1200 }, (_, i) => pod(i, { ready: i % 3 !== 0 }));
    const present = written(service(), pods);
    const [{ addresses = [], notReadyAddresses = [] } = {}] = present.subsets ?? [];
    expect([addresses.length, notReadyAddresses.length]).toEqual([800, 200]);
    expect(present.metadata.annotations).toEqual({ [OVER]: 'truncated' });
    expect(plan(service(), pods, present)).toBeUndefined();
    expect(written(service(), pods.slice(0, 1000), present).metadata.annotations).toEqual({});
  });
});

describe('subsets', () => {
  const at = (ip: string): EndpointAddress => ({ ip });
  const p = (port: number) => ({ port, protocol: 'TCP' }) as const;
  const packings: readonly [string, readonly EndpointSubset[], readonly EndpointSubset[]][] = [
    ['nothing', [], []],
    [
      'ports of one address',
      [
        { addresses: [at('a')], ports: [p(1)] },
        { addresses: [at('a')], ports: [p(2)] },
      ],
      [{ addresses: [at('a')], ports: [p(1), p(2)] }],
    ],
    [
      'addresses of one port',
      [
        { addresses: [at('b')], ports: [p(1)] },
        { addresses: [at('a')], ports: [p(1)] },
      ],
      [{ addresses: [at('a'), at('b')], ports: [p(1)] }],
    ],
    [
      'the same twice',
      [{ addresses: [at('a'), at('a')], ports: [p(1), p(1)] }],
      [{ addresses: [at('a')], ports: [p(1)] }],
    ],
    [
      'two states of one address',
      [{ addresses: [at('a')], notReadyAddresses: [at('a')], ports: [p(1)] }],
      [{ notReadyAddresses: [at('a')], ports: [p(1)] }],
    ],
    [
      'states that differ by port',
      [
        { addresses: [at('a')], ports: [p(1)] },
        { notReadyAddresses: [at('a')], ports: [p(2)] },
      ],
      [
        { addresses: [at('a')], ports: [p(1)] },
        { notReadyAddresses: [at('a')], ports: [p(2)] },
      ],
    ],
    [
      'addresses without ports',
      [{ addresses: [at('a')] }, { addresses: [at('b')], ports: [] }],
      [{ addresses: [at('a'), at('b')] }],
    ],
  ];
  it.each(packings)('are packed: %s', (_, given, expected) => {
    expect(repackSubsets(given)).toEqual(expected);
  });

  it('keep two pods that have one address', () => {
    const addresses = ['y', 'x'].map(uid => ({ ip: 'a', targetRef: { uid } }));
    expect(repackSubsets([{ addresses, ports: [p(1)] }])[0]?.addresses).toEqual(addresses.toReversed());
  });

  it('are packed to the same in whatever order they come', () => {
    const random = seededRandom(7);
    for (let round = 0; round < 100; round += 1) {
      const given = Array.from({ length: 8 }, () => ({
        [random.pick(['addresses', 'notReadyAddresses'])]: [at(random.pick(['a', 'b', 'c']))],
        ports: [p(random.below(3))],
      }));
      const shuffled = given.map(each => ({ each, by: random.next() })).toSorted((a, b) => a.by - b.by);
      const packed = repackSubsets(given);
      expect(repackSubsets(shuffled.map(({ each }) => each))).toEqual(packed);
      expect(repackSubsets(packed)).toEqual(packed);
    }
  });

  const cuts: readonly [string, readonly number[], readonly number[], readonly number[], readonly number[]][] = [
    [
      'of all there is room',
      [50, 100, 100, 100, 100],
      [50, 100, 100, 100, 100],
      [50, 100, 100, 100, 100],
      [50, 100, 100, 100, 100],
    ],
    [
      'they are exactly full',
      [100, 100, 100, 100, 100],
      [100, 100, 100, 100, 100],
      [100, 100, 100, 100, 100],
      [100, 100, 100, 100, 100],
    ],
    [
      'of the ready there is room',
      [90, 110, 50, 10, 20],
      [101, 200, 200, 201, 298],
      [90, 110, 50, 10, 20],
      [73, 144, 144, 145, 214],
    ],
    [
      'not even of the ready there is room',
      [205, 400, 402, 400, 693],
      [100, 200, 200, 200, 300],
      [98, 191, 192, 191, 328],
      [0, 0, 0, 0, 0],
    ],
  ];
  it.each(cuts)('are cut by their shares where %s', (_, ready, notReady, readyLeft, notReadyLeft) => {
    const many = (count: number): EndpointAddress[] => Array.from({ length: count }, (__, i) => at(`${i}`));
    const given = ready.map((count, i) => ({ addresses: many(count), notReadyAddresses: many(notReady[i] ?? 0) }));
    const cut = truncateSubsets(given, 1000);
    expect(cut.map(({ addresses }) => addresses?.length ?? 0)).toEqual(readyLeft);
    expect(cut.map(({ notReadyAddresses }) => notReadyAddresses?.length ?? 0)).toEqual(notReadyLeft);
  });

  it('that nothing is left of are left out', () => {
    const given = [{ addresses: [at('a'), at('b')] }, { notReadyAddresses: [at('c')] }];
    expect(truncateSubsets(given, 1)).toEqual([{ addresses: [at('a')] }]);
  });
});
