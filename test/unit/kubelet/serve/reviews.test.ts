import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { unavailable } from '../../../../src/base/errors.ts';
import type { ApiCall, ApiConnection } from '../../../../src/client/connection.ts';
import { createLogger } from '../../../../src/daemon/logger.ts';
import { Askers } from '../../../../src/kubelet/serve/asker.ts';
import { Rights } from '../../../../src/kubelet/serve/rights.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';

const log = createLogger({ daemon: 'test', level: 'silent' });

/** An API server that answers reviews with `status`, or is away where that is undefined. */
function server(status: (spec: Record<string, unknown>) => object | undefined) {
  const asked: Record<string, unknown>[] = [];
  const connection = {
    async call({ body }: ApiCall) {
      const { spec } = JSON.parse(String(body));
      asked.push(spec);
      const answer = status(spec);
      if (answer === undefined) throw unavailable('away');
      return { status: 201, body: Buffer.from(JSON.stringify({ metadata: {}, spec, status: answer })) };
    },
  } as unknown as ApiConnection;
  return { connection, asked };
}

const asker = { name: 'ann', uid: '', groups: ['g'], extra: {} };

describe('rights', () => {
  const rights = (connection: ApiConnection, clock = new FakeClock()) =>
    new Rights(connection, { nodeName: 'n1', allowedMs: 300_000, deniedMs: 30_000, clock });

  it('are asked for by the subresources of the node, the finer first, and remembered', async () => {
    const api = server(spec => ({
      allowed: (spec['resourceAttributes'] as { subresource: string }).subresource === 'proxy',
    }));
    const own = rights(api.connection);
    expect(await Promise.all([own.allows(asker, 'get', '/pods'), own.allows(asker, 'get', '/pods')])).toEqual([
      true,
      true,
    ]);
    expect(api.asked.map(spec => spec['resourceAttributes'])).toEqual([
      { verb: 'get', version: 'v1', resource: 'nodes', subresource: 'pods', name: 'n1' },
      { verb: 'get', version: 'v1', resource: 'nodes', subresource: 'proxy', name: 'n1' },
    ]);
  });

  it('that are denied are asked for again sooner', async () => {
    const clock = new FakeClock();
    const api = server(spec => ({ allowed: spec['user'] === 'ann' }));
    const own = rights(api.connection, clock);
    const both = () => Promise.all(['ann', 'bob'].map(name => own.allows({ ...asker, name }, 'get', '/metrics')));
    expect(await both()).toEqual([true, false]);
    await clock.advance(31_000);
    await both();
    expect(api.asked.map(spec => spec['user'])).toEqual(['ann', 'bob', 'bob']);
  });

  it('cannot be told while the API server is away, and nothing is remembered of that', async () => {
    let away = true;
    const own = rights(server(() => (away ? undefined : { allowed: true })).connection);
    await expect(own.allows(asker, 'get', '/metrics')).rejects.toThrow('away');
    away = false;
    expect(await own.allows(asker, 'get', '/metrics')).toBe(true);
  });
});

describe('who asks with a token', () => {
  const request = (authorization?: string): IncomingMessage =>
    ({ headers: authorization === undefined ? {} : { authorization }, socket: {} }) as unknown as IncomingMessage;
  const user = { username: 'ann', uid: '7', groups: ['g'] };
  const askers = (connection: ApiConnection | undefined, anonymous = false) =>
    new Askers({ connection, tokenTtlMs: 120_000, anonymous, clock: new FakeClock(), log });

  it('is whom the API server knows, asked once', async () => {
    const api = server(spec => ({ authenticated: spec['token'] === 'good', user }));
    const own = askers(api.connection);
    const good = { name: 'ann', uid: '7', groups: ['g'], extra: {} };
    expect(await Promise.all([own.of(request('Bearer good')), own.of(request('bearer good'))])).toEqual([good, good]);
    expect(await own.of(request('Bearer bad'))).toBeUndefined();
    expect(api.asked.map(spec => spec['token'])).toEqual(['good', 'bad']);
  });

  it.each<[string, string | undefined, boolean, string | undefined]>([
    ['without anything', undefined, false, undefined],
    ['without anything where nobody is somebody', undefined, true, 'system:anonymous'],
    ['with another scheme', 'Basic abc', true, undefined],
    ['with a token of 100,000 letters', `Bearer ${'x'.repeat(100_000)}`, false, undefined],
  ])('%s is %s: %s %s', async (_what, header, anonymous, name) => {
    const api = server(() => ({ authenticated: true, user }));
    expect((await askers(api.connection, anonymous).of(request(header)))?.name).toBe(name);
    expect(api.asked).toEqual([]);
  });

  it('is nobody while the API server is away, and without one', async () => {
    expect(await askers(server(() => undefined).connection).of(request('Bearer good'))).toBeUndefined();
    expect(await askers(undefined).of(request('Bearer good'))).toBeUndefined();
  });
});
