import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryApi } from '../../../harness/memory-api.ts';

const URL = '/api/v1/namespaces/a/configmaps/c';
const MERGE = 'application/merge-patch+json';
const STRATEGIC = 'application/strategic-merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';

let api: MemoryApi;
beforeEach(async () => {
  api = await MemoryApi.start();
  const configMap = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'c' }, data: { a: '1' } };
  expect((await api.ask('POST', '/api/v1/namespaces/a/configmaps', { body: configMap })).status).toBe(201);
});
afterEach(() => api.stop());

const patch = (contentType: string, body: string, query = '') =>
  api.ask('PATCH', `${URL}${query}`, { contentType, body });

/** 10,000 levels in a hundred operations, each nested in the one before. */
function nestedOperations(): object[] {
  let path = '/metadata';
  return Array.from({ length: 100 }, () => {
    const value = JSON.parse(`${'{"x":'.repeat(99)}{}${'}'.repeat(99)}`);
    path += '/x'.repeat(100);
    return { op: 'add', path, value };
  });
}

describe('a patch and the fields that are not known', () => {
  it.each([
    ['a strategic merge patch', STRATEGIC, '{"foo":1}', ['unknown field "foo"']],
    ['a merge patch', MERGE, '{"foo":1}', ['unknown field "foo"']],
    ['a JSON patch', JSON_PATCH, '[{"op":"add","path":"/foo","value":1}]', ['unknown field "foo"']],
    ['a name that a patch repeats', MERGE, '{"data":{"a":"2","a":"3"}}', ['duplicate field "data.a"']],
    [
      'an operation with members that mean nothing',
      JSON_PATCH,
      '[{"op":"replace","path":"/data/a","value":"2","also":1}]',
      ['json patch unknown field "[0].also"'],
    ],
    [
      'an operation with members twice',
      JSON_PATCH,
      '[{"op":"add","op":"replace","path":"/data/a","value":"2"}]',
      ['json patch duplicate field "[0].op"'],
    ],
  ])('%s: warned of', async (_, type, body, warnings) => {
    const answer = await patch(type, body);
    expect(answer.status).toBe(200);
    expect(answer.warnings).toEqual(warnings.map(text => `299 - ${JSON.stringify(text)}`));
  });

  it.each([
    [
      'a strategic merge patch shows the patch as Go prints it',
      STRATEGIC,
      '{"foo":1,"data":{"a":null}}',
      ' "" is invalid: patch: Invalid value: "map[data:map[a:<nil>] foo:1]": strict decoding error: unknown field "foo"',
    ],
    [
      'a JSON patch names all',
      JSON_PATCH,
      '[{"op":"add","path":"/foo","value":1,"also":1}]',
      expect.stringMatching(/": strict decoding error: json patch unknown field "\[0\]\.also", unknown field "foo"$/),
    ],
  ])('refused under Strict: %s', async (_, type, body, message) => {
    const answer = await patch(type, body, '?fieldValidation=Strict');
    expect(answer.json).toMatchObject({ code: 422, reason: 'Invalid', message });
    expect(answer.json.details.causes[0]).toMatchObject({ reason: 'FieldValueInvalid', field: 'patch' });
  });

  it('says nothing under Ignore', async () => {
    expect((await patch(MERGE, '{"foo":1,"foo":2}', '?fieldValidation=Ignore')).warnings).toEqual([]);
  });
});

describe('a patch that cannot be applied', () => {
  it.each([
    [
      'what it makes is no object of the kind',
      MERGE,
      '{"data":[1]}',
      422,
      'Invalid',
      expect.stringContaining('json: cannot unmarshal array into Go struct field ConfigMap.data of type'),
    ],
    ['it is no JSON', MERGE, '{', 400, 'BadRequest', 'error decoding patch: unexpected end of JSON input'],
    ['a merge patch of null', MERGE, 'null', 400, 'BadRequest', 'Invalid JSON Patch'],
    [
      'a merge patch that is a list',
      MERGE,
      '[]',
      400,
      'BadRequest',
      'error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}',
    ],
    [
      'a directive that is not known',
      STRATEGIC,
      '{"$patch":"eat"}',
      500,
      undefined,
      'unknown patch type: eat in map: map[$patch:eat]',
    ],
    [
      'values nested in each other without end',
      JSON_PATCH,
      JSON.stringify(nestedOperations()),
      422,
      'Invalid',
      'the server rejected our request due to an error in our request',
    ],
  ])('%s', async (_, type, body, status, reason, message) => {
    const answer = await patch(type, body);
    expect(answer.status).toBe(status);
    expect([answer.json.reason, answer.json.message]).toEqual([reason, message]);
  });
});
