import { describe, expect, it } from 'vitest';
import { readJson } from '../../../../src/api/decode/read-json.ts';
import { decodeStruct } from '../../../../src/api/decode/walk.ts';
import { encodeObject } from '../../../../src/api/encode/encode-object.ts';
import { FIXTURE_KINDS, fixtureType } from '../fixtures.ts';
import { oracle, skipReason } from '../oracles.ts';

describe.each(FIXTURE_KINDS)('upstream’s full %s', (name, packageId) => {
  const path = `fixtures/${name}.json`;
  const text = oracle(path);
  it.skipIf(text === undefined)(`decodes strictly and encodes to the same text${skipReason(path, text)}`, async () => {
    const type = await fixtureType(name, packageId);
    const { value, problems } = decodeStruct(type, readJson(text ?? '').node);
    expect(problems).toEqual([]);
    expect(JSON.stringify(encodeObject(type, value))).toBe(JSON.stringify(JSON.parse(text ?? '')));
  });
});
