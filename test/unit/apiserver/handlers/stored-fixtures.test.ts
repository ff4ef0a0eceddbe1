import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeValue } from '../../../../src/api/decode/json/decode-json.ts';
import { withResourceDefaults } from '../../../../src/api/defaults/resources.ts';
import { encodeObject } from '../../../../src/api/encode/encode-object.ts';
import { rootOf } from '../../../../src/api/openapi/operations.ts';
import { decodeProtobuf } from '../../../../src/api/protobuf/object.ts';
import { resourceType } from '../../../../src/api/schema/resources/registry.ts';
import { describedResources } from '../../../../src/apiserver/handlers/resource-map.ts';
import { MemoryApi, PROTOBUF } from '../../../harness/memory-api.ts';
import { oracle, oracleBytes, skipReason } from '../../api/oracles.ts';

/**
 * Upstream's own bytes and JSON of an object of each kind that has every field. autoscaling/v1 is left out: upstream does not give it back as it was either, but
 * with annotations for what only v2 knows.
 */
const KINDS = describedResources()
  .filter(row => row.storage !== undefined && !(row.group === 'autoscaling' && row.version === 'v1'))
  .map(row => [`${row.group === '' ? 'core' : row.group}.${row.version}.${row.kind}`, row] as const);
const SAMPLE = 'fixtures/core.v1.Pod.pb';
const found = oracleBytes(SAMPLE);

let api: MemoryApi;
beforeAll(async () => {
  api = await MemoryApi.start();
});
afterAll(() => api.stop());

describe.skipIf(found === undefined)(`an object that upstream has stored${skipReason(SAMPLE, found)}`, () => {
  it.each(KINDS)('%s is answered as upstream answers it', async (name, row) => {
    const bytes = oracleBytes(`fixtures/${name}.pb`) ?? Buffer.alloc(0);
    const type = resourceType(row);
    const written = decodeValue(type, JSON.parse(oracle(`fixtures/${name}.json`) ?? '{}')).object;
    const scope = row.scope === 'namespaced' ? 'namespaceValue/' : '';
    const revision = await api.put(`/registry/${row.storage?.prefix}/${scope}nameValue`, bytes);
    const path = row.scope === 'namespaced' ? `namespaces/namespaceValue/${row.plural}` : row.plural;
    const url = `${rootOf(row.group, row.version)}/${path}/nameValue`;
    const { status, json } = await api.ask('GET', url);
    expect(status).toBe(200);
    // upstream adds defaults when it reads, and so do we
    const expected = encodeObject(type, withResourceDefaults(row, written));
    expect(json).toEqual({ ...expected, metadata: { ...json.metadata, resourceVersion: String(revision) } });
    expect({ ...json.metadata, resourceVersion: '' }).toEqual({
      ...(expected['metadata'] as object),
      resourceVersion: '',
    });
    const again = await api.ask('GET', url, { accept: PROTOBUF });
    expect(decodeProtobuf(again.bytes, () => type)).toMatchObject({ kind: row.kind });
  });
});
