import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rootOf } from '../../../../src/api/openapi/operations.ts';
import { decodeProtobuf } from '../../../../src/api/protobuf/object.ts';
import { builtinTable } from '../../../../src/api/schema/builtin.ts';
import { allResources } from '../../../../src/api/schema/resources/registry.ts';
import { servedGroups, storageVersionHash } from '../../../../src/apiserver/discovery/groups.ts';
import { describedResources } from '../../../../src/apiserver/handlers/resource-map.ts';
import { MemoryApi, PROTOBUF } from '../../../harness/memory-api.ts';
import { oracle, skipReason } from '../../api/oracles.ts';

/** Kinds whose machinery is not there: they are typed and not served. */
const NOT_SERVED = [
  'admissionregistration.k8s.io/v1/mutatingadmissionpolicies',
  'admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings',
  'admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
  'admissionregistration.k8s.io/v1/validatingadmissionpolicies',
  'admissionregistration.k8s.io/v1/validatingadmissionpolicybindings',
  'admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
  'flowcontrol.apiserver.k8s.io/v1/flowschemas',
  'flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations',
  'apiextensions.k8s.io/v1/customresourcedefinitions',
  'apiregistration.k8s.io/v1/apiservices',
];
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

const idOf = (row: { group: string; version: string; plural: string }): string =>
  `${row.group}/${row.version}/${row.plural}`;
const LISTED = describedResources()
  .filter(row => row.verbs.includes('list'))
  .map(row => [idOf(row), `${rootOf(row.group, row.version)}/${row.plural}`, row] as const);
const WATCHED = LISTED.filter(([, , row]) => row.verbs.includes('watch'));

let api: MemoryApi;
beforeAll(async () => {
  api = await MemoryApi.start();
});
afterAll(() => api.stop());

it('is served, but for those that wait for their machinery', () => {
  const served = new Set(describedResources().map(idOf));
  expect(
    allResources()
      .map(idOf)
      .filter(id => !served.has(id)),
  ).toEqual(NOT_SERVED);
});

const PATH = 'openapi/swagger.json';
const swagger = oracle(PATH);
describe.skipIf(swagger === undefined)(`upstream's paths${skipReason(PATH, swagger)}`, () => {
  it('of stable versions lead to kinds that are served, or wait for their machinery', () => {
    const paths = Object.keys((JSON.parse(swagger ?? '{}') as { paths: object }).paths);
    const collections = paths.flatMap(path => {
      const found = /^\/(?:api\/(v1)|apis\/([^/]+)\/(v\d+))\/(?:namespaces\/\{namespace\}\/)?([a-z]+)$/.exec(path);
      return found === null ? [] : [`${found[2] ?? ''}/${found[1] ?? found[3]}/${found[4]}`];
    });
    const known = new Set([...describedResources().map(idOf), ...NOT_SERVED]);
    expect(collections.length).toBeGreaterThan(60);
    expect([...new Set(collections)].filter(id => !known.has(id) && !id.endsWith('/watch'))).toEqual([]);
  });
});

describe('every kind that is listed', () => {
  it.each(LISTED)('%s in JSON', async (_, url, row) => {
    const { status, json } = await api.ask('GET', url);
    const apiVersion = row.group === '' ? row.version : `${row.group}/${row.version}`;
    expect([status, json.kind, json.apiVersion]).toEqual([200, row.listKind, apiVersion]);
  });

  it.each(LISTED)('%s in protobuf', async (_, url, row) => {
    const { status, bytes } = await api.ask('GET', url, { accept: PROTOBUF });
    const list = decodeProtobuf(bytes, () => builtinTable.struct(`${row.package}.${row.listKind}`));
    expect([status, list['kind']]).toEqual([200, row.listKind]);
  });

  it.each(LISTED)('%s as a table', async (_, url) => {
    const { status, json } = await api.ask('GET', url, { accept: TABLE });
    expect([status, json.kind]).toEqual([200, 'Table']);
    expect(json.columnDefinitions[0].name).toMatch(/^(Name|Last Seen)$/);
  });
});

describe('every kind that is watched', () => {
  const INITIAL = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';

  it.each(WATCHED)('%s tells the end of the initial state as an object of the kind', async (_, url, row) => {
    const watch = await api.watch(`${url}?${INITIAL}&fieldSelector=metadata.name%3Dnone`);
    const [bookmark] = await watch.events(1);
    expect(bookmark).toMatchObject({
      type: 'BOOKMARK',
      object: { kind: row.kind, metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } },
    });
    await watch.close();
  });

  it.each(WATCHED)('%s tells it as a table with a cell for every column', async (_, url) => {
    const watch = await api.watch(`${url}?${INITIAL}&includeObject=None&fieldSelector=metadata.name%3Dnone`, TABLE);
    const [bookmark] = await watch.events(1);
    const { columnDefinitions, rows } = bookmark.object;
    expect([bookmark.type, rows.length, rows[0].cells.length]).toEqual(['BOOKMARK', 1, columnDefinitions.length]);
    expect(rows[0].object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
    await watch.close();
  });
});

describe('discovery', () => {
  it('prefers the versions that upstream prefers', () => {
    const versions = servedGroups(describedResources()).map(({ group, versions: all }) => [
      group,
      all.map(v => v.version),
    ]);
    expect(versions.filter(([, all]) => (all?.length ?? 0) > 1)).toEqual([['autoscaling', ['v2', 'v1']]]);
  });

  it('says of all versions of a kind that they are stored as one', () => {
    const hash = (id: string): string | undefined => {
      const row = allResources().find(each => idOf(each) === id);
      return row && storageVersionHash(row);
    };
    // as upstream's own servers say for events
    expect([hash('/v1/events'), hash('events.k8s.io/v1/events')]).toEqual(['r2yiGXH7wu8=', 'r2yiGXH7wu8=']);
    expect(hash('autoscaling/v1/horizontalpodautoscalers')).toBe(hash('autoscaling/v2/horizontalpodautoscalers'));
  });
});
