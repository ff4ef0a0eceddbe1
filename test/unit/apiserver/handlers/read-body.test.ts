import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeProtobuf } from '../../../../src/api/protobuf/object.ts';
import { builtinTable } from '../../../../src/api/schema/builtin.ts';
import { MemoryApi, PROTOBUF } from '../../../harness/memory-api.ts';

const URL = '/api/v1/namespaces/a/configmaps';
const YAML = 'application/yaml';
let api: MemoryApi;
beforeAll(async () => {
  api = await MemoryApi.start();
});
afterAll(() => api.stop());

const secret = { kind: 'Secret', apiVersion: 'v1', metadata: { name: 'x' } };
const META_TYPE =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
const NOT_JSON =
  "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: ";
const REFUSED: [what: string, type: string, body: string | Buffer | object, message: string][] = [
  ['nothing', '', '', `${NOT_JSON}unexpected end of JSON input (<empty>)`],
  ['text', '', 'hello', `${NOT_JSON}invalid character 'h' looking for beginning of value (68656c6c6f)`],
  [
    'JSON that is cut, of which the beginning is shown',
    '',
    '{"kind":"ConfigMap","apiVersion":"v1"',
    `${NOT_JSON}unexpected end of JSON input ({"kind":"ConfigMap","apiVersio ...)`,
  ],
  ['a list', '', '[]', `${NOT_JSON}json: cannot unmarshal array into Go value of type ${META_TYPE} (5b5d)`],
  ['a number', '', '5', `${NOT_JSON}json: cannot unmarshal number into Go value of type ${META_TYPE} (35)`],
  [
    'another kind',
    '',
    secret,
    'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion',
  ],
  [
    'another kind with fields that would not fit',
    '',
    { kind: 'Pod', apiVersion: 'v1', data: 5 },
    'Pod in version "v1" cannot be handled as a ConfigMap: converting (v1.Pod) to (core.ConfigMap): unknown conversion',
  ],
  [
    'a kind that nobody knows',
    '',
    { kind: 'Foo', apiVersion: 'v1' },
    'Foo in version "v1" cannot be handled as a ConfigMap: no kind "Foo" is registered for version "v1"',
  ],
  [
    'a version that nobody knows',
    '',
    { kind: 'ConfigMap', apiVersion: 'v9' },
    'ConfigMap in version "v9" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v9"',
  ],
  [
    'a wrong type',
    '',
    { kind: 'ConfigMap', apiVersion: 'v1', data: 5 },
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type map[string]string',
  ],
  [
    'YAML that is none',
    YAML,
    'a: [',
    'the object provided is unrecognized (must be of type ConfigMap): yaml: line 1: did not find expected node content (613a205b)',
  ],
  [
    'bytes that are no protobuf',
    PROTOBUF,
    '{"kind":"ConfigMap"}',
    'the object provided is unrecognized (must be of type ConfigMap): provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] ({"kind":"ConfigMap"})',
  ],
  [
    'another kind in protobuf',
    PROTOBUF,
    encodeProtobuf(builtinTable.struct('core/v1.Secret'), secret),
    'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion',
  ],
];

describe('a body', () => {
  it.each(REFUSED)('of %s is refused in upstream’s words', async (_, contentType, body, message) => {
    const { json } = await api.ask('POST', URL, { body, ...(contentType === '' ? {} : { contentType }) });
    expect([json.code, json.reason]).toEqual([400, 'BadRequest']);
    expect(json.message.slice(0, message.length)).toBe(message);
  });

  it('of another version of the same kind is refused though it could be read', async () => {
    const url = '/apis/autoscaling/v2/namespaces/a/horizontalpodautoscalers';
    const body = { kind: 'HorizontalPodAutoscaler', apiVersion: 'autoscaling/v1', metadata: { name: 'h' } };
    const { json } = await api.ask('POST', url, { body });
    expect([json.code, json.message]).toEqual([
      400,
      'the API version in the data (autoscaling/v1) does not match the expected API version (autoscaling/v2)',
    ]);
  });

  it('without kind and version is taken for what the path says', async () => {
    const { status, json } = await api.ask('POST', URL, { body: { metadata: { name: 'bare' } } });
    expect([status, json.kind, json.apiVersion]).toEqual([201, 'ConfigMap', 'v1']);
  });

  it.each([
    ['text/plain', 415],
    ['application/json; charset=utf-8', 201],
    [YAML, 201],
  ])('of the media type %s is answered with %i', async (contentType, status) => {
    const name = `m${status}${contentType.length}`;
    expect((await api.ask('POST', URL, { contentType, body: { metadata: { name } } })).status).toBe(status);
  });

  it.each([
    ['Strict', 400, []],
    ['Warn', 201, ['299 - "unknown field \\"spec\\""']],
    ['', 201, ['299 - "unknown field \\"spec\\""']],
    ['Ignore', 201, []],
  ])('with an unknown field under fieldValidation=%s', async (mode, status, warnings) => {
    const answer = await api.ask('POST', `${URL}?fieldValidation=${mode}`, {
      body: { metadata: { name: `f${mode.toLowerCase()}` }, spec: {} },
    });
    expect([answer.status, answer.warnings]).toEqual([status, warnings]);
  });
});
