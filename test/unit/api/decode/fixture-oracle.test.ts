import { describe, expect, it } from 'vitest';
import { readJson } from '../../../../src/api/decode/read-json.ts';
import { decodeStruct } from '../../../../src/api/decode/walk.ts';
import { encodeObject } from '../../../../src/api/encode/encode-object.ts';
import { builtinTable } from '../../../../src/api/schema/builtin.ts';
import { oracle, skipReason } from '../oracles.ts';

const KINDS = [
  'Pod',
  'Node',
  'Service',
  'ConfigMap',
  'Secret',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'Event',
  'PodTemplate',
  'ReplicationController',
  'LimitRange',
  'ResourceQuota',
  'ServiceAccount',
  'Endpoints',
  'Namespace',
  'Binding',
  'ComponentStatus',
];

describe.each(KINDS)('upstream’s full %s', kind => {
  const path = `fixtures/core.v1.${kind}.json`;
  const text = oracle(path);
  it.skipIf(text === undefined)(`decodes strictly and encodes to the same text${skipReason(path, text)}`, () => {
    const type = builtinTable.struct(`core/v1.${kind}`);
    const { value, problems } = decodeStruct(type, readJson(text ?? '').node);
    expect(problems).toEqual([]);
    expect(JSON.stringify(encodeObject(type, value))).toBe(JSON.stringify(JSON.parse(text ?? '')));
  });
});
