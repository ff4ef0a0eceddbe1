import { afterEach, describe, expect, it } from 'vitest';
import { notFoundError } from '../../../src/api/status.ts';
import type { Node, Pod } from '../../../src/api/types/gen/core-v1.ts';
import { type ApiObject, keyOf, type ResourceId } from '../../../src/client/api-object.ts';
import type { Informed } from '../../../src/client/informers.ts';
import { type Change, ObjectStore } from '../../../src/client/object-store.ts';
import { runReconciler } from '../../../src/client/reconcile.ts';
import { WorkQueue } from '../../../src/client/work-queue.ts';
import type { ControllerParts } from '../../../src/controllers/controller.ts';
import { failure, outOfService, surplus } from '../../../src/controllers/pod-gc/plan.ts';
import { podGarbageCollector } from '../../../src/controllers/pod-gc/pod-gc.ts';
import { createLogger } from '../../../src/daemon/logger.ts';
import { FakeClock } from '../../harness/fake-clock.ts';

const GONE = '2030-01-01T00:00:00Z';
const pod = (name: string, metadata: object = {}, spec: object = {}, status: object = {}): Pod =>
  ({
    metadata: { name, namespace: 'team', uid: `uid-${name}`, generation: 3, ...metadata },
    spec,
    status: { phase: 'Running', ...status },
  }) as unknown as Pod;
const node = (name: string, ready: string, taints: readonly string[] = []): Node =>
  ({
    metadata: { name },
    spec: { taints: taints.map(key => ({ key, effect: 'NoExecute' })) },
    status: { conditions: [{ type: 'Ready', status: ready }] },
  }) as unknown as Node;
const names = (removals: readonly { readonly pod: Pod }[]): unknown[] => removals.map(each => each.pod.metadata.name);

describe('pods that have ended', () => {
  const ended = (name: string, created: string, status: object = {}): Pod =>
    pod(name, { creationTimestamp: created }, {}, { phase: 'Failed', ...status });
  const all = [
    ended('new', '2030-01-03T00:00:00Z'),
    ended('b', '2030-01-01T00:00:00Z'),
    ended('a', '2030-01-01T00:00:00Z'),
    ended('evicted', '2030-01-04T00:00:00Z', { reason: 'Evicted' }),
  ];
  it.each([
    ['are kept up to the number', 4, []],
    ['go beyond it: evicted ones first', 3, ['evicted']],
    ['go by their age, then by name', 1, ['evicted', 'a', 'b']],
    ['are all kept where the number is 0', 0, []],
  ])('%s', (_, threshold, gone) => {
    expect(names(surplus(all, threshold))).toEqual(gone);
  });
});

describe('pods of a node that is out of service', () => {
  const pods = [pod('ending', { deletionTimestamp: GONE }), pod('running')];
  const OUT = 'node.kubernetes.io/out-of-service';
  it.each([
    ['go when they end and the node is not ready', node('n', 'Unknown', [OUT]), ['ending']],
    ['stay while the node is ready', node('n', 'True', [OUT]), []],
    ['stay where nobody said that it is out of service', node('n', 'False', ['other']), []],
  ])('%s', (_, given, gone) => {
    expect(names(outOfService(given, pods))).toEqual(gone);
  });
});

describe('a pod that is removed', () => {
  const condition = { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByPodGC', message: 'gone' };

  it('fails first, with the condition, for the generation that it has', () => {
    expect(failure({ pod: pod('p'), condition }, 'NOW')).toEqual({
      metadata: { uid: 'uid-p' },
      status: {
        phase: 'Failed',
        observedGeneration: 3,
        conditions: [{ ...condition, observedGeneration: 3, lastTransitionTime: 'NOW' }],
      },
    });
  });

  it('keeps since when it had the condition', () => {
    const conditions = [{ ...condition, reason: 'Other', lastTransitionTime: 'BEFORE' }];
    expect(failure({ pod: pod('p', {}, {}, { conditions }), condition }, 'NOW')).toMatchObject({
      status: { conditions: [{ reason: 'DeletionByPodGC', lastTransitionTime: 'BEFORE' }] },
    });
  });

  it('fails without a condition where there is none to tell', () => {
    expect(failure({ pod: pod('p') }, 'NOW')).toEqual({
      metadata: { uid: 'uid-p' },
      status: { phase: 'Failed', observedGeneration: 3 },
    });
  });

  it.each(['Succeeded', 'Failed'])('stays %s', phase => {
    expect(failure({ pod: pod('p', {}, {}, { phase }), condition }, 'NOW')).toBeUndefined();
  });
});

/** Stores that a test fills, and a server that has what it is told. */
class World {
  readonly clock = new FakeClock();
  readonly calls: string[] = [];
  readonly onServer = new Set<string>();
  readonly #informed = new Map<string, Informed<ApiObject>>();
  readonly #tell = new Map<string, (change: Change<ApiObject>) => void>();
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor() {
    const queue = new WorkQueue(this.clock);
    const client = {
      get: async (_: string, name: string): Promise<object> => {
        this.calls.push(`get ${name}`);
        if (!this.onServer.has(name)) throw notFoundError({ group: '', resource: 'nodes' }, name);
        return {};
      },
      patch: async ({ name }: { name: string }) => this.calls.push(`fail ${name}`),
      delete: async (_: string, name: string) => this.calls.push(`delete ${name}`),
    };
    const parts = {
      informed: ({ plural }: ResourceId) => this.#of(plural),
      client: () => client,
      enqueue: (key: string) => queue.add(key),
      clock: this.clock,
      log: createLogger({ daemon: 'test', level: 'silent' }),
    } as unknown as ControllerParts;
    const reconciler = podGarbageCollector(1).make(parts);
    this.#done = runReconciler(reconciler, { queue, workers: 1, onFailure: () => {} }, this.#stop.signal);
  }

  put(plural: string, object: ApiObject): void {
    const change = this.#of(plural).store.put(object);
    if (change !== undefined) this.#tell.get(plural)?.(change);
  }

  remove(plural: string, object: ApiObject): void {
    const change = this.#of(plural).store.remove(keyOf(object));
    if (change !== undefined) this.#tell.get(plural)?.(change);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  #of(plural: string): Informed<ApiObject> {
    const known = this.#informed.get(plural);
    if (known !== undefined) return known;
    const informed = {
      store: new ObjectStore<ApiObject>(),
      onChange: (listener: (change: Change<ApiObject>) => void) => this.#tell.set(plural, listener),
    } as unknown as Informed<ApiObject>;
    this.#informed.set(plural, informed);
    return informed;
  }
}

describe('pods of a node that is missing', () => {
  const worlds: World[] = [];
  const world = (): World => {
    const made = new World();
    worlds.push(made);
    return made;
  };
  const orphan = pod('orphan', {}, { nodeName: 'lost' });
  afterEach(async () => {
    await Promise.all(worlds.splice(0).map(each => each.stop()));
  });

  it('fail and go after 40 s, once the server says that it is gone', async () => {
    const each = world();
    each.put('pods', orphan);
    await each.clock.advance(39_999);
    expect(each.calls).toEqual([]);
    await each.clock.advance(1);
    expect(each.calls).toEqual(['get lost', 'fail orphan', 'delete orphan']);
  });

  it('stay where the server has the node', async () => {
    const each = world();
    each.onServer.add('lost');
    each.put('pods', orphan);
    await each.clock.advance(50_000);
    expect(each.calls).toEqual(['get lost']);
  });

  it('stay where it comes back in time, and have the whole time again when it goes once more', async () => {
    const each = world();
    each.put('pods', orphan);
    await each.clock.advance(30_000);
    each.put('nodes', node('lost', 'True'));
    await each.clock.advance(5_000);
    each.remove('nodes', node('lost', 'True'));
    await each.clock.advance(39_999);
    expect(each.calls).toEqual([]);
    await each.clock.advance(1);
    expect(each.calls).toEqual(['get lost', 'fail orphan', 'delete orphan']);
  });
});
