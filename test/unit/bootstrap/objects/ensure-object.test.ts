import { expect, it } from 'vitest';
import type { Secret } from '../../../../src/api/types/gen/core-v1.ts';
import { ensureObject } from '../../../../src/bootstrap/objects/ensure-object.ts';
import { clusterInfoObjects, tokenObject } from '../../../../src/bootstrap/objects/plan.ts';
import { type StoredToken, secretOfToken, tokenOfSecret } from '../../../../src/bootstrap/tokens/stored-token.ts';
import type { ApiAnswer, ApiCall, ApiConnection } from '../../../../src/client/connection.ts';

const TOKEN: StoredToken = {
  token: 'abcdef.0123456789abcdef',
  description: 'for one rack',
  expires: Date.UTC(2030, 0, 1),
  usages: ['authentication', 'signing'],
  groups: ['system:bootstrappers:one', 'system:bootstrappers:two'],
};
const signal = new AbortController().signal;

/** A server that has one object, and what was written into it. */
function serverWith<T extends object>(found: T) {
  const written: T[] = [];
  const call = async ({ method, body }: ApiCall): Promise<ApiAnswer> => {
    if (method === 'PUT') written.push(JSON.parse(String(body)) as T);
    return { status: 200, body: Buffer.from(JSON.stringify(written.at(-1) ?? found)) };
  };
  return { written, connection: { call } as unknown as ApiConnection };
}

it.each([
  ['its end', { expires: undefined }],
  ['a use', { usages: ['signing'] }],
  ['a group', { groups: ['system:bootstrappers:one'] }],
  ['all groups', { groups: [] }],
  ['its description', { description: '' }],
])('a token that is there loses %s where that is no longer said', async (_, change) => {
  const server = serverWith<Secret>(secretOfToken(TOKEN));
  const wanted = { ...TOKEN, ...change };
  expect(await ensureObject(server.connection, tokenObject(wanted), signal)).toBe('updated');
  expect(server.written.map(secret => tokenOfSecret(secret))).toEqual([wanted]);
  expect(await ensureObject(server.connection, tokenObject(wanted), signal)).toBe('there');
  expect(server.written).toHaveLength(1);
});

it('what others put into a ConfigMap beside ours stays: the signatures in cluster-info', async () => {
  const [info] = clusterInfoObjects('new');
  const server = serverWith({ ...info?.object, data: { kubeconfig: 'old', 'jws-kubeconfig-abcdef': 'signed' } });
  expect(await ensureObject(server.connection, info ?? expect.fail('there is none'), signal)).toBe('updated');
  expect(server.written.map(({ data }) => data)).toEqual([{ kubeconfig: 'new', 'jws-kubeconfig-abcdef': 'signed' }]);
});
