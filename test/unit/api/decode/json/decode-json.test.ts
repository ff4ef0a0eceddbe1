import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeJson } from '../../../../../src/api/decode/json/decode-json.ts';
import { decodeYamlValue, readYamlBody } from '../../../../../src/api/decode/json/decode-yaml-body.ts';
import { checkFieldValidation, parseFieldValidation } from '../../../../../src/api/decode/json/field-validation.ts';
import { readJson } from '../../../../../src/api/decode/read-json.ts';
import { DEFAULT_LIMITS } from '../../../../../src/api/decode/source.ts';
import { decodeStruct } from '../../../../../src/api/decode/walk.ts';
import { builtinTable } from '../../../../../src/api/schema/builtin.ts';
import { loadPackages } from '../../../../../src/api/schema/packages.ts';
import { allResources, resourceType } from '../../../../../src/api/schema/resources/registry.ts';
import { arbitraryObject } from '../../arbitrary.ts';
import { seededRandom } from '../../seeded-random.ts';

await loadPackages();
const pod = builtinTable.struct('core/v1.Pod');
const configMap = builtinTable.struct('core/v1.ConfigMap');
const revision = builtinTable.struct('apps/v1.ControllerRevision');
const tower = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
/** A part without a type stands on the fifth level. */
const managed = (levels: number): string => `{"metadata":{"managedFields":[{"fieldsV1":${tower(levels)}}]}}`;
const decode = (text: string, type = pod) => decodeJson(type, text, { duplicates: true });
const strict = (text: string, type = pod) => decode(text, type).strictErrors;
const container = (text: string) => `{"spec":{"containers":[{"name":"a"},${text}]}}`;

describe('decoding the JSON of a request', () => {
  it('gives what the reader with places gives, for random objects of every kind', () => {
    const types = allResources().map(resourceType);
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.nat(), (type, seed) => {
        const text = JSON.stringify(arbitraryObject(type, seededRandom(seed)));
        const { object, strictErrors } = decode(text, type);
        expect(strictErrors).toEqual([]);
        expect(object).toEqual(decodeStruct(type, readJson(text).node).value);
      }),
      { seed: 21, numRuns: 300 },
    );
  });

  it.each([
    ['an unknown field', '{"spec":{"foo":1}}', ['unknown field "spec.foo"']],
    ['one in a list', container('{"imge":"x"}'), ['unknown field "spec.containers[1].imge"']],
    [
      'names in another case',
      '{"Spec":{},"metadata":{"Name":"a"}}',
      ['unknown field "Spec"', 'unknown field "metadata.Name"'],
    ],
    ['a repeated field', '{"spec":{"nodeName":"a","nodeName":"b"}}', ['duplicate field "spec.nodeName"']],
    ['one in a list', container('{"image":"a","image":"b"}'), ['duplicate field "spec.containers[1].image"']],
    [
      'unknown and repeated ones in the order of the text',
      '{"spec":{"x":1,"nodeName":"a","nodeName":"b","y":1},"z":{},"kind":"a","kind":"b"}',
      [
        'unknown field "spec.x"',
        'duplicate field "spec.nodeName"',
        'unknown field "spec.y"',
        'unknown field "z"',
        'duplicate field "kind"',
      ],
    ],
    ['a repeated label', '{"metadata":{"labels":{"a":"1","a":"2"}}}', ['duplicate field "metadata.labels.a"']],
    ['one repeated three times, once', '{"kind":"a","kind":"b","kind":"c"}', ['duplicate field "kind"']],
    ['one that an escape hides', '{"kind":"a","ki\\u006ed":"b"}', ['duplicate field "kind"']],
    ['one inside an unknown field not', '{"foo":{"a":1,"a":2}}', ['unknown field "foo"']],
    [
      'names that objects have by nature',
      '{"__proto__":{},"constructor":1,"toString":2}',
      ['unknown field "__proto__"', 'unknown field "constructor"', 'unknown field "toString"'],
    ],
    ['nothing in braces and colons of text', '{"metadata":{"annotations":{"a":"{\\"b\\":1,\\"b\\":[2]}"}}}', []],
  ])('reports %s', (_, text, expected) => {
    expect(strict(text)).toEqual(expected);
  });

  it('reports nothing inside an embedded object', () => {
    expect(strict('{"data":{"a":{"x":1,"x":2}},"revision":1}', revision)).toEqual([]);
  });

  it('collects at most 100 unknown fields', () => {
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`x${i}`, 1]));
    expect(strict(JSON.stringify(many))).toHaveLength(100);
  });

  it('looks for no repeated fields under Ignore, and the last one holds', () => {
    const { object, strictErrors } = decodeJson(pod, '{"kind":"a","kind":"b"}', { duplicates: false });
    expect([object['kind'], strictErrors]).toEqual(['b', []]);
  });

  it('keeps a label named __proto__, and nobody else gets it', () => {
    const { object } = decode('{"data":{"__proto__":"x","constructor":"y"}}', configMap);
    expect(Object.entries(object['data'] as object)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    expect(Object.getPrototypeOf(object['data'])).toBe(Object.prototype);
  });

  it.each([
    [
      'text for a number',
      '{"spec":{"priority":"1"}}',
      'json: cannot unmarshal string into Go struct field PodSpec.spec.priority of type int32',
    ],
    [
      'a number for text',
      container('{"image":5}'),
      'json: cannot unmarshal number into Go struct field Container.spec.containers.image of type string',
    ],
    [
      'text for a bool',
      '{"spec":{"hostPID":"yes"}}',
      'json: cannot unmarshal string into Go struct field PodSpec.spec.hostPID of type bool',
    ],
    [
      'an object for a list',
      '{"spec":{"containers":{}}}',
      'json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    [
      'a list for an object',
      '{"metadata":[]}',
      'json: cannot unmarshal array into Go struct field Pod.metadata of type v1.ObjectMeta',
    ],
    [
      'a number for a label',
      '{"metadata":{"labels":{"a":1}}}',
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    [
      'a field of an embedded struct',
      '{"spec":{"volumes":[{"emptyDir":1}]}}',
      'json: cannot unmarshal number into Go struct field Volume.spec.volumes.VolumeSource.emptyDir of type v1.EmptyDirVolumeSource',
    ],
    [
      'a fraction for an integer',
      '{"spec":{"priority":1.5}}',
      'json: cannot unmarshal number 1.5 into Go struct field PodSpec.spec.priority of type int32',
    ],
    [
      'an integer with a fraction of zero',
      '{"spec":{"priority":1.0}}',
      'json: cannot unmarshal number 1.0 into Go struct field PodSpec.spec.priority of type int32',
    ],
    [
      'an integer with an exponent',
      '{"spec":{"priority":1e2}}',
      'json: cannot unmarshal number 1e2 into Go struct field PodSpec.spec.priority of type int32',
    ],
    [
      'an integer out of range',
      '{"spec":{"priority":2147483648}}',
      'json: cannot unmarshal number 2147483648 into Go struct field PodSpec.spec.priority of type int32',
    ],
    ['a list as the whole', '[]', 'json: cannot unmarshal array into Go value of type v1.Pod'],
    ['a quantity', container('{"resources":{"limits":{"cpu":"1x"}}}'), 'quantities must match the regular expression'],
    [
      'a number for a time',
      '{"metadata":{"creationTimestamp":5}}',
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string',
    ],
    [
      'a type that reads itself, whatever is wrong before it',
      '{"kind":1,"metadata":{"creationTimestamp":5}}',
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string',
    ],
    [
      'the first of two',
      '{"kind":1,"metadata":2}',
      'json: cannot unmarshal number into Go struct field Pod.TypeMeta.kind of type string',
    ],
  ])('refuses %s', (_, text, message) => {
    expect(() => decode(text)).toThrow(message);
  });

  it.each([
    ['nothing', '', 'unexpected end of JSON input'],
    ['a cut text', '{"a":', 'unexpected end of JSON input'],
    ['rubbish', '<html>', "invalid character '<' looking for beginning of value"],
    ['a second value', '{} {}', "invalid character '{' after top-level value"],
    ['a comma too many', '{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['a tower of 10,001', `{"x":${tower(10_000)}}`, "invalid character '[' exceeded max depth"],
    ['a tower that breaks off', `{"x":${'['.repeat(9_999)}x`, "invalid character 'x' looking for beginning of value"],
    ['a tower of 10,000 for an object', `{"metadata":${tower(9_999)}}`, 'cannot unmarshal array into Go struct field'],
    [
      'a tower of 10,000 for a quantity',
      container(`{"resources":{"limits":{"cpu":${tower(9_990)}}}}`),
      'quantities must match the regular expression',
    ],
    [
      'a tower of 10,000 that would be kept',
      managed(9_996),
      'an object is kept down to 1000 levels of nesting, "metadata.managedFields[0].fieldsV1" goes deeper',
    ],
    ['a tower of 1,001 that would be kept', managed(997), 'an object is kept down to 1000 levels of nesting'],
    ['maps without end', '{"a":'.repeat(600_000), "invalid character '{' exceeded max depth"],
    ['a tower without roof', '['.repeat(3_000_000), "invalid character '[' exceeded max depth"],
    ['maps of names with brackets', '{"\\"[{":'.repeat(10_001), "invalid character '{' exceeded max depth"],
  ])('refuses %s', (_, text, message) => {
    expect(() => decode(text)).toThrow(message);
  });

  it.each([
    ['lists', tower(9_999)],
    ['maps', `${'{"a":'.repeat(9_999)}1${'}'.repeat(9_999)}`],
    ['a hundred thousand fractions', `${'['.repeat(9_999)}${'1.5,'.repeat(100_000)}1${']'.repeat(9_999)}`],
    ['ten thousand repeated names', `${'['.repeat(9_998)}${'{"b":1,"b":1},'.repeat(10_000)}1${']'.repeat(9_998)}`],
  ])('leaves out what is unknown down to 10,000 levels: %s', (_, text) => {
    const { object, strictErrors } = decode(`{"kind":"Pod","x":${text}}`);
    expect([object['kind'], 'x' in object, strictErrors]).toEqual(['Pod', false, ['unknown field "x"']]);
  });

  it('keeps 1,000 levels', () => {
    expect(JSON.stringify(decode(managed(996)).object)).toContain(tower(996));
  });

  it('keeps the digits of a quantity that is a number', () => {
    const { object } = decode(container('{"resources":{"limits":{"cpu":0.10,"memory":1e3}}}'));
    expect(object).toMatchObject({
      spec: { containers: [{}, { resources: { limits: { cpu: '100m', memory: '1e3' } } }] },
    });
  });

  it('takes null as absent', () => {
    expect(decode('{"metadata":null,"spec":{"containers":null,"nodeSelector":{"a":null}}}').object).toEqual({
      metadata: {},
      spec: { containers: [], nodeSelector: { a: '' } },
      status: {},
    });
  });
});

const decodeYamlBody = (text: string) => decodeYamlValue(pod, readYamlBody(text, DEFAULT_LIMITS));

describe('a YAML body', () => {
  it('decodes as its JSON does', () => {
    const { object, strictErrors } = decodeYamlBody('kind: Pod\nspec:\n  priority: 5\n  foo: 1\n');
    expect([object['kind'], strictErrors]).toEqual(['Pod', ['unknown field "spec.foo"']]);
  });

  it('names repeated keys with their lines', () => {
    expect(decodeYamlBody('kind: Pod\nkind: Pod\n').strictErrors).toEqual([
      'yaml: unmarshal errors:\n  line 2: key "kind" already set in map',
    ]);
  });

  it('says where it is broken', () => {
    expect(() => decodeYamlBody('kind: Pod\nspec: {a')).toThrow("yaml: line 2: did not find expected ',' or '}'");
  });
});

it('takes null for an object without fields, as Go does', () => {
  expect(decodeJson(pod, 'null', { duplicates: true }).object).toEqual(
    decodeJson(pod, '{}', { duplicates: true }).object,
  );
});

describe('fieldValidation', () => {
  it('warns unless it is told otherwise', () => {
    expect(parseFieldValidation(undefined)).toBe('Warn');
    expect(checkFieldValidation('Warn', ['unknown field "a"'])).toEqual(['unknown field "a"']);
    expect(checkFieldValidation('Ignore', ['unknown field "a"'])).toEqual([]);
  });

  it('refuses under Strict, with every error in one line', () => {
    expect(() => checkFieldValidation('Strict', ['unknown field "a"', 'duplicate field "b"'])).toThrow(
      'strict decoding error: unknown field "a", duplicate field "b"',
    );
    expect(checkFieldValidation('Strict', [])).toEqual([]);
  });

  it('has three values', () => {
    expect(() => parseFieldValidation('strict')).toThrow('Unsupported value: "strict"');
  });
});
