import { describe, expect, it } from 'vitest';
import type { Deployment, ReplicaSet } from '../../../src/api/types/gen/apps-v1.ts';
import type { IntOrString } from '../../../src/api/types/scalars.ts';
import { rollingLimits } from '../../../src/controllers/deployment/limits.ts';
import { type DeploymentPlan, planDeployment } from '../../../src/controllers/deployment/plan.ts';
import { presentSet, revisionOf, withRevision, withSize } from '../../../src/controllers/deployment/revisions.ts';
import { scaledSizes } from '../../../src/controllers/deployment/sizes.ts';
import { conditionOf } from '../../../src/controllers/deployment/status.ts';
import { templateHash } from '../../../src/controllers/pods/template-hash.ts';
import { type Random, seededRandom } from '../../harness/random.ts';

const START = Date.UTC(2030, 0, 1);

interface Facts {
  readonly replicas?: number;
  readonly maxSurge?: IntOrString;
  readonly maxUnavailable?: IntOrString;
  readonly image?: string;
  readonly strategy?: 'RollingUpdate' | 'Recreate';
  readonly paused?: boolean;
  readonly history?: number;
  readonly deadline?: number;
}

function deployment(facts: Facts = {}): Deployment {
  const { replicas = 3, maxSurge = '25%', maxUnavailable = '25%', image = 'web:1', strategy = 'RollingUpdate' } = facts;
  return {
    metadata: { name: 'web', namespace: 'n', uid: 'd', generation: 1, annotations: { owner: 'team' } },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image }] } },
      strategy:
        strategy === 'Recreate' ? { type: strategy } : { type: strategy, rollingUpdate: { maxSurge, maxUnavailable } },
      revisionHistoryLimit: facts.history ?? 10,
      progressDeadlineSeconds: facts.deadline ?? 600,
      ...(facts.paused === true ? { paused: true } : {}),
    },
    status: {},
  } as unknown as Deployment;
}

/** The API server and the controller of replica sets, as far as a deployment sees them: pods become available as the random numbers want. */
class World {
  deployment: Deployment;
  sets: readonly ReplicaSet[] = [];
  now = START;
  readonly #random: Random;
  #made = 0;

  constructor(given: Deployment, random: Random = seededRandom(1)) {
    this.deployment = given;
    this.#random = random;
  }

  plan(): DeploymentPlan {
    const present = presentSet(this.deployment, this.sets);
    const hasOlderPods = this.sets.some(set => set !== present && (set.status.replicas ?? 0) > 0);
    const now = { ms: this.now, text: new Date(this.now).toISOString() };
    return planDeployment({ deployment: this.deployment, sets: this.sets, hasOlderPods, now });
  }

  /** One look of the deployment, carried out. */
  step(): DeploymentPlan {
    const plan = this.plan();
    for (const { kind, set } of plan.actions) {
      const others = this.sets.filter(each => each.metadata.name !== set.metadata.name);
      if (kind === 'delete-set') this.sets = others;
      else if (kind !== 'create-set') this.sets = [...others, set];
      else {
        this.#made += 1;
        const creationTimestamp = new Date(START + this.#made * 1000).toISOString();
        const metadata = { ...set.metadata, uid: `s${this.#made}`, creationTimestamp };
        this.sets = [...this.sets, { ...set, metadata, status: { replicas: 0 } } as ReplicaSet];
      }
    }
    const annotations = {
      ...this.deployment.metadata.annotations,
      'deployment.kubernetes.io/revision': plan.revision ?? '',
    };
    const metadata = { ...this.deployment.metadata, annotations };
    this.deployment = { ...this.deployment, metadata, status: plan.status };
    return plan;
  }

  /** Sets make and delete pods at once; of those that are there some more become available. */
  pods(ready: (set: ReplicaSet) => boolean = () => true): void {
    this.sets = this.sets.map(set => {
      const replicas = set.spec.replicas ?? 0;
      const before = Math.min(set.status.availableReplicas ?? 0, replicas);
      const more = ready(set) ? this.#random.below(replicas - before + 1) : 0;
      const available = before + more;
      return { ...set, status: { replicas, readyReplicas: available, availableReplicas: available } } as ReplicaSet;
    });
  }

  change(facts: Facts): void {
    const { spec } = deployment(facts);
    const generation = (this.deployment.metadata.generation ?? 0) + 1;
    this.deployment = { ...this.deployment, metadata: { ...this.deployment.metadata, generation }, spec };
  }

  /** Steps until nothing is left to do. */
  settle(ready?: (set: ReplicaSet) => boolean): void {
    for (let round = 0; round < 200; round += 1) {
      const { actions } = this.step();
      this.pods(ready);
      const isReady = this.sets.every(
        set => set.status.availableReplicas === set.spec.replicas || ready?.(set) === false,
      );
      if (actions.length === 0 && isReady && this.plan().actions.length === 0) {
        this.step();
        return;
      }
    }
    throw new Error('it did not come to rest');
  }

  get total(): number {
    return this.sets.reduce((sum, set) => sum + (set.spec.replicas ?? 0), 0);
  }

  get available(): number {
    return this.sets.reduce((sum, set) => sum + Math.min(set.status.availableReplicas ?? 0, set.spec.replicas ?? 0), 0);
  }

  get sizes(): readonly (number | undefined)[] {
    return this.sets.toSorted((a, b) => Number(revisionOf(a) - revisionOf(b))).map(set => set.spec.replicas);
  }
}

describe('the limits of a rolling update', () => {
  it.each([
    ['percentages: surge up, missing down', 10, '25%', '25%', { maxSurge: 3, maxUnavailable: 2 }],
    ['counts as they are', 10, 1, 2, { maxSurge: 1, maxUnavailable: 2 }],
    ['a standstill is avoided', 1, 0, '25%', { maxSurge: 0, maxUnavailable: 1 }],
    ['no more missing than there are', 2, 0, 5, { maxSurge: 0, maxUnavailable: 2 }],
  ])('%s', (_, replicas, maxSurge, maxUnavailable, expected) => {
    expect(rollingLimits(deployment({ replicas, maxSurge, maxUnavailable }))).toEqual(expected);
  });

  it('are nothing for Recreate', () => {
    expect(rollingLimits(deployment({ strategy: 'Recreate' }))).toEqual({ maxSurge: 0, maxUnavailable: 0 });
  });
});

describe('the revisions of a deployment', () => {
  it('have a hash that says nothing of the order of keys, and another one after a collision', () => {
    const template = deployment().spec.template;
    const turned = JSON.parse(JSON.stringify({ spec: template.spec, metadata: template.metadata }));
    expect(templateHash(template, 0)).toBe(templateHash(turned, 0));
    expect(templateHash(template, 0)).not.toBe(templateHash(template, 1));
    expect(templateHash(template, 0)).not.toBe(templateHash(deployment({ image: 'web:2' }).spec.template, 0));
    expect(templateHash(template, 0)).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{3,12}$/);
  });

  it('are numbered, with the annotations of the deployment but for its own', () => {
    const world = new World(deployment());
    world.settle();
    const [set] = world.sets;
    expect(set?.metadata.annotations).toEqual({
      owner: 'team',
      'deployment.kubernetes.io/revision': '1',
      'deployment.kubernetes.io/desired-replicas': '3',
      'deployment.kubernetes.io/max-replicas': '4',
    });
    expect(set?.metadata.labels?.['pod-template-hash']).toBe(set?.spec.selector?.matchLabels?.['pod-template-hash']);
    expect(world.deployment.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
  });

  it('go on counting when an older template comes back, which remembers its numbers', () => {
    const world = new World(deployment());
    world.settle();
    world.change({ image: 'web:2' });
    world.settle();
    world.change({ image: 'web:1' });
    world.settle();
    expect(world.sets).toHaveLength(2);
    const present = presentSet(world.deployment, world.sets);
    expect(present?.metadata.annotations).toMatchObject({
      'deployment.kubernetes.io/revision': '3',
      'deployment.kubernetes.io/revision-history': '1',
    });
  });

  it.each([
    ['beyond what a double holds exactly', '3546343826724305832', '3546343826724305833'],
    ['no int64', '9223372036854775808', '1'],
    ['no number', 'seven', '1'],
  ])('follow that of the set before, where it is %s', (_what, before, after) => {
    const world = new World(deployment());
    world.settle();
    world.sets = world.sets.map(set => ({
      ...set,
      metadata: {
        ...set.metadata,
        annotations: { ...set.metadata.annotations, 'deployment.kubernetes.io/revision': before },
      },
    }));
    world.change({ image: 'web:2' });
    world.settle();
    const present = presentSet(world.deployment, world.sets);
    expect(present?.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe(after);
  });

  it('beyond the limit are deleted, the oldest first', () => {
    const world = new World(deployment({ history: 1 }));
    for (const image of ['web:1', 'web:2', 'web:3', 'web:4']) {
      world.change({ image, history: 1 });
      world.settle();
      world.settle();
    }
    expect(world.sets.map(revisionOf).toSorted()).toEqual([3n, 4n]);
  });

  it('are left alone where they are right', () => {
    const world = new World(deployment());
    world.settle();
    const set = world.sets[0] as ReplicaSet;
    expect(withRevision(set, world.deployment, 1n)).toBe(set);
    expect(withSize(set, world.deployment, 3)).toBe(set);
  });
});

describe('a rolling update', () => {
  const seed = seededRandom().seed;

  it(`never has too many pods or too few available ones, and comes to rest (500 runs, seed ${seed})`, () => {
    const random = seededRandom(seed);
    for (let run = 0; run < 500; run += 1) {
      const limit = (): IntOrString => random.pick<IntOrString>([0, 1, 2, '10%', '25%', '50%', '100%']);
      const facts: Facts = { replicas: 1 + random.below(12), maxSurge: limit(), maxUnavailable: limit() };
      const world = new World(deployment(facts), random);
      world.settle();
      world.change({ ...facts, image: 'web:2' });
      const { maxSurge, maxUnavailable } = rollingLimits(world.deployment);
      const wanted = world.deployment.spec.replicas ?? 0;
      for (let round = 0; round < 300 && world.sizes.join() !== `0,${wanted}`; round += 1) {
        world.step();
        expect(world.total).toBeLessThanOrEqual(wanted + maxSurge);
        expect(world.available).toBeGreaterThanOrEqual(wanted - maxUnavailable);
        world.pods();
      }
      expect(world.sizes).toEqual([0, wanted]);
    }
  });

  it('lets no available pod go for pods that do not become available', () => {
    const world = new World(deployment({ replicas: 4, maxSurge: 1, maxUnavailable: 0 }));
    world.settle();
    world.change({ replicas: 4, maxSurge: 1, maxUnavailable: 0, image: 'web:broken' });
    world.settle(set => set.spec.template.spec?.containers[0]?.image !== 'web:broken');
    expect([world.sizes, world.available]).toEqual([[4, 1], 4]);
  });

  it('takes pods that are not available first, so that a second try can go on', () => {
    const world = new World(deployment({ replicas: 4, maxSurge: 1, maxUnavailable: 0 }));
    world.settle();
    const isBroken = (set: ReplicaSet): boolean => set.spec.template.spec?.containers[0]?.image === 'web:broken';
    world.change({ replicas: 4, maxSurge: 1, maxUnavailable: 0, image: 'web:broken' });
    world.settle(set => !isBroken(set));
    world.change({ replicas: 4, maxSurge: 1, maxUnavailable: 0, image: 'web:3' });
    world.settle(set => !isBroken(set));
    expect(world.sizes).toEqual([0, 0, 4]);
  });
});

describe('scaling in the middle of a roll-out', () => {
  const sized = (name: string, replicas: number, second: number, max: number, base: Deployment): ReplicaSet =>
    ({
      metadata: {
        name,
        creationTimestamp: new Date(START + second * 1000).toISOString(),
        annotations: {
          'deployment.kubernetes.io/desired-replicas': '10',
          'deployment.kubernetes.io/max-replicas': String(max),
        },
      },
      spec: { replicas, template: base.spec.template },
      status: {},
    }) as unknown as ReplicaSet;

  it.each([
    ['more: the larger gets more', 20, 2, [8, 4], [15, 7]],
    ['fewer: the larger loses more', 6, 2, [8, 4], [5, 3]],
    ['nothing: all go', 0, 2, [8, 4], [0, 0]],
    ['of equals the newer grows by what rounding leaves', 11, 2, [6, 6], [6, 7]],
  ])('is shared in proportion: %s', (_, replicas, maxSurge, before, after) => {
    const base = deployment({ replicas, maxSurge, maxUnavailable: 1 });
    const sets = before.map((size, index) => sized(`set-${index}`, size, index, 12, base));
    const [older, present] = sets as [ReplicaSet, ReplicaSet];
    const sizes = new Map(scaledSizes(base, present, [older]).map(({ set, replicas: to }) => [set.metadata.name, to]));
    expect(sets.map(set => sizes.get(set.metadata.name))).toEqual(after);
  });

  it('is all for the one set that has pods', () => {
    const world = new World(deployment());
    world.settle();
    world.change({ replicas: 7 });
    const { actions } = world.step();
    expect(actions.map(({ kind, because }) => [kind, because])).toEqual([['scale-set', '7 replicas are wanted now']]);
    expect(world.sizes).toEqual([7]);
  });
});

describe('a deployment that makes its pods anew', () => {
  it('waits until all older pods are gone', () => {
    const world = new World(deployment({ strategy: 'Recreate' }));
    world.settle();
    world.change({ strategy: 'Recreate', image: 'web:2' });
    expect(world.step().actions.map(({ kind, because }) => [kind, because])).toEqual([
      ['scale-set', 'recreate: older pods go first'],
    ]);
    expect(world.step().actions).toEqual([]);
    world.pods();
    expect(world.step().actions.map(({ kind }) => kind)).toEqual(['create-set']);
    world.settle();
    expect(world.sizes).toEqual([0, 3]);
  });
});

describe('a deployment that is paused', () => {
  it('is scaled, but brings no new template', () => {
    const world = new World(deployment());
    world.settle();
    world.change({ paused: true, replicas: 5, image: 'web:2' });
    world.settle();
    expect(world.sizes).toEqual([5]);
    expect(conditionOf(world.deployment.status.conditions, 'Progressing')?.reason).toBe('DeploymentPaused');
    world.change({ replicas: 5, image: 'web:2' });
    expect(conditionOf(world.step().status.conditions, 'Progressing')?.reason).toBe('NewReplicaSetCreated');
    world.settle();
    expect(world.sizes).toEqual([0, 5]);
  });
});

describe('the status of a deployment', () => {
  const progress = (world: World) => conditionOf(world.deployment.status.conditions, 'Progressing');

  it('says what was made, how it goes, and that it is done', () => {
    const world = new World(deployment());
    world.step();
    expect([progress(world)?.reason, progress(world)?.status]).toEqual(['NewReplicaSetCreated', 'True']);
    expect(conditionOf(world.deployment.status.conditions, 'Available')?.status).toBe('False');
    world.settle();
    expect([progress(world)?.reason, progress(world)?.message]).toEqual([
      'NewReplicaSetAvailable',
      `ReplicaSet "${world.sets[0]?.metadata.name}" has successfully progressed.`,
    ]);
    expect(world.deployment.status).toMatchObject({
      observedGeneration: 1,
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      unavailableReplicas: 0,
    });
    expect(conditionOf(world.deployment.status.conditions, 'Available')?.status).toBe('True');
  });

  it('says that time is up, when it is, and looks again by then', () => {
    const world = new World(deployment({ deadline: 60 }));
    world.step();
    world.pods(() => false);
    world.step();
    expect(world.plan().againInMs).toBe(61_000);
    world.now += 61_000;
    world.step();
    expect([progress(world)?.status, progress(world)?.reason]).toEqual(['False', 'ProgressDeadlineExceeded']);
    expect(world.plan().againInMs).toBeUndefined();
  });

  it('says nothing of progress where there is no time limit', () => {
    const world = new World(deployment({ deadline: 2_147_483_647 }));
    world.settle();
    expect(progress(world)).toBeUndefined();
  });

  it('says why pods cannot be made', () => {
    const world = new World(deployment());
    world.step();
    const failure = {
      type: 'ReplicaFailure',
      status: 'True',
      reason: 'FailedCreate',
      message: 'no quota',
      lastTransitionTime: 'T',
    };
    world.sets = world.sets.map(set => ({ ...set, status: { replicas: 0, conditions: [failure] } }) as ReplicaSet);
    world.step();
    expect(conditionOf(world.deployment.status.conditions, 'ReplicaFailure')).toMatchObject({
      reason: 'FailedCreate',
      message: 'no quota',
    });
    world.settle();
    expect(conditionOf(world.deployment.status.conditions, 'ReplicaFailure')).toBeUndefined();
  });
});
