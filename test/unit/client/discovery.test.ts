import { describe, expect, it } from 'vitest';
import type { ApiConnection } from '../../../src/client/connection.ts';
import { servedKinds } from '../../../src/client/discovery.ts';

const row = (name: string, kind: string, verbs = ['list']): object => ({ name, kind, namespaced: true, verbs });

/** A server that answers these paths, and 503 to the others. */
function serverOf(answers: Readonly<Record<string, object>>): ApiConnection {
  const call = async ({ path }: { readonly path: string }) => {
    const body = answers[path];
    return body === undefined
      ? { status: 503, body: Buffer.from('no answer') }
      : { status: 200, body: Buffer.from(JSON.stringify(body)) };
  };
  return { call } as unknown as ApiConnection;
}

const never = new AbortController().signal;
const group = (name: string, ...versions: string[]): object => ({
  name,
  preferredVersion: { groupVersion: `${name}/${versions[0]}` },
  // the order of versions is not that of preference
  versions: versions.toReversed().map(version => ({ groupVersion: `${name}/${version}` })),
});

describe('discovery of all kinds', () => {
  it('finds each version of each kind, and which one its group prefers', async () => {
    const { kinds, failures } = await servedKinds(
      serverOf({
        '/apis': { groups: [group('x', 'v2', 'v1')] },
        '/api/v1': { resources: [row('pods', 'Pod'), row('pods/log', 'Pod')] },
        '/apis/x/v2': { resources: [row('news', 'New'), row('both', 'Both')] },
        '/apis/x/v1': { resources: [row('olds', 'Old'), row('both', 'Both')] },
      }),
      never,
    );
    const told = kinds.map(({ id, isPreferred }) => `${id.group}/${id.version}/${id.plural} ${isPreferred}`);
    expect(told.toSorted()).toEqual([
      '/v1/pods true',
      'x/v1/both false',
      'x/v1/olds true',
      'x/v2/both true',
      'x/v2/news true',
    ]);
    expect(failures).toEqual([]);
  });

  it('finds the same in two answers where the server gives all versions at once', async () => {
    const resource = (plural: string, kind: string): object => ({
      resource: plural,
      responseKind: { group: '', version: '', kind },
      scope: 'Namespaced',
      verbs: ['list'],
      subresources: [{ subresource: 'log' }],
    });
    const { kinds, failures } = await servedKinds(
      serverOf({
        '/api': { items: [{ metadata: {}, versions: [{ version: 'v1', resources: [resource('pods', 'Pod')] }] }] },
        '/apis': {
          items: [
            {
              metadata: { name: 'x' },
              versions: [
                { version: 'v2', resources: [resource('news', 'New'), resource('both', 'Both')] },
                { version: 'v1', resources: [resource('olds', 'Old'), resource('both', 'Both')] },
              ],
            },
            { metadata: { name: 'y' }, versions: [{ version: 'v1', freshness: 'Stale', resources: [] }] },
          ],
        },
      }),
      never,
    );
    const told = kinds.map(
      ({ id, kind, isPreferred }) => `${id.group}/${id.version}/${id.plural} ${kind} ${isPreferred}`,
    );
    expect(told.toSorted()).toEqual([
      '/v1/pods Pod true',
      'x/v1/both Both false',
      'x/v1/olds Old true',
      'x/v2/both Both true',
      'x/v2/news New true',
    ]);
    expect(failures).toEqual([{ groupVersion: 'y/v1', because: expect.stringContaining('stale') }]);
  });

  it('tells of a version that does not answer, and of all the others', async () => {
    const { kinds, failures } = await servedKinds(
      serverOf({ '/apis': { groups: [group('x', 'v1')] }, '/api/v1': { resources: [row('pods', 'Pod')] } }),
      never,
    );
    expect(kinds.map(kind => kind.kind)).toEqual(['Pod']);
    expect(failures).toEqual([{ groupVersion: 'x/v1', because: expect.stringContaining('503') }]);
  });

  it('fails where the groups are not known', async () => {
    await expect(servedKinds(serverOf({}), never)).rejects.toThrow('503');
  });
});
