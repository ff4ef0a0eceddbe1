import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJson } from '../../../../src/api/decode/read-json.ts';
import { decodeStruct } from '../../../../src/api/decode/walk.ts';
import { encodeObject } from '../../../../src/api/encode/encode-object.ts';
import { decodeMessage } from '../../../../src/api/protobuf/decode-message.ts';
import { encodeMessage } from '../../../../src/api/protobuf/encode-message.ts';
import { isEnvelope, openEnvelope, wrapEnvelope } from '../../../../src/api/protobuf/envelope.ts';
import { decodeProtobuf, encodeProtobuf } from '../../../../src/api/protobuf/object.ts';
import { builtinTable } from '../../../../src/api/schema/builtin.ts';
import { loadPackages } from '../../../../src/api/schema/packages.ts';
import { allResources, resourceType } from '../../../../src/api/schema/resources/registry.ts';
import { arbitraryObject } from '../arbitrary.ts';
import { seededRandom } from '../seeded-random.ts';

await loadPackages();
const pod = builtinTable.struct('core/v1.Pod');
const container = builtinTable.struct('core/v1.Container');
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** The object as decoding JSON gives it, what Go does not write left out. */
function written(type: typeof pod, object: object): object {
  const { value } = decodeStruct(type, readJson(JSON.stringify(object)).node);
  return encodeObject(type, value);
}

/** Protobuf does not tell an empty list from none. */
function withoutEmptyLists(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, item) => (Array.isArray(item) && item.length === 0 ? null : item)));
}

describe('the protobuf codec', () => {
  it('gives back what JSON would, for random objects of every kind', () => {
    const types = allResources()
      .filter(r => r.group !== 'apiextensions.k8s.io')
      .map(resourceType);
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.nat(), (type, seed) => {
        const { value } = decodeStruct(type, readJson(JSON.stringify(arbitraryObject(type, seededRandom(seed)))).node);
        const back = decodeMessage(type, encodeMessage(type, value));
        const whole = (object: object): unknown =>
          withoutEmptyLists(encodeObject(type, { ...object, apiVersion: undefined, kind: undefined }));
        expect(whole(back)).toEqual(whole(value));
      }),
      { seed: 11, numRuns: 400 },
    );
  });

  it('writes the same bytes whatever the order of fields and keys', () => {
    const one = { name: 'a', env: [{ name: 'A', value: 'x' }], resources: { limits: { cpu: '1', memory: '1Gi' } } };
    const two = { resources: { limits: { memory: '1Gi', cpu: '1' } }, env: [{ value: 'x', name: 'A' }], name: 'a' };
    expect(encodeMessage(container, two)).toEqual(encodeMessage(container, one));
  });

  it('passes over fields that it does not know, of every wire type', () => {
    const unknown = hex('c03e 01 c13e 0000000000000000 c23e 02 6162 c53e 00000000');
    const bytes = Buffer.concat([unknown, encodeMessage(container, { name: 'a' }), unknown]);
    expect(decodeMessage(container, bytes)).toEqual(decodeMessage(container, encodeMessage(container, { name: 'a' })));
  });

  it('never throws anything but invalid-argument for damaged bytes', () => {
    const whole = encodeMessage(pod, written(pod, arbitraryObject(pod, seededRandom(5))));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, byte, cut) => {
        const damaged = Buffer.from(whole);
        damaged[at] = byte;
        expect(codeOf(() => decodeMessage(pod, damaged.subarray(0, cut)))).toMatch(/^(none|invalid-argument)$/);
      }),
      { seed: 3, numRuns: 2000 },
    );
  });

  it.each([
    ['a message that ends in a field', '0a05 6162', 'unexpected EOF'],
    ['a varint without end', 'ffffffffffffffffffffff', 'proto: integer overflow'],
    ['a name that is a number', '0801', 'proto: wrong wireType = 0 for field name'],
    ['field number zero', '0001', 'proto: Container: illegal tag 0 (wire type 0)'],
    ['an integer beyond 2^53', '7a09 20ffffffffffffff7f 00', 'is beyond 2^53, which Gantry does not keep exactly'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decodeMessage(container, hex(bytes))).toThrow(message);
  });

  it('takes the low bits of what is too large for an int32, as Go does', () => {
    expect(decodeMessage(container, hex('3209 18ffffffffffffff7f'))['ports']).toEqual([{ containerPort: -1 }]);
    expect(decodeMessage(container, hex('3206 1881808080 10'))['ports']).toEqual([{ containerPort: 1 }]);
  });

  it("writes embedded objects with the escapes of Go's clients, which compare the bytes", () => {
    const revision = builtinTable.struct('apps/v1.ControllerRevision');
    const data = { args: ['a && b', '<x>', 'line\u2028'] };
    const bytes = encodeMessage(revision, { data });
    expect(bytes.toString()).toContain('{"args":["a \\u0026\\u0026 b","\\u003cx\\u003e","line\\u2028"]}');
    expect(decodeMessage(revision, bytes)['data']).toEqual(data);
  });

  it('refuses embedded objects that are nested too deep to be walked', () => {
    const revision = builtinTable.struct('apps/v1.ControllerRevision');
    const nested = (levels: number) =>
      encodeMessage(revision, { data: { x: JSON.parse('['.repeat(levels) + ']'.repeat(levels)) } });
    expect(codeOf(() => decodeMessage(revision, nested(999)))).toBe('none');
    expect(codeOf(() => decodeMessage(revision, nested(1000)))).toBe('invalid-argument');
  });

  it.each([
    ['below zero', '0801 10ffffffffffffffffff01', '1970-01-01T00:00:00.999999Z'],
    ['of more than a second', '0801 1080a8d6b907', '1970-01-01T00:00:03.000000Z'],
    ['of less than a microsecond', '0801 10e707', '1970-01-01T00:00:01.000000Z'],
  ])('reads a time with nanoseconds %s as Go does', (_, time, text) => {
    const spec = builtinTable.struct('coordination/v1.LeaseSpec');
    const bytes = hex(time);
    expect(decodeMessage(spec, Buffer.concat([hex('22'), Buffer.from([bytes.length]), bytes]))['renewTime']).toBe(text);
  });

  it('takes packed numbers', () => {
    const context = builtinTable.struct('core/v1.PodSecurityContext');
    expect(decodeMessage(context, hex('2203 010203'))).toEqual({ supplementalGroups: [1, 2, 3] });
  });

  it('keeps a key named __proto__ a key', () => {
    const map = builtinTable.struct('core/v1.ConfigMap');
    const object = decodeMessage(map, encodeMessage(map, JSON.parse('{"data":{"__proto__":"x"}}') as object));
    expect(Object.entries(object['data'] as object)).toEqual([['__proto__', 'x']]);
  });

  it('writes the parts of a CRD’s schema that are one of two things', () => {
    const type = builtinTable.struct('apiextensions/v1.JSONSchemaProps');
    const schema = {
      items: { type: 'string' },
      additionalProperties: false,
      additionalItems: { type: 'integer' },
      dependencies: { a: ['b', 'c'], d: { type: 'object' } },
      default: { x: 1 },
    };
    expect(decodeMessage(type, encodeMessage(type, schema))).toEqual(schema);
  });
});

describe('the envelope', () => {
  it('carries apiVersion and kind beside the message', () => {
    const bytes = encodeProtobuf(container, { apiVersion: 'v1', kind: 'Container', name: 'a' });
    expect(isEnvelope(bytes)).toBe(true);
    expect(decodeProtobuf(bytes, () => container)).toMatchObject({ apiVersion: 'v1', kind: 'Container', name: 'a' });
  });

  it('is, byte for byte, what upstream writes', () => {
    expect(wrapEnvelope('v1', 'Pod', Buffer.from('ab')).toString('hex')).toBe(
      `6b387300${'0a09'}${'0a027631'}${'1203506f64'}${'12026162'}${'1a00'}${'2200'}`,
    );
  });

  it('says what is no envelope', () => {
    expect(() => openEnvelope(Buffer.from('{}'))).toThrow('expected prefix');
  });
});

function codeOf(run: () => unknown): string {
  try {
    run();
    return 'none';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}
