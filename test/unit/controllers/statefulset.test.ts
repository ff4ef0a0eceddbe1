import { describe, expect, it } from 'vitest';
import type { StatefulSet } from '../../../src/api/types/gen/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '../../../src/api/types/gen/core-v1.ts';
import { claimOwners, isStaleClaim } from '../../../src/controllers/statefulset/claim-owners.ts';
import {
  claimsOf,
  memberOf,
  ordinalOf,
  revisionFor,
  revisionOf,
  type SetRevision,
} from '../../../src/controllers/statefulset/members.ts';
import {
  planStatefulSet,
  type SetAction,
  type SetWorld,
  statefulSetStatus,
} from '../../../src/controllers/statefulset/plan.ts';
import { type Random, seededRandom } from '../../harness/random.ts';

const START = Date.UTC(2030, 0, 1);

interface Facts {
  readonly replicas?: number;
  readonly start?: number;
  readonly policy?: 'OrderedReady' | 'Parallel';
  readonly strategy?: object;
  readonly retention?: object;
  readonly minReady?: number;
}

function statefulSet(facts: Facts = {}): StatefulSet {
  return {
    metadata: { name: 'db', namespace: 'n', uid: 's', generation: 1 },
    spec: {
      replicas: facts.replicas ?? 3,
      serviceName: 'dbs',
      selector: { matchLabels: { app: 'db' } },
      template: template('db:1'),
      podManagementPolicy: facts.policy ?? 'OrderedReady',
      updateStrategy: facts.strategy ?? { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      minReadySeconds: facts.minReady ?? 0,
      volumeClaimTemplates: [{ metadata: { name: 'data', labels: { tier: 'gold' } }, spec: {} }],
      ...(facts.start === undefined ? {} : { ordinals: { start: facts.start } }),
      ...(facts.retention === undefined ? {} : { persistentVolumeClaimRetentionPolicy: facts.retention }),
    },
    status: { replicas: 0, availableReplicas: 0 },
  } as unknown as StatefulSet;
}

const template = (image: string) =>
  ({
    metadata: { labels: { app: 'db' } },
    spec: { containers: [{ name: 'c', image }], volumes: [{ name: 'data' }, { name: 'tmp' }] },
  }) as never;
const ONE: SetRevision = { name: 'db-one', template: template('db:1') };
const TWO: SetRevision = { name: 'db-two', template: template('db:2') };

/** The API server and nodes, as far as a set sees them. */
class World {
  set: StatefulSet;
  pods: readonly Pod[] = [];
  readonly claims = new Map<string, PersistentVolumeClaim>();
  current = ONE;
  update = ONE;
  now = START;
  #uids = 0;

  constructor(set: StatefulSet) {
    this.set = set;
  }

  view(): SetWorld {
    const { set, pods, current, update, now } = this;
    return { set, pods, current, update, now, claim: name => this.claims.get(name) };
  }

  /** Carries one plan out; what it did, in words. */
  step(): string[] {
    return planStatefulSet(this.view()).actions.map(action => this.#carryOut(action));
  }

  #carryOut(action: SetAction): string {
    switch (action.kind) {
      case 'create':
        for (const claim of action.claims) this.claims.set(claim.metadata.name ?? '', claim);
        this.pods = [
          ...this.pods,
          {
            ...action.pod,
            metadata: { ...action.pod.metadata, uid: `p${this.#uids++}` },
            status: { phase: 'Pending' },
          } as Pod,
        ];
        return `create ${action.pod.metadata.name}`;
      case 'delete':
        this.change(action.pod.metadata.name ?? '', pod => ({
          ...pod,
          metadata: { ...pod.metadata, deletionTimestamp: '2030-01-01T00:00:00Z' },
        }));
        return `delete ${action.pod.metadata.name}`;
      case 'create-claims':
        for (const claim of action.claims) this.claims.set(claim.metadata.name ?? '', claim);
        return `claims ${action.pod}`;
      case 'label':
        this.change(action.pod.metadata.name ?? '', pod => ({
          ...pod,
          metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, ...action.labels } },
        }));
        return `label ${action.pod.metadata.name}`;
      case 'own-claim':
        this.claims.set(action.claim.metadata.name ?? '', {
          ...action.claim,
          metadata: { ...action.claim.metadata, ownerReferences: action.owners },
        });
        return `own ${action.claim.metadata.name} ${action.owners.map(owner => owner.kind).join()}`;
    }
  }

  change(name: string, to: (pod: Pod) => Pod): void {
    this.pods = this.pods.map(pod => (pod.metadata.name === name ? to(pod) : pod));
  }

  ready(name: string, since = this.now): void {
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: new Date(since).toISOString() }];
    this.change(name, pod => ({ ...pod, status: { phase: 'Running', conditions } }) as unknown as Pod);
  }

  fail(name: string, phase = 'Failed'): void {
    this.change(name, pod => ({ ...pod, status: { phase } }) as unknown as Pod);
  }

  /** What was deleted has ended. */
  sweep(): void {
    this.pods = this.pods.filter(pod => pod.metadata.deletionTimestamp === undefined);
  }

  /** Steps until nothing is left to do; whatever is made becomes ready, whatever is deleted goes. */
  settle(): string[] {
    const done: string[] = [];
    for (let i = 0; i < 100; i += 1) {
      const step = this.step();
      done.push(...step);
      const before = this.pods.length;
      this.sweep();
      const isGone = this.pods.length < before;
      const unready = this.pods.filter(pod => pod.status.phase === 'Pending');
      for (const pod of unready) this.ready(pod.metadata.name ?? '');
      this.tell();
      if (step.length === 0 && unready.length === 0 && !isGone) return done;
    }
    throw new Error(`not settled: ${done.join(', ')}`);
  }

  tell(): void {
    const status = statefulSetStatus(this.view(), 0);
    this.set = { ...this.set, status };
    if (status.currentRevision === this.update.name) this.current = this.update;
  }

  names(): string[] {
    return this.pods.map(pod => `${pod.metadata.name} ${revisionOf(pod)}`).sort();
  }
}

describe('members of a stateful set', () => {
  it('have their name, host name, subdomain, labels and volumes by their number', () => {
    const pod = memberOf(statefulSet(), 4, ONE);
    expect(pod.metadata).toMatchObject({
      name: 'db-4',
      namespace: 'n',
      labels: {
        app: 'db',
        'statefulset.kubernetes.io/pod-name': 'db-4',
        'apps.kubernetes.io/pod-index': '4',
        'controller-revision-hash': 'db-one',
      },
      ownerReferences: [{ kind: 'StatefulSet', name: 'db', uid: 's', controller: true }],
    });
    expect(pod.metadata.generateName).toBeUndefined();
    expect(pod.spec).toMatchObject({
      hostname: 'db-4',
      subdomain: 'dbs',
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data-db-4' } }, { name: 'tmp' }],
    });
    expect(claimsOf(statefulSet(), 4)).toMatchObject([
      { metadata: { name: 'data-db-4', namespace: 'n', labels: { tier: 'gold', app: 'db' } } },
    ]);
  });

  it.each([
    ['db-0', 0],
    ['db-12', 12],
    ['db-01', undefined],
    ['db', undefined],
    ['web-0', undefined],
    ['db-x-0', undefined],
  ])('%s has the number %s', (name, ordinal) => {
    expect(ordinalOf(statefulSet(), { metadata: { name } } as Pod)).toBe(ordinal);
  });

  it.each([
    ['all are of the update', {}, [TWO, TWO, TWO]],
    [
      'those below the partition are not',
      { strategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } },
      [ONE, ONE, TWO],
    ],
    [
      'nor with another first number',
      { start: 5, strategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } },
      [ONE, TWO, TWO],
    ],
    ['on deletion they come anew', { strategy: { type: 'OnDelete' } }, [TWO, TWO, TWO]],
  ] as const)('%s', (_, facts: Facts, expected) => {
    const set = statefulSet(facts);
    expect([0, 1, 2].map(i => revisionFor(set, (facts.start ?? 0) + i, ONE, TWO))).toEqual(expected);
  });
});

describe('a stateful set in order', () => {
  it('makes one member after the other, each when the one before is available', () => {
    const world = new World(statefulSet({ minReady: 10 }));
    expect(world.step()).toEqual(['create db-0']);
    expect(world.step()).toEqual([]);
    world.ready('db-0');
    expect(planStatefulSet(world.view())).toEqual({ actions: [], againInMs: 10_000 });
    world.now += 10_000;
    expect(world.step()).toEqual(['create db-1']);
  });

  it('takes away from the end, one after the other, and no member while one is missing', () => {
    const world = new World(statefulSet({ replicas: 4 }));
    world.settle();
    world.set = { ...world.set, spec: { ...world.set.spec, replicas: 1 } };
    expect(world.step()).toEqual(['delete db-3']);
    expect(world.step()).toEqual([]);
    world.sweep();
    world.fail('db-0');
    expect(world.step()).toEqual(['delete db-0']);
    world.sweep();
    expect(world.step()).toEqual(['create db-0']);
    expect(world.step()).toEqual([]);
    world.ready('db-0');
    expect(world.step()).toEqual(['delete db-2']);
  });

  it('takes the first away that is not available, though it is not', () => {
    const world = new World(statefulSet({ replicas: 2 }));
    world.settle();
    world.set = { ...world.set, spec: { ...world.set.spec, replicas: 1 } };
    world.fail('db-1', 'Pending');
    expect(world.step()).toEqual(['delete db-1']);
  });

  it('makes a member that has ended anew, whatever its exit', () => {
    const world = new World(statefulSet({ replicas: 2 }));
    world.settle();
    world.fail('db-0', 'Succeeded');
    expect(world.step()).toEqual(['delete db-0']);
    expect(world.step()).toEqual([]);
    world.sweep();
    expect(world.step()).toEqual(['create db-0']);
  });

  it('updates from the end, each when those behind it are available', () => {
    const world = new World(statefulSet());
    world.settle();
    world.update = TWO;
    expect(world.settle()).toEqual([
      'delete db-2',
      'create db-2',
      'delete db-1',
      'create db-1',
      'delete db-0',
      'create db-0',
    ]);
    expect(world.set.status).toMatchObject({
      currentRevision: 'db-two',
      updateRevision: 'db-two',
      updatedReplicas: 3,
      currentReplicas: 3,
    });
  });

  it('updates no member below the partition, and brings one of those back as it was', () => {
    const world = new World(statefulSet());
    world.settle();
    world.set = statefulSet({ strategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } });
    world.update = TWO;
    expect(world.settle()).toEqual(['delete db-2', 'create db-2']);
    world.pods = world.pods.filter(pod => pod.metadata.name !== 'db-0');
    expect(world.settle()).toEqual(['create db-0']);
    expect(world.names()).toEqual(['db-0 db-one', 'db-1 db-one', 'db-2 db-two']);
    expect(world.set.status).toMatchObject({
      currentRevision: 'db-one',
      updateRevision: 'db-two',
      updatedReplicas: 1,
      currentReplicas: 2,
    });
  });

  it('leaves updates to who deletes pods where that is asked for', () => {
    const world = new World(statefulSet({ strategy: { type: 'OnDelete' } }));
    world.settle();
    world.update = TWO;
    expect(world.settle()).toEqual([]);
    world.pods = world.pods.filter(pod => pod.metadata.name !== 'db-1');
    expect(world.settle()).toEqual(['create db-1']);
    expect(world.names()).toEqual(['db-0 db-one', 'db-1 db-two', 'db-2 db-one']);
  });

  it('does nothing more once it is deleted', () => {
    const world = new World(statefulSet());
    world.set = { ...world.set, metadata: { ...world.set.metadata, deletionTimestamp: '2030-01-01T00:00:00Z' } };
    expect(world.step()).toEqual([]);
  });

  it('gives a pod the labels of its name back', () => {
    const world = new World(statefulSet({ replicas: 1 }));
    world.settle();
    world.change('db-0', pod => ({
      ...pod,
      metadata: { ...pod.metadata, labels: { app: 'db', 'controller-revision-hash': 'db-one' } },
    }));
    expect(world.step()).toEqual(['label db-0']);
  });

  it('makes claims that went while their pod waits for them', () => {
    const world = new World(statefulSet({ replicas: 1 }));
    world.step();
    world.claims.clear();
    expect(world.step()).toEqual(['claims db-0']);
  });
});

describe('a stateful set in parallel', () => {
  it('makes all at once, and takes away all at once', () => {
    const world = new World(statefulSet({ policy: 'Parallel' }));
    expect(world.step()).toEqual(['create db-0', 'create db-1', 'create db-2']);
    world.set = { ...world.set, spec: { ...world.set.spec, replicas: 1 } };
    expect(world.step()).toEqual(['delete db-2', 'delete db-1']);
  });

  it('updates one after the other all the same', () => {
    const world = new World(statefulSet({ policy: 'Parallel' }));
    world.settle();
    world.update = TWO;
    expect(world.step()).toEqual(['delete db-2']);
    expect(world.step()).toEqual([]);
  });
});

describe('claims and the retention policy', () => {
  const pod = { metadata: { name: 'db-1', namespace: 'n', uid: 'p' } } as Pod;
  const claim = (...ownerReferences: object[]): PersistentVolumeClaim =>
    ({ metadata: { name: 'data-db-1', ownerReferences } }) as never;
  const owner = (kind: string, name: string, uid: string) => ({
    apiVersion: kind === 'Pod' ? 'v1' : 'apps/v1',
    kind,
    name,
    uid,
    controller: true,
  });
  const kinds = (owners: ReturnType<typeof claimOwners>): unknown => owners?.map(each => `${each.kind} ${each.name}`);

  it.each([
    ['kept always', {}, 3, undefined],
    ['deleted with the set', { whenDeleted: 'Delete' }, 3, ['StatefulSet db']],
    ['deleted with the set, for one that is scaled away too', { whenDeleted: 'Delete' }, 1, ['StatefulSet db']],
    ['deleted when scaled away, while it is not', { whenScaled: 'Delete' }, 3, undefined],
    ['deleted when scaled away', { whenScaled: 'Delete' }, 1, ['Pod db-1']],
    ['deleted in both cases', { whenScaled: 'Delete', whenDeleted: 'Delete' }, 3, ['StatefulSet db']],
    ['deleted in both cases, scaled away', { whenScaled: 'Delete', whenDeleted: 'Delete' }, 1, ['Pod db-1']],
  ])('%s', (_, retention, replicas, expected) => {
    expect(kinds(claimOwners(statefulSet({ retention, replicas }), pod, claim()))).toEqual(expected);
  });

  it('lose the owners that the policy no longer wants', () => {
    expect(kinds(claimOwners(statefulSet(), pod, claim(owner('StatefulSet', 'db', 's'))))).toEqual([]);
  });

  it('of a life before are not touched', () => {
    const set = statefulSet({ retention: { whenDeleted: 'Delete' } });
    expect(claimOwners(set, pod, claim(owner('StatefulSet', 'db', 'earlier')))).toBeUndefined();
    expect(claimOwners(set, pod, claim(owner('Pod', 'db-1', 'earlier')))).toBeUndefined();
  });

  it('of another controller are left to it', () => {
    const set = statefulSet({ retention: { whenDeleted: 'Delete' } });
    expect(claimOwners(set, pod, claim(owner('Operator', 'x', 'o')))).toBeUndefined();
    expect(kinds(claimOwners(set, pod, claim(owner('Operator', 'x', 'o'), owner('StatefulSet', 'db', 's'))))).toEqual([
      'Operator x',
    ]);
  });

  it('that go with an earlier pod keep the next one waiting', () => {
    const set = statefulSet({ replicas: 2, retention: { whenScaled: 'Delete' } });
    const old = claim(owner('Pod', 'db-1', 'earlier'));
    expect(isStaleClaim(set, old, { metadata: { name: 'db-1' } })).toBe(true);
    const world = new World(set);
    world.claims.set('data-db-1', old);
    world.step();
    world.ready('db-0');
    expect(world.step()).toEqual([]);
    world.claims.delete('data-db-1');
    expect(world.step()).toEqual(['create db-1']);
  });
});

describe('a stateful set in any world', () => {
  it.each([1, 2, 3, 4])(
    'never has two of a number, in order never makes one before the one before it is ready, and settles, seed %i',
    seed => {
      const random: Random = seededRandom(seed);
      const world = new World(statefulSet({ replicas: 4 }));
      for (let i = 0; i < 300; i += 1) {
        const choice = random.below(8);
        const victim = world.pods[random.below(world.pods.length)]?.metadata.name ?? '';
        if (choice === 0) world.set = { ...world.set, spec: { ...world.set.spec, replicas: random.below(6) } };
        if (choice === 1) world.update = random.next() < 0.5 ? ONE : TWO;
        if (choice === 2) world.fail(victim);
        if (choice === 3) world.sweep();
        if (choice === 4) world.ready(victim);
        const before = world.pods;
        for (const done of world.step().filter(each => each.startsWith('create'))) {
          const ordinal = Number(done.split('-').at(-1));
          const earlier = before.filter(pod => (ordinalOf(world.set, pod) ?? 0) < ordinal);
          expect(earlier.every(pod => pod.status.phase === 'Running')).toBe(true);
          expect(earlier.length).toBe(ordinal);
        }
        const names = world.pods.map(pod => pod.metadata.name);
        expect(new Set(names).size).toBe(names.length);
        world.tell();
      }
      world.set = { ...world.set, spec: { ...world.set.spec, replicas: 3 } };
      world.update = TWO;
      world.settle();
      expect(world.names()).toEqual(['db-0 db-two', 'db-1 db-two', 'db-2 db-two']);
      expect(world.step()).toEqual([]);
    },
  );
});
