import { describe, expect, it } from 'vitest';
import { decodeValue } from '../../../../src/api/decode/json/decode-json.ts';
import { encodeText } from '../../../../src/api/encode/encode-text.ts';
import { decodeProtobuf, encodeProtobuf } from '../../../../src/api/protobuf/object.ts';
import { loadPackages } from '../../../../src/api/schema/packages.ts';
import { allResources, resourceType } from '../../../../src/api/schema/resources/registry.ts';
import type { StructType } from '../../../../src/api/schema/table.ts';
import { packObject, unpackObject } from '../../../../src/apiserver/body/handover.ts';
import { arbitraryObject } from '../../api/arbitrary.ts';
import { seededRandom } from '../../api/seeded-random.ts';

await loadPackages();
const TYPES = allResources().map(resourceType);
const struct = (kind: string): StructType => TYPES.find(type => type.name === kind) as StructType;
const handedOver = (type: StructType, object: Record<string, unknown>) => unpackObject(type, packObject(object));

/** Random objects of every kind, as bodies give them. */
function* samples(): Generator<[StructType, Record<string, unknown>]> {
  const random = seededRandom(7);
  for (const type of TYPES)
    for (let round = 0; round < 20; round++) {
      const { object } = decodeValue(type, arbitraryObject(type, random));
      yield [type, object];
      yield [type, decodeProtobuf(encodeProtobuf(type, object), () => type)];
    }
}

describe('an object that is handed over', () => {
  it('is the same and is written the same, whatever it is', () => {
    for (const [type, object] of samples()) {
      const other = handedOver(type, object);
      expect(other).toEqual(object);
      expect(encodeText(type, other)).toBe(encodeText(type, object));
    }
  });

  it.each([
    ['Pod', { spec: {} }, '"containers":null'],
    ['Pod', { spec: { containers: [] } }, '"containers":[]'],
    ['Role', {}, '"rules":null'],
    ['Role', { rules: [] }, '"rules":[]'],
    ['Role', { rules: [{}] }, '"verbs":null'],
  ])('keeps whether a list was given: %s %j', (kind, sent, written) => {
    const type = struct(kind);
    const { object } = decodeValue(type, sent);
    expect(encodeText(type, handedOver(type, object))).toContain(written);
  });

  it('keeps names that mean something to the language', () => {
    const type = struct('ConfigMap');
    const sent: unknown = JSON.parse('{"data":{"__proto__":"a","constructor":"b"}}');
    const { data } = handedOver(type, decodeValue(type, sent).object);
    expect(Object.entries(data as object)).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ]);
  });
});
