import { describe, expect, it } from 'vitest';
import { openApiV2 } from '../../../../src/api/openapi/document.ts';
import { oracle, skipReason } from '../oracles.ts';

type Json = Record<string, unknown>;

const PATH = 'openapi/swagger.json';
const text = oracle(PATH);
const upstream = JSON.parse(text ?? '{}') as { paths: Record<string, Json>; definitions: Json; parameters: Json };
const ours = (await openApiV2({ version: 'v1.36.6' })) as unknown as typeof upstream;

/** A value without some members, the others in order. */
function without(value: unknown, names: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map(item => without(item, names));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !names.has(name))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, without(member, names)]),
  );
}

/** Prose is ours, unions are in no row, and the document was written without enumerations, which servers have by default. */
const OURS = new Set(['description', 'x-kubernetes-unions', 'enum']);
/** Kinds that belong to every group name all of upstream's, the unserved ones too. */
const SHARED = /\.(?:DeleteOptions|WatchEvent)$/;

/** Of metrics.k8s.io, which upstream has in metrics-server; nothing else has a duration. */
const USAGE = /metrics\.(?:k8s\.io|pkg)|\.Duration$/;

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly responses: Readonly<Record<string, { schema?: Json }>>;
}
interface Parameter {
  readonly $ref?: string;
  readonly name: string;
  readonly in: string;
  readonly type?: string;
  readonly required?: boolean;
  readonly schema?: Json;
}

/** Sharded lists are not here. */
const ABSENT = new Set(['shardSelector']);

function operation(document: typeof upstream, path: string, method: string): unknown {
  const item = document.paths[path] as { parameters?: Parameter[] } & Record<string, Operation>;
  const found = item?.[method] as Operation | undefined;
  const parameters = [...(item?.parameters ?? []), ...(found?.parameters ?? [])]
    .map(p => (p.$ref === undefined ? p : (document.parameters[p.$ref.slice('#/parameters/'.length)] as Parameter)))
    .filter(p => !ABSENT.has(p.name))
    .map(p => `${p.in} ${p.name} ${p.type ?? JSON.stringify(p.schema)} ${p.required === true}`);
  return {
    ...(without(
      { ...found, responses: undefined },
      new Set(['description', 'parameters', 'produces', 'consumes']),
    ) as Json),
    parameters: parameters.sort(),
    responses: without(found?.responses, OURS),
  };
}

describe.skipIf(text === undefined)(`our OpenAPI v2 document beside upstream's${skipReason(PATH, text)}`, () => {
  it('defines the same', () => {
    const compared = (document: typeof upstream) =>
      Object.keys(ours.definitions)
        .filter(name => !USAGE.test(name))
        .map(name => [
          name,
          without(
            document.definitions[name],
            SHARED.test(name) ? new Set([...OURS, 'x-kubernetes-group-version-kind']) : OURS,
          ),
        ]);
    expect(compared(ours)).toEqual(compared(upstream));
  });

  it('has the same operations with the same ids, kinds, parameters, bodies and answers', () => {
    const all = Object.entries(ours.paths)
      .filter(([path]) => !USAGE.test(path))
      .flatMap(([path, item]) => Object.keys(item).map(method => [path, method]));
    expect(all.length).toBeGreaterThan(500);
    const compared = (document: typeof upstream) =>
      all.map(([path = '', method = '']) => [path, method, operation(document, path, method)]);
    expect(compared(ours)).toEqual(compared(upstream));
  });
});
