import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Entry, ServedResource } from '../../../../src/apiserver/handlers/served-resource.ts';
import { MemoryApi } from '../../../harness/memory-api.ts';

let api: MemoryApi;
let maps: ServedResource;
beforeAll(async () => {
  api = await MemoryApi.start();
  maps = api.served('/v1/configmaps');
});
afterAll(() => api.stop());

const entryOf = (text: string): Entry =>
  maps.entry({ key: '/registry/configmaps/a/x', value: Buffer.from(text), revision: 7 });
const OWN = '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x"},"data":{"k":"v"}}';

it('answers what it wrote by its bytes, without decoding them', () => {
  const entry = entryOf(OWN);
  expect(maps.json(entry)).toBe(entry.stored);
});

it.each([
  ['names in another order', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":{"k":"v"}}'],
  ['white space', ` ${OWN}`],
  ['no kind', '{"metadata":{"name":"x"},"data":{"k":"v"}}'],
  [
    'a field that nobody knows',
    OWN.replace('"data"', '"other":1,"data"').replace('{"kind":"ConfigMap",', '{"x":1,"kind":"ConfigMap",'),
  ],
])('makes the JSON of what others wrote once: %s', (_, text) => {
  const entry = entryOf(text);
  const json = maps.json(entry);
  expect(json.toString()).toBe(
    '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x","resourceVersion":"7"},"data":{"k":"v"}}',
  );
  expect(maps.json(entry)).toBe(json);
});

it('finds the selectable fields of an object once, whoever asks', () => {
  const { object } = entryOf(OWN);
  expect(maps.selectableFields(object)).toBe(maps.selectableFields(object));
  expect(maps.selectableFields(object).get('metadata.name')).toBe('x');
});
