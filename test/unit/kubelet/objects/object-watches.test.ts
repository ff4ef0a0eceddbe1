import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { ConfigMap } from '../../../../src/api/types/gen/core-v1.ts';
import type { ApiConnection } from '../../../../src/client/connection.ts';
import { ResourceClient } from '../../../../src/client/resource-client.ts';
import { ObjectWatches } from '../../../../src/kubelet/objects/object-watches.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';

/** One watch that a test answers. */
class Watch {
  readonly path: string;
  readonly signal: AbortSignal;
  readonly #lines: string[] = [];
  #wake = (): void => {};

  constructor(path: string, signal: AbortSignal) {
    this.path = path;
    this.signal = signal;
    signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  send(type: string, object: object): void {
    this.#lines.push(`${JSON.stringify({ type, object })}\n`);
    this.#wake();
  }

  /** The state is told: these objects and no others. */
  state(...objects: readonly object[]): void {
    for (const object of objects) this.send('ADDED', object);
    const annotations = { 'k8s.io/initial-events-end': 'true' };
    this.send('BOOKMARK', { metadata: { resourceVersion: '1', annotations } });
  }

  async *pieces(): AsyncGenerator<Buffer> {
    while (!this.signal.aborted) {
      const line = this.#lines.shift();
      if (line !== undefined) yield Buffer.from(line);
      else
        await new Promise<void>(resolve => {
          this.#wake = resolve;
        });
    }
  }
}

const map = (name: string, resourceVersion: string, more: object = {}) => ({
  metadata: { name, namespace: 'n', uid: name, resourceVersion },
  ...more,
});

let opened: Watch[];
let told: (readonly string[])[];
let clock: FakeClock;
let watches: ObjectWatches<ConfigMap>;
const opens = (): string[] =>
  opened.filter(w => !w.signal.aborted).map(w => new URLSearchParams(w.path.split('?')[1]).get('fieldSelector') ?? '');
const first = (): Watch => {
  const [watch] = opened;
  if (watch === undefined) throw new Error('nothing is watched');
  return watch;
};

beforeEach(() => {
  opened = [];
  told = [];
  clock = new FakeClock();
  const connection = {
    async stream({ path, signal }: { path: string; signal: AbortSignal }) {
      const watch = new Watch(path, signal);
      opened.push(watch);
      return { status: 200, pieces: watch.pieces() };
    },
  } as unknown as ApiConnection;
  watches = new ObjectWatches<ConfigMap>({
    client: new ResourceClient(connection, { group: '', version: 'v1', plural: 'configmaps' }),
    singular: 'configmap',
    clock,
    random: () => 0,
    onChange: uids => told.push(uids),
    onTrouble: () => {},
  });
});

describe('ObjectWatches', () => {
  it('watches an object by its name once, for all pods that refer to it, as long as one does', async () => {
    watches.setReferences('pod-1', 'n', new Set(['a', 'b']));
    watches.setReferences('pod-2', 'n', new Set(['a']));
    expect(opens()).toEqual(['metadata.name=a', 'metadata.name=b']);
    expect(first().path).toMatch(/^\/api\/v1\/namespaces\/n\/configmaps\?watch=1&/);
    watches.setReferences('pod-1', '', new Set());
    expect(opens()).toEqual(['metadata.name=a']);
    watches.setReferences('pod-2', 'n', new Set(['c']));
    expect(opens()).toEqual(['metadata.name=c']);
    await watches.close();
    expect(opens()).toEqual([]);
  });

  it('waits for the first state, and says of what is not there that it was not found', async () => {
    watches.setReferences('pod-1', 'n', new Set(['a']));
    const asked = watches.get('n', 'a');
    first().state();
    await expect(asked).rejects.toMatchObject({ code: 'not-found', message: 'configmap "a" not found' });
  });

  it('says after a second that it does not know yet, and tells when it does', async () => {
    watches.setReferences('pod-1', 'n', new Set(['a']));
    const asked = expect(watches.get('n', 'a')).rejects.toThrow(
      'failed to sync configmap cache: timed out waiting for the condition',
    );
    await clock.advance(1_000);
    await asked;
    expect(told).toEqual([]);
    first().state();
    await vi.waitFor(() => expect(told).toEqual([['pod-1']]));
  });

  it('refuses what no pod refers to', async () => {
    await expect(watches.get('n', 'a')).rejects.toThrow('object "n"/"a" not registered');
  });

  it('tells the pods of an object when it comes, changes and goes', async () => {
    watches.setReferences('pod-1', 'n', new Set(['a']));
    watches.setReferences('pod-2', 'n', new Set(['a']));
    first().state();
    await expect(watches.get('n', 'a')).rejects.toThrow('not found');
    expect(told).toEqual([]);
    first().send('ADDED', map('a', '2', { data: { k: 'v' } }));
    await vi.waitFor(() => expect(told).toHaveLength(1));
    expect((await watches.get('n', 'a')).data).toEqual({ k: 'v' });
    first().send('MODIFIED', map('a', '3', { data: { k: 'w' } }));
    await vi.waitFor(() => expect(told).toHaveLength(2));
    expect((await watches.get('n', 'a')).data).toEqual({ k: 'w' });
    first().send('DELETED', map('a', '4'));
    await vi.waitFor(() => expect(told).toHaveLength(3));
    await expect(watches.get('n', 'a')).rejects.toThrow('not found');
    expect(told.every(uids => uids.join() === 'pod-1,pod-2')).toBe(true);
  });

  it('keeps an immutable object and ends its watch', async () => {
    watches.setReferences('pod-1', 'n', new Set(['a']));
    first().state(map('a', '2', { immutable: true, data: { k: 'v' } }));
    await vi.waitFor(() => expect(opens()).toEqual([]));
    expect((await watches.get('n', 'a')).data).toEqual({ k: 'v' });
    expect(opened).toHaveLength(1);
  });
});
