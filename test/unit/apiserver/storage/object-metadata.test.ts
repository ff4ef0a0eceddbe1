import { BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { storageFault } from '../../../../src/apiserver/storage/errors.ts';
import { readUid, withResourceVersion } from '../../../../src/apiserver/storage/object-metadata.ts';

const ROWS: [name: string, before: string, after: string][] = [
  [
    'the usual object',
    '{"kind":"Pod","metadata":{"name":"a"}}',
    '{"kind":"Pod","metadata":{"resourceVersion":"7","name":"a"}}',
  ],
  [
    'metadata last and after nested look-alikes',
    '{"spec":{"metadata":{"x":1}},"metadata":{"name":"a"}}',
    '{"spec":{"metadata":{"x":1}},"metadata":{"resourceVersion":"7","name":"a"}}',
  ],
  [
    'one that has an old version',
    '{"metadata":{"name":"a","resourceVersion":"123","uid":"u"}}',
    '{"metadata":{"name":"a","resourceVersion":"7","uid":"u"}}',
  ],
  [
    'a look-alike inside metadata',
    '{"metadata":{"labels":{"resourceVersion":"x"}}}',
    '{"metadata":{"resourceVersion":"7","labels":{"resourceVersion":"x"}}}',
  ],
  ['empty metadata', '{"metadata":{}}', '{"metadata":{"resourceVersion":"7"}}'],
  ['null metadata', '{"metadata":null,"x":1}', '{"metadata":{"resourceVersion":"7"},"x":1}'],
  ['no metadata', '{"x":1}', '{"metadata":{"resourceVersion":"7"},"x":1}'],
  ['an empty object', '{}', '{"metadata":{"resourceVersion":"7"}}'],
  [
    'quotes, braces and backslashes in strings',
    '{"a":"}\\"{\\\\","metadata":{"b":"\\"}"}}',
    '{"a":"}\\"{\\\\","metadata":{"resourceVersion":"7","b":"\\"}"}}',
  ],
  [
    'white space',
    ' {\n "x" : [ 1 , {} ] ,\n "metadata" : { "name" : "a" }\n}\n',
    ' {\n "x" : [ 1 , {} ] ,\n "metadata" : {"resourceVersion":"7", "name" : "a" }\n}\n',
  ],
  [
    'letters beyond ASCII',
    '{"ü":"\u{1f433}","metadata":{"name":"é"}}',
    '{"ü":"\u{1f433}","metadata":{"resourceVersion":"7","name":"é"}}',
  ],
];

describe('resourceVersion set in bytes', () => {
  it.each(ROWS)('%s', (_, before, after) => {
    expect(withResourceVersion(Buffer.from(before), 7).toString()).toBe(after);
  });

  it.each([
    ['nothing', ''],
    ['no object', '[1]'],
    ['an object that does not end', '{"a":1'],
    ['a string that does not end', '{"a":"b'],
    ['a missing colon', '{"a" 1}'],
  ])('calls %s corrupt', (_, text) => {
    let error: unknown;
    try {
      withResourceVersion(Buffer.from(text), 7);
    } catch (e) {
      error = e;
    }
    expect(storageFault(error)).toBe('corrupt');
  });

  it('does what parsing, setting and writing would do, for any object', () => {
    const metadata = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), metadata, fc.integer({ min: 1 }), (object, meta, rv) => {
        const before = JSON.parse(JSON.stringify({ ...object, metadata: meta }));
        const after = JSON.parse(withResourceVersion(Buffer.from(JSON.stringify(before)), rv).toString());
        expect(after).toEqual({ ...before, metadata: { ...before.metadata, resourceVersion: String(rv) } });
      }),
      { seed: 4, numRuns: 300 },
    );
  });
});

/** `k8s\0` + Unknown { typeMeta, raw = Pod { metadata, spec } }. */
function protobuf(uid: string, resourceVersion: string | undefined): Buffer {
  const metadata = new BinaryWriter().uint32(10).string('name').uint32(42).string(uid);
  if (resourceVersion !== undefined) metadata.uint32(50).string(resourceVersion);
  const pod = new BinaryWriter()
    .uint32(10)
    .bytes(metadata.uint32(56).int64(3).finish())
    .uint32(18)
    .bytes(Buffer.from('spec'))
    .finish();
  const unknown = new BinaryWriter()
    .uint32(10)
    .bytes(Buffer.from('type'))
    .uint32(18)
    .bytes(pod)
    .uint32(26)
    .string('')
    .finish();
  return Buffer.concat([Buffer.from('k8s\0'), unknown]);
}

describe('uid', () => {
  it.each([
    ['of JSON', Buffer.from('{"metadata":{"name":"a","uid":"u-\\u0031"}}'), 'u-1'],
    ['none', Buffer.from('{"metadata":{"name":"a"}}'), ''],
    ['no metadata', Buffer.from('{}'), ''],
    ['of protobuf', protobuf('u-1', undefined), 'u-1'],
    ['of protobuf with other fields behind it', protobuf('u-1', '7'), 'u-1'],
  ])('%s', (_, value, uid) => {
    expect(readUid(value)).toBe(uid);
  });

  it('calls cut protobuf corrupt', () => {
    expect(() => readUid(protobuf('u', '1').subarray(0, 20))).toThrow('corrupt');
  });
});
