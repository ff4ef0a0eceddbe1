import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigMap } from '../../src/api/types/gen/core-v1.ts';
import { type ApiAnswer, type ApiClient, ApiFailure, type ListOf } from '../harness/api-client.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { waitFor } from '../harness/wait-for.ts';
import type { Watch } from '../harness/watch.ts';

/** What clients see while etcd hangs or is dead, and that all recovers by itself without a loss. */

const MAPS = '/api/v1/namespaces/default/configmaps';

let server: TestApiServer;
let client: ApiClient;

beforeAll(async () => {
  server = await TestApiServer.start();
  client = server.clientFor('admin', ['system:masters']);
});
afterAll(async () => {
  client.close();
  await server.remove();
});

const create = (name: string): Promise<ApiAnswer> => client.request('POST', MAPS, { body: { metadata: { name } } });

/** Creates one object after the other until it is told to stop; returns the names that were acknowledged. */
function writer(prefix: string) {
  const acknowledged: string[] = [];
  let stopped = false;
  const ended = (async () => {
    for (let i = 0; !stopped; i++) {
      const { status } = await create(`${prefix}-${i}`);
      acknowledged.push(...(status === 201 ? [`${prefix}-${i}`] : []));
    }
  })();
  return {
    acknowledged,
    async stop() {
      stopped = true;
      await ended;
    },
  };
}

/** Watches as an informer does: goes on from the last version where a watch ended. Keeps the names of what was added, in order. */
class Follower {
  readonly names: string[] = [];
  readonly versions: number[] = [];
  readonly #prefix: string;
  readonly #ended: Promise<void>;
  #version: string;
  #stopped = false;
  #watch: Watch<ConfigMap> | undefined;

  constructor(prefix: string, from: string) {
    this.#prefix = prefix;
    this.#version = from;
    this.#ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#watch?.close();
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        this.#watch = await client.watch<ConfigMap>(MAPS, { resourceVersion: this.#version });
        await this.#read(this.#watch);
      } catch (error) {
        // a watch that is refused is asked for again; that nothing comes for long is what this is about
        expect(error).toBeInstanceOf(ApiFailure);
      }
    }
  }

  async #read(watch: Watch<ConfigMap>): Promise<void> {
    for (let open = true; open; ) {
      const event = await watch.next().catch(() => 'quiet' as const);
      open = event !== undefined;
      if (event === undefined || event === 'quiet') continue;
      const { name = '', resourceVersion = '' } = event.object.metadata;
      this.#version = resourceVersion;
      this.versions.push(Number(resourceVersion));
      if (event.type === 'ADDED' && name.startsWith(`${this.#prefix}-`)) this.names.push(name);
    }
  }
}

const AWAY = [
  {
    word: 'hangs',
    leave: async () => server.etcd.freeze(),
    comeBack: async () => server.etcd.thaw(),
    status: 504,
    because: 'Timeout',
    text: /^Timeout: request did not complete within the allotted timeout$/,
  },
  {
    word: 'is killed',
    leave: () => server.etcd.kill(),
    comeBack: () => server.etcd.start(),
    status: 500,
    because: 'ServerTimeout',
    text: /^The \w+ operation against configmaps could not be completed at this time, please try again\.$/,
  },
];

describe.each(AWAY)('etcd $word', ({ word, leave, comeBack, status, because, text }) => {
  it('and every answer comes in time, says so, and nothing is lost', async () => {
    const prefix = word.replace(' ', '-');
    // what is asked for while etcd is away may well be done when it is back: this one is left out of the account
    const other = `${MAPS}/other-${prefix}`;
    expect((await create(`other-${prefix}`)).status).toBe(201);
    const { metadata } = await client.get<ListOf<ConfigMap>>(MAPS);
    const watching = new Follower(prefix, metadata.resourceVersion ?? '');
    const writing = writer(prefix);
    await waitFor('some objects to be written and seen', () => watching.names.length > 20);

    await leave();
    const timed = async (ask: Promise<ApiAnswer>): Promise<{ answer: ApiAnswer; ms: number }> => {
      const began = performance.now();
      const answer = await ask;
      return { answer, ms: performance.now() - began };
    };
    const ready = await timed(client.request('GET', '/readyz'));
    expect(ready.answer.text).toContain('[-]etcd failed: reason withheld\n');
    expect([ready.answer.status, ready.ms < 3000]).toEqual([500, true]);
    expect((await timed(client.request('GET', '/livez'))).answer.text).toContain('[-]etcd failed');
    // what the cache has is still told, and at once
    const cached = await timed(client.request('GET', MAPS, { query: { resourceVersion: '0' } }));
    expect([cached.answer.status, cached.ms < 1000]).toEqual([200, true]);

    const refused = await Promise.all([
      timed(create(`${prefix}-lost`)),
      timed(client.request('GET', MAPS)),
      timed(client.request('GET', other)),
      timed(
        client.request('PATCH', other, {
          body: { data: { a: 'b' } },
          contentType: 'application/merge-patch+json',
        }),
      ),
      timed(client.request('DELETE', other)),
    ]);
    for (const { answer, ms } of refused) {
      const { code, reason, message } = JSON.parse(answer.text);
      expect([answer.status, code, reason, message]).toEqual([status, status, because, expect.stringMatching(text)]);
      expect(ms).toBeLessThan(30_000);
    }

    const back = performance.now();
    await comeBack();
    await waitFor('the server to be ready again', async () => (await client.request('GET', '/readyz')).status === 200);
    const before = writing.acknowledged.length;
    await waitFor('writes to go on', () => writing.acknowledged.length > before + 20);
    console.log(`etcd ${word}: ready and writing again ${Math.round(performance.now() - back)} ms after it came back`);
    await writing.stop();

    const { items } = await client.get<ListOf<ConfigMap>>(MAPS);
    const stored = items.map(item => item.metadata.name);
    expect(stored).toEqual(expect.arrayContaining(writing.acknowledged));
    const ours = stored.filter(name => name?.startsWith(`${prefix}-`));
    await waitFor('the watch to have told of everything', saw => {
      saw({ seen: watching.names.length, stored: ours.length });
      return watching.names.length >= ours.length;
    });
    await watching.stop();
    expect(watching.names.toSorted()).toEqual(ours.toSorted());
    expect(watching.versions).toEqual(watching.versions.toSorted((a, b) => a - b));
  });
});

it('nothing of this was a defect of the server', () => {
  expect(server.log).not.toMatch(/by a defect|"level":"(error|fatal)"/);
});
