import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApiServer } from '../harness/api-server.ts';
import { overHttp1, type RawAnswer, type RawClient } from '../harness/raw-request.ts';

/** What is nested in itself many times over, in every place that a body has: upstream's answers down to its 10,000 levels, and a server that goes on. */

const REVISIONS = '/apis/apps/v1/namespaces/default/controllerrevisions';
const JSON_TYPE = 'application/json';
const YAML = 'application/yaml';
const MERGE_PATCH = 'application/merge-patch+json';

let server: TestApiServer;
let admin: RawClient;

beforeAll(async () => {
  server = await TestApiServer.start();
  admin = { port: server.port, ...server.credentials('admin', ['system:masters']) };
  expect((await post(JSON_TYPE, revision('old', {}))).status).toBe(201);
});
afterAll(() => server.remove());

const send = (method: string, path: string, type: string, body: string): Promise<RawAnswer> =>
  overHttp1(admin, { method, path, headers: { 'content-type': type }, body });
const post = (type: string, body: string): Promise<RawAnswer> => send('POST', REVISIONS, type, body);
const patch = (type: string, body: string): Promise<RawAnswer> => send('PATCH', `${REVISIONS}/old`, type, body);

const lists = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
const maps = (levels: number): string => `${'{"a": '.repeat(levels)}1${'}'.repeat(levels)}`;
/** One level, with parts given as text. It is YAML as well. */
const revision = (name: string, parts: { metadata?: string; data?: string; foo?: string }): string => {
  const { metadata = `{"name": "${name}"}`, data = '{"a": 1}', ...more } = parts;
  const rest = Object.entries({ data, ...more }).map(([key, text]) => `, "${key}": ${text}`);
  return `{"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1, "metadata": ${metadata}${rest.join('')}}`;
};

describe('an unknown field', () => {
  it.each([
    ['json-lists', JSON_TYPE, lists(9_999)],
    ['json-maps', JSON_TYPE, maps(9_999)],
    ['yaml-lists', YAML, lists(9_999)],
    ['yaml-maps', YAML, maps(9_999)],
  ])('of 10,000 levels is left out with a warning: %s', async (name, type, foo) => {
    const { status, headers, json } = await post(type, revision(name, { foo }));
    expect([status, headers['warning'], json.foo]).toEqual([201, '299 - "unknown field \\"foo\\""', undefined]);
  });

  it.each([
    ['lists in JSON', JSON_TYPE, lists(10_000), "json parse error: invalid character '[' exceeded max depth ({"],
    ['maps in JSON', JSON_TYPE, maps(10_000), "json parse error: invalid character '{' exceeded max depth ({"],
    ['lists in YAML', YAML, lists(10_000), 'exceeded max depth of 10000 ({'],
    ['maps in YAML', YAML, maps(10_000), 'exceeded max depth of 10000 ({'],
  ])('of one more is refused: %s', async (_, type, foo, why) => {
    const { status, json } = await post(type, revision('deeper', { foo }));
    expect([status, json.reason]).toEqual([400, 'BadRequest']);
    expect(json.message).toContain(why);
  });
});

describe('the data of a revision', () => {
  it.each([
    ['json', JSON_TYPE],
    ['yaml', YAML],
  ])('of 1,000 levels is kept, changed and read: %s', async (name, type) => {
    expect((await post(type, revision(`kept-${name}`, { data: maps(999) }))).status).toBe(201);
    const path = `${REVISIONS}/kept-${name}`;
    const read = await overHttp1(admin, { path });
    expect(JSON.stringify(read.json.data)).toBe(maps(999).replaceAll(' ', ''));
    expect((await send('PATCH', path, MERGE_PATCH, '{"revision": 2}')).json.revision).toBe(2);
    const yaml = await overHttp1(admin, { path, headers: { accept: YAML } });
    expect(yaml.status).toBe(200);
  });

  it.each([
    ['1,001 in JSON', JSON_TYPE, lists(1_000)],
    ['10,000 in JSON', JSON_TYPE, maps(9_999)],
    ['1,001 in YAML', YAML, lists(1_000)],
    ['10,000 in YAML', YAML, maps(9_999)],
  ])('of more is refused: %s', async (_, type, data) => {
    const { status, json } = await post(type, revision('more', { data }));
    expect([status, json.message]).toEqual([
      400,
      'ControllerRevision in version "v1" cannot be handled as a ControllerRevision: an object is kept down to 1000 levels of nesting, "data" goes deeper',
    ]);
  });
});

describe('three mebibytes that only begin', () => {
  const BYTES = 3 * 1024 * 1024 - 1024;
  const beginnings = ['[', '{"a":', '{"a": ', '- ', '? '].map(piece => piece.repeat(BYTES / piece.length));

  it.each([
    ['metadata', (deep: string) => revision('x', { metadata: deep })],
    ['an unknown field', (deep: string) => revision('x', { foo: deep })],
    ['data', (deep: string) => revision('x', { data: deep })],
    ['the whole body', (deep: string) => deep],
  ])('are refused as %s, in JSON and in YAML', async (_, bodyOf) => {
    for (const deep of beginnings)
      for (const type of [JSON_TYPE, YAML]) expect((await post(type, bodyOf(deep))).status).toBe(400);
  });

  it.each([MERGE_PATCH, 'application/strategic-merge-patch+json', 'application/json-patch+json'])(
    'are refused as %s',
    async type => {
      for (const deep of beginnings) expect((await patch(type, deep)).status).toBe(400);
      for (const deep of beginnings) expect((await patch(type, `{"data": ${deep}`)).status).toBe(400);
      expect((await patch(type, `[{"op": "add", "path": "/data", "value": ${lists(1_000_000)}}]`)).status).toBe(400);
    },
  );

  it('leave the server as it was', async () => {
    const { status, json } = await overHttp1(admin, { path: `${REVISIONS}/old` });
    expect([status, json.data]).toEqual([200, { a: 1 }]);
  });
});
