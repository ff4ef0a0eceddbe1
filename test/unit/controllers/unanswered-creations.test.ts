import { describe, expect, it } from 'vitest';
import type { ReplicaSet } from '../../../src/api/types/gen/apps-v1.ts';
import type { Job } from '../../../src/api/types/gen/batch-v1.ts';
import type { Pod } from '../../../src/api/types/gen/core-v1.ts';
import { jobController } from '../../../src/controllers/job/job.ts';
import { replicaSetController } from '../../../src/controllers/replicas/replica-set.ts';
import { JOBS, PODS, REPLICA_SETS } from '../../../src/controllers/resources.ts';
import { ControllerWorld, type Fate } from '../../harness/controller-world.ts';

const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
const selector = { matchLabels: { app: 'web' } };
const replicaSet = (replicas: number): ReplicaSet =>
  ({
    metadata: { name: 'web', namespace: 'default', generation: 1 },
    spec: { replicas, selector, template },
    status: { replicas: 0 },
  }) as unknown as ReplicaSet;

/** The first so many creations go as they are told to, all others well. */
const first = (...fates: readonly Fate[]): ((write: string) => Fate) => {
  const left = [...fates];
  return write => (write.startsWith('create pods ') ? left.shift() : undefined);
};
const names = (world: ControllerWorld): string[] => world.all<Pod>(PODS).map(({ metadata }) => metadata.name ?? '');

describe('pods whose making was not answered', () => {
  it.each<[string, readonly Fate[]]>([
    ['the first', ['unanswered']],
    ['several', [undefined, 'unanswered', 'unanswered']],
    ['the same one again and again, once there and once not', ['lost', 'lost', 'unanswered']],
  ])('are made once, though nothing is shown before the next try: %s', async (_, fates) => {
    const world = new ControllerWorld();
    world.put(REPLICA_SETS, replicaSet(4));
    world.fate = first(...fates);
    world.start(replicaSetController);
    // tries again after its pauses, and sees nothing new
    for (let step = 0; step < 20; step += 1) await world.clock.advance(500);
    expect(names(world).length).toBeLessThanOrEqual(4);
    await world.converge();
    for (let step = 0; step < 20; step += 1) await world.clock.advance(500);
    await world.converge();
    expect(names(world).length).toBe(4);
    expect(names(world).every(name => /^web-[a-z0-9]{5}$/.test(name))).toBe(true);
    expect(world.get<ReplicaSet>(REPLICA_SETS, 'default/web')?.status.replicas).toBe(4);
    await world.kill();
  });

  it('are made anew where the one of that name is on its way out', async () => {
    const world = new ControllerWorld();
    world.put(REPLICA_SETS, replicaSet(1));
    world.fate = first('unanswered');
    world.start(replicaSetController);
    await world.settle();
    const [made] = world.all<Pod>(PODS);
    world.put(PODS, { ...made, metadata: { ...made?.metadata, deletionTimestamp: '2030-01-01T00:00:00Z' } } as Pod);
    for (let step = 0; step < 4; step += 1) await world.clock.advance(500);
    expect(world.all<Pod>(PODS).filter(({ metadata }) => metadata.deletionTimestamp === undefined).length).toBe(1);
    await world.kill();
  });

  it('of one index of a job are not taken for those of another', async () => {
    const world = new ControllerWorld();
    world.put(JOBS, {
      metadata: { name: 'sum', namespace: 'default', uid: 'j' },
      spec: { completions: 3, parallelism: 3, completionMode: 'Indexed', backoffLimit: 6, selector, template },
      status: {},
    } as unknown as Job);
    world.fate = first('unanswered');
    world.start(jobController);
    for (let step = 0; step < 20; step += 1) await world.clock.advance(500);
    await world.converge();
    for (let step = 0; step < 20; step += 1) await world.clock.advance(500);
    const index = (pod: Pod): string | undefined =>
      pod.metadata.annotations?.['batch.kubernetes.io/job-completion-index'];
    expect(world.all<Pod>(PODS).map(index).toSorted()).toEqual(['0', '1', '2']);
    await world.kill();
  });
});
