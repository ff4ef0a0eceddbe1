import { describe, expect, it } from 'vitest';
import { builtinTable } from '../../../../src/api/schema/builtin.ts';
import { loadPackages } from '../../../../src/api/schema/packages.ts';
import { oracle, skipReason } from '../oracles.ts';

interface Definition {
  readonly properties?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly required?: readonly string[];
}

const PATH = 'openapi/swagger.json';
const text = oracle(PATH);
await loadPackages();

/** Every struct of ours that upstream's OpenAPI document also describes, with its definition. */
function pairs() {
  const swagger = JSON.parse(text ?? '{"definitions":{}}') as { definitions: Record<string, Definition> };
  return builtinTable.ids().flatMap(id => {
    const type = builtinTable.type(id);
    const name = type.kind === 'struct' ? type.package.goPath.replace(/^k8s\.io/, 'io.k8s').replaceAll('/', '.') : '';
    const definition = swagger.definitions[`${name}.${id.slice(id.lastIndexOf('.') + 1)}`];
    return definition?.properties === undefined || type.kind !== 'struct' ? [] : [{ id, type, definition }];
  });
}

describe.skipIf(text === undefined)(`the schema table beside upstream's OpenAPI${skipReason(PATH, text)}`, () => {
  it('describes every group', () => {
    expect(pairs().length).toBeGreaterThan(550);
  });

  it('has every property that upstream documents, and no other', () => {
    const wrong = pairs().flatMap(({ id, type, definition }) => {
      const ours = [...type.json.keys()].sort();
      const theirs = Object.keys(definition.properties ?? {}).sort();
      return ours.join() === theirs.join()
        ? []
        : [
            `${id}: only here ${ours.filter(n => !theirs.includes(n))}, only there ${theirs.filter(n => !ours.includes(n))}`,
          ];
    });
    expect(wrong).toEqual([]);
  });

  it('has the list types, map keys and patch rules of upstream', () => {
    const rules = pairs().flatMap(({ id, type, definition }) =>
      [...type.json.values()].map(field => ({ id, field, property: definition.properties?.[field.name] ?? {} })),
    );
    const ours = rules.map(({ id, field }) => [
      `${id}.${field.name}`,
      field.listType,
      field.listMapKeys.join(),
      field.patchStrategies.join(),
      field.patchMergeKey,
    ]);
    const theirs = rules.map(({ id, field, property }) => [
      `${id}.${field.name}`,
      property['x-kubernetes-list-type'],
      String(property['x-kubernetes-list-map-keys'] ?? ''),
      String(property['x-kubernetes-patch-strategy'] ?? ''),
      property['x-kubernetes-patch-merge-key'],
    ]);
    expect(ours).toEqual(theirs);
  });

  it('has the required fields of upstream', () => {
    const wrong = pairs().flatMap(({ id, type, definition }) => {
      const ours = [...type.json.values()].filter(f => f.required || (!f.omitEmpty && !f.optional)).map(f => f.name);
      const theirs = definition.required ?? [];
      return ours.sort().join() === [...theirs].sort().join() ? [] : [`${id}: ${ours} here, ${theirs} there`];
    });
    expect(wrong).toEqual([]);
  });
});
