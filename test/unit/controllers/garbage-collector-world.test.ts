import { describe, expect, it } from 'vitest';
import type { OwnerReference } from '../../../src/api/types/gen/meta-v1.ts';
import type { ApiConnection } from '../../../src/client/connection.ts';
import type { EventRecorder } from '../../../src/client/event-recorder.ts';
import { runReconciler } from '../../../src/client/reconcile.ts';
import { WorkQueue } from '../../../src/client/work-queue.ts';
import { garbageCollector } from '../../../src/controllers/garbage-collector/garbage-collector.ts';
import { createLogger } from '../../../src/daemon/logger.ts';
import { FakeClock } from '../../harness/fake-clock.ts';
import { MetadataWorld, WORLD_KINDS } from '../../harness/metadata-world.ts';
import { type Random, seededRandom } from '../../harness/random.ts';

/** What should be there, by rules that fit on a page. */
class Model {
  readonly objects = new Map<string, { name: string; namespace: string; owners: readonly OwnerReference[] }>();

  remove(uid: string, policy: string): void {
    this.objects.delete(uid);
    if (policy === 'Orphan') this.#dropReferences(owner => owner.uid === uid);
  }

  /** What has owners, none of whom is there, goes; then references to nothing go. */
  collect(): void {
    for (let before = -1; before !== this.objects.size; ) {
      before = this.objects.size;
      for (const [uid, { owners, namespace }] of [...this.objects])
        if (owners.length > 0 && !owners.some(owner => this.#isThere(owner, namespace))) this.objects.delete(uid);
    }
    this.#dropReferences((owner, namespace) => !this.#isThere(owner, namespace));
  }

  #isThere({ uid, name }: OwnerReference, namespace: string): boolean {
    const owner = this.objects.get(uid);
    return owner !== undefined && owner.name === name && ['', namespace].includes(owner.namespace);
  }

  #dropReferences(isDropped: (owner: OwnerReference, namespace: string) => boolean): void {
    for (const object of this.objects.values())
      object.owners = object.owners.filter(owner => !isDropped(owner, object.namespace));
  }
}

/** A collector at work on a world. */
class Play {
  readonly failures: string[] = [];
  readonly #world: MetadataWorld;
  readonly #clock = new FakeClock();
  #life = new AbortController();
  #work: Promise<void> = Promise.resolve();

  constructor(world: MetadataWorld) {
    this.#world = world;
    this.begin();
  }

  begin(): void {
    const queue = new WorkQueue(this.#clock);
    const unused = (): never => {
      throw new Error('kinds come from discovery');
    };
    const reconciler = garbageCollector.make({
      connection: this.#world as unknown as ApiConnection,
      informed: unused,
      client: unused,
      events: { record: () => {} } as unknown as EventRecorder,
      clock: this.#clock,
      log: createLogger({ daemon: 'test', level: 'silent' }),
      enqueue: key => queue.add(key),
    });
    const onFailure = (key: string, because: string): number => this.failures.push(`${key}: ${because}`);
    this.#life = new AbortController();
    this.#work = runReconciler(reconciler, { queue, workers: 4, onFailure }, this.#life.signal);
  }

  /** What was under way is never heard of again. */
  killAndBegin(): void {
    this.#life.abort();
    this.#world.cutOff();
    this.begin();
  }

  async steps(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) await this.#world.step();
  }

  /** Until nothing moves any more for longer than the pauses grow in such a play; discovery goes on all the time. */
  async settle(): Promise<void> {
    for (let idle = 0, steps = 0, work = this.#world.work; idle < 20; steps += 1) {
      if (steps > 20_000) throw new Error('it does not come to rest');
      if (await this.#world.step()) continue;
      idle = work === this.#world.work ? idle + 1 : 0;
      work = this.#world.work;
      await this.#clock.advance(10_000);
    }
  }

  async end(): Promise<void> {
    this.#life.abort();
    for (let i = 0; i < 100; i += 1) await this.#world.step();
    await this.#work;
  }
}

const NAMESPACES: readonly [string, ...string[]] = ['a', 'b'];

function randomObject(random: Random, world: MetadataWorld, model: Model, number: number): void {
  const { plural, namespaced } = random.pick(WORLD_KINDS);
  const namespace = namespaced ? random.pick(NAMESPACES) : '';
  // what has no namespace has no owner in one: that is told apart in a test of its own
  const possible = [...world.objects.values()].filter(each => namespaced || each.metadata.namespace === undefined);
  const owners = new Map<string, OwnerReference>();
  for (let i = random.below(4); i > 0 && possible.length > 0; i -= 1) {
    const owner = possible[random.below(possible.length)];
    const { name = '', uid = '', deletionTimestamp } = owner?.metadata ?? {};
    if (deletionTimestamp !== undefined) continue;
    const kind = WORLD_KINDS.find(each => each.plural === owner?.plural)?.kind ?? '';
    const isWrong = random.below(12) === 0;
    const blockOwnerDeletion = random.pick([true, false]);
    owners.set(uid, { apiVersion: 'v1', kind, name: isWrong ? `${name}-not` : name, uid, blockOwnerDeletion });
  }
  const references = [...owners.values()];
  // names come again, with other uids
  const again = `o${random.below(number + 1)}`;
  const name = world.has(plural, namespace, again) ? `o${number}` : again;
  model.objects.set(world.create(plural, namespace, name, references), { name, namespace, owners: references });
}

const FIRST = seededRandom().seed;

describe.each(Array.from({ length: 40 }, (_, i) => FIRST + i))('a world of owners, seed %i', seed => {
  it('ends as the model has it, whatever the order of answers and events', async () => {
    const random = seededRandom(seed);
    const world = new MetadataWorld(random);
    const model = new Model();
    const play = new Play(world);
    for (let number = 0; number < 60; ) {
      // who watches late sees everything at once, who watches early one after the other
      for (const size = number + 1 + random.below(12); number < size; number += 1) {
        randomObject(random, world, model, number);
        await play.steps(random.below(5));
      }
      const isOrphaning = random.below(3) === 0;
      const accident = random.below(3);
      const hidden = accident === 0 ? [random.pick(WORLD_KINDS).plural] : [];
      // an orphan that no watch has told of yet is none: upstream's are lost then, too
      model.collect();
      await play.settle();
      // what happens to a kind that is not watched for a while is found out later
      for (const plural of hidden) world.hidden.add(plural);
      await play.settle();
      const deletions = isOrphaning ? 1 : random.below(5);
      for (let i = 0; i < deletions && model.objects.size > 0; i += 1) {
        const uid = [...model.objects.keys()][random.below(model.objects.size)] ?? '';
        const policy = isOrphaning ? 'Orphan' : random.pick(['Foreground', 'Background']);
        world.remove(uid, policy);
        model.remove(uid, policy);
        await play.steps(random.below(20));
        model.collect();
      }
      for (const life of accident === 1 ? [play] : []) life.killAndBegin();
      await play.steps(random.below(50));
      world.hidden.clear();
      await play.settle();
      const there = new Map(
        [...world.objects.values()].map(({ metadata }) => [
          metadata.uid,
          (metadata.ownerReferences ?? []).map(owner => owner.uid),
        ]),
      );
      const expected = new Map([...model.objects].map(([uid, { owners }]) => [uid, owners.map(owner => owner.uid)]));
      expect(there).toEqual(expected);
    }
    expect(play.failures).toEqual([]);
    expect(world.deletions.filter(deletion => deletion.kept.length > 0)).toEqual([]);
    await play.end();
  });
});
