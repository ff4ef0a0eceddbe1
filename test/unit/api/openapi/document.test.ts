import { beforeAll, describe, expect, it } from 'vitest';
import { openApiV2, openApiV3, openApiV3Paths } from '../../../../src/api/openapi/document.ts';
import { openApiV2Protobuf } from '../../../../src/api/openapi/v2-protobuf.ts';
import { Reader } from '../../../../src/api/protobuf/reader.ts';

type Json = Record<string, unknown>;

/** The member at the end of a way. */
function at(value: unknown, ...steps: string[]): unknown {
  return steps.reduce<unknown>((found, step) => (found as Json | undefined)?.[step], value);
}

const OPTIONS = { version: 'v1.36.6' };
let v2: Json = {};
beforeAll(async () => {
  v2 = await openApiV2(OPTIONS);
});

/** Every reference of a document, once. */
function references(value: unknown, found = new Set<string>()): Set<string> {
  if (typeof value !== 'object' || value === null) return found;
  for (const [name, member] of Object.entries(value)) {
    if (name === '$ref') found.add(String(member));
    references(member, found);
  }
  return found;
}

describe('the OpenAPI v2 document', () => {
  it('defines everything that it refers to', () => {
    const missing = [...references(v2)].filter(ref => at(v2, ...ref.slice(2).split('/')) === undefined);
    expect(missing).toEqual([]);
    expect(references(v2).size).toBeGreaterThan(450);
  });

  it.each(['post', 'put', 'patch'])('has the parameter fieldValidation on every %s', method => {
    const writes = Object.entries(v2['paths'] as Json).filter(([, item]) => {
      const action = at(item, method, 'x-kubernetes-action');
      return action !== undefined && action !== 'connect';
    });
    expect(writes.length).toBeGreaterThan(40);
    const names = (item: unknown) => (at(item, method, 'parameters') as { name: string }[]).map(p => p.name);
    expect(writes.filter(([, item]) => !names(item).includes('fieldValidation')).map(([path]) => path)).toEqual([]);
  });

  it('describes nothing that is not served', () => {
    const paths = Object.keys(v2['paths'] as Json);
    expect(paths.filter(path => /customresourcedefinitions|webhook|flowschemas/.test(path))).toEqual([]);
  });

  it('has no patch type that is not there', () => {
    expect(at(v2, 'paths', '/api/v1/namespaces/{namespace}/pods/{name}', 'patch', 'consumes')).toEqual([
      'application/json-patch+json',
      'application/merge-patch+json',
      'application/strategic-merge-patch+json',
      'application/apply-patch+yaml',
    ]);
  });
});

describe.each(['v2', 'v3'])('the definitions of %s', version => {
  const definition = async (name: string): Promise<unknown> =>
    version === 'v2'
      ? at(v2, 'definitions', name)
      : at(await openApiV3('api/v1', OPTIONS), 'components', 'schemas', name);

  it('name the values of enumerations, in order', async () => {
    const restartPolicy = at(await definition('io.k8s.api.core.v1.PodSpec'), 'properties', 'restartPolicy');
    expect(restartPolicy).toEqual({ type: 'string', enum: ['Always', 'Never', 'OnFailure'] });
    const accessModes = at(await definition('io.k8s.api.core.v1.PersistentVolumeSpec'), 'properties', 'accessModes');
    expect(at(accessModes, 'items', 'enum')).toEqual([
      'ReadOnlyMany',
      'ReadWriteMany',
      'ReadWriteOnce',
      'ReadWriteOncePod',
    ]);
  });
});

describe('the OpenAPI v2 document in protobuf', () => {
  it('has enumerations as YAML texts', async () => {
    const schema = { type: 'string', enum: ['A', 'B'] };
    const bytes = await openApiV2Protobuf({ paths: {}, definitions: { x: schema } });
    // field 20 of the schema, twice: each an Any of 6 bytes, whose text (2) is JSON with a line's end
    expect(bytes.toString('hex')).toContain('a2010612042241220aa2010612042242220a');
  });

  it('has every path and definition, by name', async () => {
    const names: Record<number, string[]> = { 8: [], 9: [] };
    const reader = new Reader(await openApiV2Protobuf(v2));
    while (reader.at < reader.end) {
      const field = reader.unsigned() >> 3;
      const inner = new Reader(reader.bytes());
      const list = names[field];
      while (list !== undefined && inner.at < inner.end) {
        inner.unsigned();
        const entry = new Reader(inner.bytes());
        expect(entry.unsigned()).toBe(0x0a);
        list.push(entry.text());
      }
    }
    expect(names[8]).toEqual(Object.keys(v2['paths'] as Json));
    expect(names[9]).toEqual(Object.keys(v2['definitions'] as Json));
  });
});

describe('the OpenAPI v3 documents', () => {
  it('are one for each group and version, and for what stands above', () => {
    const paths = openApiV3Paths(OPTIONS);
    expect(paths).toEqual(expect.arrayContaining(['api', 'api/v1', 'apis', 'apis/apps', 'apis/apps/v1', 'version']));
    expect(paths.filter(path => path.includes('apiextensions'))).toEqual([]);
  });

  it('define everything that they refer to', async () => {
    for (const path of openApiV3Paths(OPTIONS)) {
      const document = await openApiV3(path, OPTIONS);
      const missing = [...references(document)].filter(ref => at(document, ...ref.slice(2).split('/')) === undefined);
      expect([path, ...missing]).toEqual([path]);
      expect(Object.keys(at(document, 'paths') as Json).length).toBeGreaterThan(0);
    }
  });

  it('say with each patch which kind it is about and that fields are validated', async () => {
    const patch = at(
      await openApiV3('apis/apps/v1', OPTIONS),
      'paths',
      '/apis/apps/v1/namespaces/{namespace}/deployments/{name}',
      'patch',
    );
    expect(at(patch, 'x-kubernetes-group-version-kind')).toEqual({ group: 'apps', kind: 'Deployment', version: 'v1' });
    expect(at(patch, 'parameters')).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: 'fieldValidation', in: 'query' })]),
    );
  });

  it('are nothing for a path that is not there', async () => {
    expect(await openApiV3('apis/nothing/v1', OPTIONS)).toBeUndefined();
  });
});
