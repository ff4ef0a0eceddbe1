import { describe, expect, it } from 'vitest';
import type { Node, Pod, Service } from '../../../src/api/types/gen/core-v1.ts';
import type { AddressType, EndpointSlice } from '../../../src/api/types/gen/discovery-v1.ts';
import { planSlices, type SlicePlan } from '../../../src/controllers/endpointslice/plan.ts';
import { type Random, seededRandom } from '../../harness/random.ts';

const LAST_CHANGE = 'endpoints.kubernetes.io/last-change-trigger-time';
const NODES: Readonly<Record<string, Node>> = Object.fromEntries(
  ['a', 'b'].map(zone => [
    `node-${zone}`,
    {
      metadata: { name: `node-${zone}`, labels: { 'topology.kubernetes.io/zone': `zone-${zone}` } },
    } as unknown as Node,
  ]),
);

interface PodFacts {
  readonly ready?: boolean;
  readonly ips?: readonly string[];
  readonly phase?: string;
  readonly deleted?: boolean;
  readonly node?: string;
  readonly spec?: object;
}

function pod(i: number, facts: PodFacts = {}): Pod {
  const { ready = true, ips = [`10.0.${Math.floor(i / 250)}.${(i % 250) + 1}`], phase = 'Running' } = facts;
  const podIPs = ips.map(ip => ({ ip }));
  return {
    metadata: {
      name: `p${i}`,
      namespace: 'n',
      uid: `u${i}`,
      ...(facts.deleted === true ? { deletionTimestamp: '2030-01-01T00:00:00Z' } : {}),
    },
    spec: { nodeName: facts.node ?? 'node-a', containers: [{ name: 'c' }], ...facts.spec },
    status: {
      phase,
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      ...(ips.length === 0 ? {} : { podIP: ips[0], podIPs }),
    },
  } as unknown as Pod;
}

function pods(count: number, from = 0, facts: PodFacts = {}): Pod[] {
  return Array.from({ length: count }, (_, i) => pod(from + i, facts));
}

function service(spec: object = {}, metadata: object = {}): Service {
  return {
    metadata: { name: 'web', namespace: 'n', uid: 's', ...metadata },
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

/** What an API server would hold after plans were carried out. */
class World {
  service: Service;
  pods: readonly Pod[] = [];
  slices: readonly EndpointSlice[] = [];
  nodes = NODES;
  readonly #max: number;
  #made = 0;

  constructor(given: Service, max = 100) {
    this.service = given;
    this.#max = max;
  }

  plan(triggerTime?: string): SlicePlan {
    const { slices, service: given, pods: selected } = this;
    const nodeOf = (name: string): Node | undefined => this.nodes[name];
    return planSlices({ service: given, pods: selected, slices, nodeOf, triggerTime, max: this.#max });
  }

  /** One look, carried out; the first so many writes of it where it is cut off. */
  step(triggerTime?: string, writes = Number.POSITIVE_INFINITY): string {
    const actions = this.plan(triggerTime).actions.slice(0, writes);
    for (const { kind, slice } of actions) {
      const others = this.slices.filter(({ metadata }) => metadata.name !== slice.metadata.name);
      this.#made += 1;
      const name = slice.metadata.name ?? `${slice.metadata.generateName}${this.#made}`;
      const held = { ...slice, metadata: { ...slice.metadata, name, resourceVersion: `${this.#made}` } };
      this.slices = kind === 'delete' ? others : [...others, held];
    }
    return actions
      .map(({ kind }) => kind)
      .toSorted()
      .join(' ');
  }

  sizes(): number[] {
    return this.slices.map(({ endpoints }) => endpoints.length).toSorted((a, b) => b - a);
  }

  addresses(): string[] {
    return this.slices.flatMap(({ endpoints }) => endpoints.flatMap(({ addresses }) => addresses)).toSorted();
  }

  /** Slices with so many endpoints each, of pods that are numbered on. */
  static filled(sizes: readonly number[], given = service()): World {
    const world = new World(given);
    let from = 0;
    for (const size of sizes) {
      const part = new World(given);
      part.pods = pods(size, from);
      part.step();
      world.pods = [...world.pods, ...part.pods];
      world.slices = [
        ...world.slices,
        ...part.slices.map(slice => ({ ...slice, metadata: { ...slice.metadata, name: `web-${from}x` } })),
      ];
      from += size;
    }
    return world;
  }
}

const one = (spec: object, facts: PodFacts = {}) => {
  const world = new World(service(spec));
  world.pods = [pod(0, facts)];
  world.step();
  return world.slices[0]?.endpoints[0];
};

describe('a slice', () => {
  it('shows a pod with its address, node, zone and state, and the labels of its service', () => {
    const world = new World(service({}, { labels: { tier: 'front', 'kubernetes.io/service-name': 'lie' } }));
    world.pods = [pod(0)];
    world.step('2030-01-01T00:00:00Z');
    expect(world.slices).toEqual([
      {
        metadata: {
          namespace: 'n',
          name: 'web-1',
          generateName: 'web-',
          resourceVersion: '1',
          labels: {
            tier: 'front',
            'kubernetes.io/service-name': 'web',
            'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
          },
          annotations: { [LAST_CHANGE]: '2030-01-01T00:00:00Z' },
          ownerReferences: [
            { apiVersion: 'v1', kind: 'Service', name: 'web', uid: 's', controller: true, blockOwnerDeletion: true },
          ],
        },
        addressType: 'IPv4',
        ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
        endpoints: [
          {
            addresses: ['10.0.0.1'],
            conditions: { ready: true, serving: true, terminating: false },
            targetRef: { kind: 'Pod', namespace: 'n', name: 'p0', uid: 'u0' },
            nodeName: 'node-a',
            zone: 'zone-a',
          },
        ],
      },
    ]);
  });

  const states: readonly [string, object, PodFacts, readonly boolean[] | undefined][] = [
    ['a ready pod', {}, {}, [true, true, false]],
    ['a pod that is not ready', {}, { ready: false }, [false, false, false]],
    ['a pod on its way out that still serves', {}, { deleted: true }, [false, true, true]],
    ['a pod on its way out', {}, { deleted: true, ready: false }, [false, false, true]],
    [
      'a pod that is not ready, wanted all the same',
      { publishNotReadyAddresses: true },
      { ready: false },
      [true, false, false],
    ],
    [
      'a pod on its way out, wanted all the same',
      { publishNotReadyAddresses: true },
      { deleted: true },
      [true, true, true],
    ],
    ['a pod that succeeded', {}, { phase: 'Succeeded' }, undefined],
    ['a pod that failed', {}, { phase: 'Failed', ready: false }, undefined],
    ['a pod without an address', {}, { ips: [] }, undefined],
    ['a pod of another family', {}, { ips: ['fd00::1'] }, undefined],
    ['a pod of a node that there is not', {}, { node: 'gone' }, undefined],
    [
      'a pod of a node that there is not, wanted all the same',
      { publishNotReadyAddresses: true },
      { node: 'gone' },
      [true, true, false],
    ],
  ];
  it.each(states)('shows the state of %s', (_, spec, facts, expected) => {
    const { ready, serving, terminating } = one(spec, facts)?.conditions ?? {};
    expect([ready, serving, terminating]).toEqual(expected ?? [undefined, undefined, undefined]);
  });

  it('tells of pods whose node is not there', () => {
    const world = new World(service());
    world.pods = [pod(0), pod(1, { node: 'gone' })];
    expect(world.plan().skipped.map(({ metadata }) => metadata.name)).toEqual(['p1']);
  });

  it('has the name of a pod in DNS where the subdomain of the pod is the service', () => {
    expect(one({}, { spec: { hostname: 'db-0', subdomain: 'web' } })?.hostname).toBe('db-0');
    expect(one({}, { spec: { hostname: 'db-0', subdomain: 'other' } })?.hostname).toBeUndefined();
  });

  it('spells addresses as everybody does', () => {
    expect(one({ ipFamilies: ['IPv6'] }, { ips: ['FD00:0::01'] })?.addresses).toEqual(['fd00::1']);
  });

  it('is one for each family of the service', () => {
    const world = new World(service({ ipFamilies: ['IPv6', 'IPv4'] }));
    world.pods = [pod(0, { ips: ['10.0.0.1', 'fd00::1'] }), pod(1, { ips: ['10.0.0.2'] })];
    world.step();
    const shown = world.slices.map(slice => [slice.addressType, slice.endpoints.map(({ addresses }) => addresses[0])]);
    expect(shown).toEqual([
      ['IPv6', ['fd00::1']],
      ['IPv4', ['10.0.0.1', '10.0.0.2']],
    ]);
    world.service = service();
    expect(world.step()).toBe('delete');
    expect(world.slices.map(({ addressType }) => addressType)).toEqual(['IPv4']);
  });

  const families: readonly [string, object, readonly AddressType[]][] = [
    ['its families', { ipFamilies: ['IPv6'] }, ['IPv6']],
    ['its address', { ipFamilies: undefined, clusterIP: 'fd00::9' }, ['IPv6']],
    ['neither, so both', { ipFamilies: undefined, clusterIP: 'None' }, ['IPv4', 'IPv6']],
  ];
  it.each(families)('is of the family that a service tells by %s', (_, spec, expected) => {
    const world = new World(service(spec));
    world.step();
    expect(world.slices.map(({ addressType }) => addressType)).toEqual(expected);
  });

  it('is labelled as headless where the service has no address', () => {
    const world = new World(service({ clusterIP: 'None', ports: undefined }));
    world.pods = [pod(0)];
    world.step();
    expect(world.slices[0]?.metadata.labels).toHaveProperty(['service.kubernetes.io/headless'], '');
    expect([world.slices[0]?.ports, world.sizes()]).toEqual([[], [1]]);
  });
});

describe('ports by name', () => {
  it('lead to slices of their own where pods have them elsewhere', () => {
    const named = (i: number): object => ({
      containers: [{ name: 'c', ports: [{ name: 'web', containerPort: 8080 + (i % 5), protocol: 'TCP' }] }],
    });
    const world = new World(service({ ports: [{ port: 80, targetPort: 'web', protocol: 'TCP' }] }));
    world.pods = Array.from({ length: 300 }, (_, i) => pod(i, { spec: named(i) }));
    expect(world.step()).toBe('create create create create create');
    expect(world.sizes()).toEqual([60, 60, 60, 60, 60]);
    expect(world.slices.map(({ ports }) => ports[0]?.port).toSorted()).toEqual([8080, 8081, 8082, 8083, 8084]);
  });

  const port = { name: 'web', containerPort: 9090 };
  const found: readonly [string, object, number | undefined][] = [
    ['of a container', { containers: [{ name: 'c', ports: [{ ...port, protocol: 'TCP' }] }] }, 9090],
    ['of a sidecar', { initContainers: [{ name: 's', restartPolicy: 'Always', ports: [port] }] }, 9090],
    [
      'not of a container that ends before the others begin',
      { initContainers: [{ name: 's', ports: [port] }] },
      undefined,
    ],
    ['not of another protocol', { containers: [{ name: 'c', ports: [{ ...port, protocol: 'UDP' }] }] }, undefined],
  ];
  it.each(found)('are %s', (_, spec, expected) => {
    const world = new World(service({ ports: [{ port: 80, targetPort: 'web', protocol: 'TCP' }] }));
    world.pods = [pod(0, { spec })];
    world.step();
    expect([world.sizes(), world.slices[0]?.ports[0]?.port]).toEqual([[1], expected]);
  });
});

describe('packing', () => {
  const packings: readonly [string, readonly number[], number, string, readonly number[]][] = [
    ['fills new slices', [], 250, 'create create create', [100, 100, 50]],
    ['puts the rest into the slice that it fills best', [62, 61], 127, 'create update', [100, 89, 61]],
    ['makes a slice rather than to split the rest', [74, 74], 152, 'create create', [100, 74, 74, 52]],
    ['fills a slice to the brim', [60], 40, 'update', [100]],
    ['writes nothing where nothing is new', [30, 30, 30], 0, '', [30, 30, 30]],
  ];
  it.each(packings)('%s', (_, present, more, actions, sizes) => {
    const world = World.filled(present);
    world.pods = [...world.pods, ...pods(more, 400)];
    expect(world.step()).toBe(actions);
    expect(world.sizes()).toEqual(sizes);
    expect(world.step()).toBe('');
  });

  it('fills the fullest of the slices that are written anyway', () => {
    const world = World.filled([80, 20]);
    world.pods = [...world.pods.map((_, i) => pod(i, { ready: i % 10 !== 0 })), ...pods(15, 200)];
    expect(world.step()).toBe('update update');
    expect(world.sizes()).toEqual([95, 20]);
  });

  it('packs anew where other ports make every slice to be written', () => {
    const world = World.filled(Array.from({ length: 10 }, () => 30));
    expect(world.step()).toBe('');
    world.service = service({ ports: [{ name: 'http', port: 80, targetPort: 81, protocol: 'TCP' }] });
    expect(world.step()).toBe([...Array(7).fill('delete'), 'update', 'update', 'update'].join(' '));
    expect(world.sizes()).toEqual([100, 100, 100]);
  });

  it('writes every slice when the service is labelled anew', () => {
    const world = World.filled([40, 40]);
    world.service = service({}, { labels: { tier: 'front' } });
    expect(world.step()).toBe('update update');
    expect(world.step()).toBe('');
  });

  it('deletes a slice that nothing is left of', () => {
    const world = World.filled([40, 40]);
    world.pods = world.pods.slice(0, 40);
    expect(world.step()).toBe('delete');
  });

  it('writes a slice when a node is in another zone', () => {
    const world = World.filled([3]);
    world.nodes = { 'node-a': { metadata: { name: 'node-a' } } as unknown as Node };
    expect(world.step()).toBe('update');
    expect(world.slices[0]?.endpoints[0]).not.toHaveProperty('zone');
  });

  it('writes a slice when a pod was made anew with its name and address', () => {
    const world = World.filled([3]);
    world.pods = world.pods.map(each => ({ ...each, metadata: { ...each.metadata, uid: 'new' } }));
    expect(world.step()).toBe('update');
    expect(world.step()).toBe('');
  });

  it('takes an endpoint out of a second slice that has it too', () => {
    const world = World.filled([40]);
    const [slice] = world.slices;
    world.slices = [...world.slices, { ...slice, metadata: { ...slice?.metadata, name: 'twin' } } as EndpointSlice];
    expect(world.step()).toBe('delete');
    expect(world.addresses()).toHaveLength(40);
  });
});

describe('a service without endpoints', () => {
  it('has one empty slice, which stays as it is', () => {
    const world = new World(service());
    expect(world.step()).toBe('create');
    expect([world.sizes(), world.slices[0]?.ports]).toEqual([[0], []]);
    expect(world.step()).toBe('');
  });

  it('keeps the last slice for that, and gives it back to the first endpoint', () => {
    const world = World.filled([3]);
    world.pods = [];
    expect(world.step()).toBe('update');
    expect([world.sizes(), world.slices[0]?.ports]).toEqual([[0], []]);
    world.pods = [pod(0)];
    expect(world.step()).toBe('update');
    expect([world.sizes(), world.slices[0]?.ports]).toEqual([[1], [{ name: 'http', port: 8080, protocol: 'TCP' }]]);
  });

  it('has no slice made while it is deleted', () => {
    const world = new World(service({}, { deletionTimestamp: '2030-01-01T00:00:00Z' }));
    expect(world.step()).toBe('');
  });

  it('makes an empty slice of its own where there is one of a service that had its name', () => {
    const world = new World(service());
    world.step();
    world.service = service({}, { uid: 'other' });
    expect(world.step()).toBe('create delete');
    expect(world.step()).toBe('');
  });

  it('does not write into slices of a service that had its name', () => {
    const world = World.filled([3]);
    world.service = service({}, { uid: 'other' });
    expect(world.step()).toBe('create delete');
  });
});

describe('the time since when a change was to be seen', () => {
  it('is of the last write alone', () => {
    const world = World.filled([3]);
    world.pods = pods(4);
    world.step('2030-01-01T00:00:00Z');
    expect(world.slices[0]?.metadata.annotations).toEqual({ [LAST_CHANGE]: '2030-01-01T00:00:00Z' });
    world.pods = pods(5);
    world.step();
    expect(world.slices[0]?.metadata.annotations).toEqual({});
  });
});

describe('hints', () => {
  const zones = { forZones: [{ name: 'zone-b' }] };
  const hints: readonly [string, object, object, PodFacts, object | undefined][] = [
    ['none', {}, {}, {}, undefined],
    ['the zone', { trafficDistribution: 'PreferClose' }, {}, {}, zones],
    ['the zone', { trafficDistribution: 'PreferSameZone' }, {}, {}, zones],
    ['node and zone', { trafficDistribution: 'PreferSameNode' }, {}, {}, { ...zones, forNodes: [{ name: 'node-b' }] }],
    ['none for a pod that is not ready', { trafficDistribution: 'PreferClose' }, {}, { ready: false }, undefined],
    ['none for a value of tomorrow', { trafficDistribution: 'PreferMoon' }, {}, {}, undefined],
    [
      'none where the shares of zones are asked for',
      { trafficDistribution: 'PreferClose' },
      { annotations: { 'service.kubernetes.io/topology-mode': 'Auto' } },
      {},
      undefined,
    ],
  ];
  it.each(hints)('are %s for %o %o', (_, spec, metadata, facts, expected) => {
    const world = new World(service(spec, metadata));
    world.pods = [pod(0, { node: 'node-b', ...facts })];
    world.step();
    expect(world.slices[0]?.endpoints[0]?.hints).toEqual(expected);
    expect(world.step()).toBe('');
  });

  it('come and go with what the service asks for, in slices that nothing else changes', () => {
    const world = World.filled([40, 40]);
    world.service = service({ trafficDistribution: 'PreferSameNode' });
    expect(world.step()).toBe('update update');
    expect(world.step()).toBe('');
    world.service = service();
    expect(world.step()).toBe('update update');
    expect(world.slices.flatMap(slice => slice.endpoints).filter(({ hints: told }) => told !== undefined)).toEqual([]);
  });
});

describe('any history of pods', () => {
  const MAX = 7;

  function change(random: Random, present: readonly Pod[], next: number): readonly Pod[] {
    const at = random.below(present.length + 1);
    const others = present.filter((_, i) => i !== at);
    const i = Number(present[at]?.metadata.name?.slice(1) ?? next);
    switch (random.pick(['add', 'add', 'remove', 'toggle', 'delete', 'end', 'move'])) {
      case 'add':
        return [...present, ...pods(random.below(12), next)];
      case 'remove':
        return others;
      case 'toggle':
        return [...others, pod(i, { ready: random.below(2) === 0 })];
      case 'delete':
        return [...others, pod(i, { deleted: true, ready: random.below(2) === 0 })];
      case 'end':
        return [...others, pod(i, { phase: 'Failed', ready: false })];
      default:
        return [...others, pod(i, { ips: [`10.9.${random.below(200)}.${i % 250}`], node: 'node-b' })];
    }
  }

  const seed = seededRandom().seed;
  it(`ends in exactly its addresses, in slices that are not too full, with no needless write, cut off anywhere (seed ${seed})`, () => {
    const random = seededRandom(seed);
    for (let history = 0; history < 25; history += 1) {
      const world = new World(service(), MAX);
      for (let step = 0; step < 40; step += 1) {
        world.pods = change(random, world.pods, history * 1000 + step * 12);
        const before = new Map(world.slices.map(slice => [slice.metadata.name, JSON.stringify(slice)]));
        const { actions } = world.plan();
        const needless = actions.filter(
          ({ kind, slice }) => kind === 'update' && JSON.stringify(slice) === before.get(slice.metadata.name),
        );
        expect(needless).toEqual([]);
        // cut off anywhere, the next look begins with what is there
        world.step(undefined, random.below(4));
        world.step();
        const wanted = world.pods.filter(({ status }) => status.phase === 'Running');
        expect(world.addresses()).toEqual(wanted.map(({ status }) => status.podIP).toSorted());
        expect(Math.max(...world.sizes())).toBeLessThanOrEqual(MAX);
        const ready = world.slices.flatMap(({ endpoints }) => endpoints.filter(({ conditions }) => conditions.ready));
        expect(ready).toHaveLength(wanted.filter(each => isServing(each)).length);
        expect(world.step()).toBe('');
      }
    }
  });

  const isServing = ({ metadata, status }: Pod): boolean =>
    metadata.deletionTimestamp === undefined && status.conditions?.[0]?.status === 'True';
});
