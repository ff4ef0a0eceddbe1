import { describe, expect, it } from 'vitest';
import { readJson } from '../../../../src/api/decode/read-json.ts';
import { decodeStruct } from '../../../../src/api/decode/walk.ts';
import { encodeObject } from '../../../../src/api/encode/encode-object.ts';
import { decodeProtobuf, encodeProtobuf } from '../../../../src/api/protobuf/object.ts';
import { FIXTURE_KINDS, fixtureType } from '../fixtures.ts';
import { oracle, oracleBytes, skipReason } from '../oracles.ts';

describe.each(FIXTURE_KINDS)('upstream’s full %s', (name, packageId) => {
  const path = `fixtures/${name}.pb`;
  const bytes = oracleBytes(path);
  const text = oracle(`fixtures/${name}.json`);
  it.skipIf(bytes === undefined || text === undefined)(
    `is the same object in protobuf, and the same bytes again${skipReason(path, bytes)}`,
    async () => {
      const type = await fixtureType(name, packageId);
      const object = decodeProtobuf(bytes ?? Buffer.alloc(0), () => type);
      expect(encodeObject(type, object)).toEqual(JSON.parse(text ?? ''));
      const { value } = decodeStruct(type, readJson(text ?? '').node);
      expect(object).toMatchObject(value);
      expect(encodeProtobuf(type, value).toString('hex')).toBe((bytes ?? Buffer.alloc(0)).toString('hex'));
    },
  );
});
