import { describe, expect, it } from 'vitest';
import { builtinTable } from '../../../../../src/api/schema/builtin.ts';
import { loadPackages } from '../../../../../src/api/schema/packages.ts';
import {
  allResources,
  findResource,
  findResourceOfKind,
  resourceType,
} from '../../../../../src/api/schema/resources/registry.ts';
import { oracle, skipReason } from '../../oracles.ts';

interface Operation {
  readonly 'x-kubernetes-action'?: string;
  readonly 'x-kubernetes-group-version-kind'?: {
    readonly group: string;
    readonly version: string;
    readonly kind: string;
  };
}

const PATH = 'openapi/swagger.json';
const text = oracle(PATH);
const VERBS: Readonly<Record<string, readonly string[]>> = {
  post: ['create'],
  put: ['update'],
  list: ['list', 'watch'],
  get: ['get'],
  patch: ['patch'],
  delete: ['delete'],
  deletecollection: ['deletecollection'],
};
/** What a proxied or upgraded connection counts as in discovery, by HTTP method. */
const METHODS: Readonly<Record<string, string>> = {
  get: 'get',
  post: 'create',
  put: 'update',
  patch: 'patch',
  delete: 'delete',
};

/** `group/version/resource[/subresource] scope kind` -> verbs, from upstream's document. */
function upstream(): Map<string, string> {
  const { paths } = JSON.parse(text ?? '{"paths":{}}') as { paths: Record<string, Record<string, Operation>> };
  const verbs = new Map<string, Set<string>>();
  const scopes = new Map<string, string>();
  const kinds = new Map<string, string>();
  for (const [path, operations] of Object.entries(paths)) {
    const match =
      /^\/(?:api|apis\/([^/]+))\/(v1|v2)\/(?!watch\/)(namespaces\/\{namespace\}\/)?([a-z]+)(?:\/\{name\}(?:\/([a-z]+))?)?$/.exec(
        path,
      );
    const [, group = '', version, namespace, resource, subresource] = match ?? [];
    const key = [group, version, resource, subresource].filter(part => part !== undefined).join('/');
    const entries = match === null ? [] : Object.entries(operations);
    scopes.set(key, namespace === undefined ? (scopes.get(key) ?? 'cluster') : 'namespaced');
    for (const [method, operation] of entries) {
      const action = operation['x-kubernetes-action'] ?? '';
      const names = action === 'connect' ? [METHODS[method] ?? ''] : (VERBS[action] ?? []);
      verbs.set(key, new Set([...(verbs.get(key) ?? []), ...names.filter(name => name !== '')]));
      const kind = operation['x-kubernetes-group-version-kind'];
      kinds.set(key, kind === undefined ? (kinds.get(key) ?? '') : `${kind.group}/${kind.version}/${kind.kind}`);
    }
  }
  return new Map(
    [...verbs].map(([key, set]) => [
      `${key} ${scopes.get(key)} ${kinds.get(key)}`,
      [...set]
        .filter(verb => !(verb === 'watch' && !set.has('get')))
        .sort()
        .join(),
    ]),
  );
}

/** componentstatuses is listed and not watched; OpenAPI does not tell. */
const UNWATCHED = '/v1/componentstatuses';

/** Upstream's API server does not serve it: metrics-server does. */
const USAGE = 'metrics.k8s.io';

function ours(): Map<string, string> {
  return new Map(
    allResources()
      .filter(r => r.group !== USAGE)
      .flatMap(r => {
        const base = `${r.group}/${r.version}/${r.plural}`;
        const verbs = base === UNWATCHED ? [...r.verbs, 'watch'] : r.verbs;
        return [
          [`${base} ${r.scope} ${r.group}/${r.version}/${r.kind}`, [...verbs].sort().join()] as const,
          ...r.subresources.map(
            s =>
              [`${base}/${s.name} ${r.scope} ${s.group}/${s.version}/${s.kind}`, [...s.verbs].sort().join()] as const,
          ),
        ];
      }),
  );
}

describe.skipIf(text === undefined)(`the resources beside upstream's OpenAPI${skipReason(PATH, text)}`, () => {
  it('are upstream’s: names, scope, kind and verbs, with every subresource', () => {
    const sorted = (map: Map<string, string>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
    expect(sorted(ours())).toEqual(sorted(upstream()));
  });
});

describe('the resources', () => {
  it('have types for their objects and lists', async () => {
    await loadPackages();
    const problems = allResources().filter(
      r =>
        !resourceType(r).json.has('metadata') ||
        (r.listKind !== '' && !builtinTable.struct(`${r.package}.${r.listKind}`).json.has('items')),
    );
    expect(problems.map(r => r.kind)).toEqual([]);
  });

  it('are found by plural and by kind, in their own group alone', () => {
    for (const resource of allResources()) {
      expect(findResource(resource.group, resource.version, resource.plural)).toBe(resource);
      expect(findResourceOfKind(resource.group, resource.version, resource.kind)).toBe(resource);
    }
    expect(findResourceOfKind('apps', 'v1', 'Pod')).toBeUndefined();
  });

  it('lie under different keys unless they are views of one object', () => {
    const keys = new Map<string, string[]>();
    for (const { storage, plural } of allResources())
      if (storage !== undefined) keys.set(storage.prefix, [...(keys.get(storage.prefix) ?? []), plural]);
    const shared = [...keys].filter(([, plurals]) => plurals.length > 1);
    expect(shared).toEqual([
      ['events', ['events', 'events']],
      ['horizontalpodautoscalers', ['horizontalpodautoscalers', 'horizontalpodautoscalers']],
    ]);
  });
});
