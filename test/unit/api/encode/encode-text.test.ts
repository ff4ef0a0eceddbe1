import { describe, expect, it } from 'vitest';
import { decodeValue } from '../../../../src/api/decode/json/decode-json.ts';
import { encodeObject } from '../../../../src/api/encode/encode-object.ts';
import { encodeText } from '../../../../src/api/encode/encode-text.ts';
import { builtinTable } from '../../../../src/api/schema/builtin.ts';
import type { Type } from '../../../../src/api/schema/table.ts';
import { type Random, seededRandom } from '../../../harness/random.ts';

const pod = builtinTable.struct('core/v1.Pod');
const random = seededRandom();

/** Some value of a type, with the oddities that a writer may stumble over: nothing, zeros, quotes, keys that are numbers. */
function someValue(type: Type, from: Random, depth: number): unknown {
  const few = (): number => (depth > 6 ? 0 : from.below(3));
  switch (type.kind) {
    case 'struct': {
      const fields = [...type.json.values()].filter(() => from.next() < (depth > 6 ? 0.05 : 0.3));
      return Object.fromEntries(fields.map(field => [field.name, someValue(field.type, from, depth + 1)]));
    }
    case 'list':
      return Array.from({ length: few() }, () => someValue(type.of, from, depth + 1));
    case 'map': {
      const keys = ['a', 'b.example/"c"', '10', '9'].slice(0, few()).toSorted();
      return Object.fromEntries(keys.map(key => [key, someValue(type.of, from, depth + 1)]));
    }
    case 'scalar':
      return from.pick<unknown>([
        undefined,
        null,
        0,
        7,
        -1.5,
        '',
        'text',
        'with "quotes" and \u2028',
        true,
        false,
        '0',
      ]);
  }
}

describe('the JSON text of an object', () => {
  it(`is what encodeObject's result gives, for 500 random pods (seed ${random.seed})`, () => {
    for (let i = 0; i < 500; i += 1) {
      const value = someValue(pod, random, 0) as object;
      expect(JSON.parse(encodeText(pod, value))).toEqual(JSON.parse(JSON.stringify(encodeObject(pod, value))));
    }
  });

  it('has the fields in the order of the Go declaration', () => {
    const value = { status: {}, spec: { containers: [] }, metadata: { namespace: 'n', name: 'p' }, kind: 'Pod' };
    expect(encodeText(pod, value)).toBe(
      '{"kind":"Pod","metadata":{"name":"p","namespace":"n"},"spec":{"containers":[]},"status":{}}',
    );
  });

  it('is the same for maps that were filled in another order', () => {
    const labelled = (labels: object): string => encodeText(pod, { metadata: { labels } });
    expect(labelled({ b: '1', a: '2' })).toBe(labelled({ a: '2', b: '1' }));
  });

  it('keeps a key that other code takes for a prototype', () => {
    const annotations = JSON.parse('{"__proto__":"x"}') as object;
    expect(encodeText(pod, { metadata: { annotations } })).toContain('"annotations":{"__proto__":"x"}');
  });

  it('tells a list that was never given from one that was sent empty, as Go does', () => {
    const role = builtinTable.struct('meta/v1.APIResourceList');
    const text = (sent: object): string => encodeText(role, decodeValue(role, sent).object);
    expect(text({ groupVersion: 'v1' })).toBe('{"groupVersion":"v1","resources":null}');
    expect(text({ groupVersion: 'v1', resources: null })).toBe('{"groupVersion":"v1","resources":null}');
    expect(text({ groupVersion: 'v1', resources: [] })).toBe('{"groupVersion":"v1","resources":[]}');
  });
});
