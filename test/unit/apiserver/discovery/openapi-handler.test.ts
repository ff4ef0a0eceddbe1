import { expect, it } from 'vitest';
import { loadPackages } from '../../../../src/api/schema/packages.ts';
import { allResources } from '../../../../src/api/schema/resources/registry.ts';
import { openApiHandler } from '../../../../src/apiserver/discovery/openapi-handler.ts';
import { newContext } from '../../../../src/apiserver/pipeline/context.ts';
import { requestOf } from '../requests.ts';

await loadPackages();
const handler = openApiHandler(
  { version: 'v1', resources: allResources().filter(row => row.plural === 'configmaps') },
  async () => ({ status: 418, headers: {}, body: '' }),
);
const ask = (url: string, headers: Record<string, string> = {}) => handler(newContext(requestOf({ url, headers })));

const DEPRECATED = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
const PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

it.each([
  ['', 200, 'application/json'],
  ['*/*', 200, 'application/json'],
  ['application/json', 200, 'application/json'],
  [PROTOBUF, 200, PROTOBUF],
  [DEPRECATED, 200, PROTOBUF],
  [`application/json;q=0.1, ${DEPRECATED}`, 200, PROTOBUF],
  [`application/json, ${DEPRECATED}`, 200, 'application/json'],
  ['text/html', 406, undefined],
])('the OpenAPI v2 document for Accept %j: %i %s', async (accept, status, type) => {
  const answer = await ask('/openapi/v2', accept === '' ? {} : { accept });
  expect([answer.status, answer.headers['content-type'], answer.headers['vary']]).toEqual([status, type, 'Accept']);
});

it.each(['json', 'W/json', '"x", json', '*'])('is not sent again to who has it, by %j', async tags => {
  const { headers } = await ask('/openapi/v2');
  const known = tags.replace('json', String(headers['etag']));
  expect((await ask('/openapi/v2', { 'if-none-match': known })).status).toBe(304);
  expect((await ask('/openapi/v2', { 'if-none-match': '"x"' })).status).toBe(200);
});

it('an OpenAPI v3 document asked for by its hash may be kept for a year', async () => {
  const root = await ask('/openapi/v3');
  const { paths } = JSON.parse(String(root.body)) as { paths: Record<string, { serverRelativeURL: string }> };
  const url = paths['api/v1']?.serverRelativeURL ?? '';
  const { status, headers } = await ask(url);
  expect([status, headers['cache-control']]).toEqual([200, 'public, immutable']);
  const days = (Date.parse(String(headers['expires'])) - Date.now()) / 86_400_000;
  expect(Math.round(days)).toBe(365);
  expect(await ask('/openapi/v3/api/v1?hash=OLD')).toMatchObject({ status: 301, headers: { location: url } });
  expect((await ask(url, { accept: 'text/html' })).status).toBe(406);
});
