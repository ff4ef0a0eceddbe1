import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeProtobuf } from '../../../../src/api/protobuf/object.ts';
import { decodeWatchFrames } from '../../../../src/api/protobuf/watch-frame.ts';
import { builtinTable } from '../../../../src/api/schema/builtin.ts';
import { MemoryApi, PROTOBUF, type TestWatch } from '../../../harness/memory-api.ts';

const URL = '/api/v1/namespaces/a/configmaps';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const INITIAL = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan';

let api: MemoryApi;
beforeEach(async () => {
  api = await MemoryApi.start();
  await put('one', { app: 'web' });
});
afterEach(() => api.stop());

const put = (name: string, labels: object = {}, namespace = 'a'): Promise<number> =>
  api.put(`/registry/configmaps/${namespace}/${name}`, {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { name, namespace, labels },
  });
const remove = async (name: string): Promise<number> => {
  const { revision } = await api.storage.delete(`/registry/configmaps/a/${name}`);
  await api.cache.reaches(revision, 1000);
  return revision;
};
const told = async (watch: TestWatch, count: number): Promise<string[]> =>
  (await watch.events(count)).map(event => `${event.type} ${event.object.metadata.name}`);

describe('a watch', () => {
  it('without a version begins with the state', async () => {
    const watch = await api.watch(`${URL}?watch=1`);
    await put('two');
    expect(await told(watch, 2)).toEqual(['ADDED one', 'ADDED two']);
    await watch.close();
  });

  it('from a version tells what came after it, with the version of each change', async () => {
    const from = api.cache.revision;
    await put('two');
    await put('one', { app: 'db' });
    const gone = await remove('two');
    const watch = await api.watch(`${URL}?watch=1&resourceVersion=${from}`);
    const events = await watch.events(3);
    expect(
      events.map(event => [event.type, event.object.metadata.name, Number(event.object.metadata.resourceVersion)]),
    ).toEqual([
      ['ADDED', 'two', from + 1],
      ['MODIFIED', 'one', from + 2],
      ['DELETED', 'two', gone],
    ]);
    await watch.close();
  });

  it('sees what its selector sees: an object that begins to match is added, one that no longer does is deleted as it last matched', async () => {
    const watch = await api.watch(`${URL}?watch=1&labelSelector=app%3Dweb`);
    await put('two', { app: 'db' });
    await put('two', { app: 'web' });
    const left = await put('one', { app: 'db' });
    const events = await watch.events(3);
    expect(events.map(event => [event.type, event.object.metadata.name])).toEqual([
      ['ADDED', 'one'],
      ['ADDED', 'two'],
      ['DELETED', 'one'],
    ]);
    expect(events[2].object.metadata).toMatchObject({ labels: { app: 'web' }, resourceVersion: String(left) });
    await watch.close();
  });

  it.each([
    ['by its path', '/api/v1/watch/namespaces/a/configmaps/two'],
    ['by a field', `${URL}?watch=1&fieldSelector=metadata.name%3Dtwo`],
  ])('of one object %s sees that one', async (_, url) => {
    const watch = await api.watch(url);
    await put('two');
    expect(await told(watch, 1)).toEqual(['ADDED two']);
    await watch.close();
  });

  it('of a namespace does not see others', async () => {
    const watch = await api.watch(`${URL}?watch=true`);
    await put('elsewhere', {}, 'default');
    await put('two');
    expect(await told(watch, 2)).toEqual(['ADDED one', 'ADDED two']);
    await watch.close();
  });

  it('ends after its time', async () => {
    const watch = await api.watch(`${URL}?watch=1&timeoutSeconds=5`);
    expect(await told(watch, 1)).toEqual(['ADDED one']);
    await api.clock.advance(5_000);
    await watch.ended;
  });

  it('with bookmarks tells its version each minute, and before its end', async () => {
    const from = `resourceVersion=${api.cache.revision}`;
    const watch = await api.watch(`${URL}?watch=1&${from}&allowWatchBookmarks=true&timeoutSeconds=90`);
    await api.clock.advance(60_000);
    const bookmark = (revision: number) => ({
      type: 'BOOKMARK',
      object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { resourceVersion: String(revision) } },
    });
    expect(await watch.events(1)).toEqual([bookmark(api.cache.revision)]);
    const later = await put('elsewhere', {}, 'default');
    await api.clock.advance(30_000);
    expect(await watch.events(1)).toEqual([bookmark(later)]);
    await watch.ended;
  });

  it.each([
    ['asked for by its name', INITIAL],
    ['that comes where no version is named', 'watch=1'],
    ['that comes for version 0', 'watch=1&resourceVersion=0'],
  ])('of the state %s ends it with a bookmark that says so', async (_, query) => {
    const watch = await api.watch(`${URL}?${query}&allowWatchBookmarks=true`);
    await put('two');
    const events = await watch.events(3);
    expect(events.map(event => event.type)).toEqual(['ADDED', 'BOOKMARK', 'ADDED']);
    expect(events[1].object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
    await watch.close();
  });

  it('that wants no state gets none', async () => {
    const watch = await api.watch(`${URL}?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan`);
    await put('two');
    expect(await told(watch, 1)).toEqual(['ADDED two']);
    await watch.close();
  });

  it.each([
    ['sendInitialEvents=true', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'],
    [
      'resourceVersionMatch=NotOlderThan',
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    ],
    [
      'sendInitialEvents=true&resourceVersionMatch=Exact',
      'Unsupported value: "Exact": supported values: "NotOlderThan"',
    ],
    [
      'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&continue=x',
      'resourceVersionMatch is forbidden when continue is provided',
    ],
  ])('is refused for %s', async (query, message) => {
    const { json } = await api.ask('GET', `${URL}?watch=1&${query}`);
    expect([json.code, json.message]).toEqual([422, expect.stringContaining(message)]);
  });

  it('of one object is refused for another name', async () => {
    const { json } = await api.ask(
      'GET',
      '/api/v1/watch/namespaces/a/configmaps/two?fieldSelector=metadata.name%3Done',
    );
    expect([json.code, json.message]).toEqual([400, "fieldSelector metadata.name doesn't match requested name"]);
  });

  it.each([
    ['text/html', 406],
    ['application/yaml', 406],
  ])('is refused to who accepts %s', async (accept, status) => {
    expect((await api.ask('GET', `${URL}?watch=1`, { accept })).status).toBe(status);
  });

  it('from a version that is forgotten ends by an ERROR event, as informers expect', async () => {
    const from = api.cache.revision;
    const { cache } = api.served('/v1/configmaps');
    cache.load([], await put('two'));
    const watch = await api.watch(`${URL}?watch=1&resourceVersion=${from}`);
    const message = `too old resource version: ${from} (${api.cache.revision})`;
    expect([watch.status, await watch.events(1)]).toMatchObject([
      200,
      [{ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message } }],
    ]);
    await watch.ended;
  });

  it('of a state of the future ends by an ERROR event', async () => {
    const begun = api.watch(`${URL}?${INITIAL}&resourceVersion=${api.cache.revision + 5}`);
    await api.clock.advance(3_000);
    const watch = await begun;
    expect(await watch.events(1)).toMatchObject([{ type: 'ERROR', object: { code: 504, reason: 'Timeout' } }]);
    await watch.ended;
  });
});

describe('a watch of tables', () => {
  it('tells the columns once', async () => {
    const watch = await api.watch(`${URL}?watch=1`, TABLE);
    await put('two');
    const [first, second] = await watch.events(2);
    expect(first.object).toMatchObject({
      kind: 'Table',
      columnDefinitions: [{ name: 'Name' }, { name: 'Data' }, { name: 'Age' }],
      rows: [{ cells: ['one', 0, expect.anything()], object: { kind: 'PartialObjectMetadata' } }],
    });
    expect([second.object.columnDefinitions, second.object.rows[0].cells[0]]).toEqual([null, 'two']);
    await watch.close();
  });

  it('tells them to each watch', async () => {
    const [early, late] = [
      await api.watch(`${URL}?watch=1`, TABLE),
      await api.watch(`${URL}?watch=1&labelSelector=x`, TABLE),
    ];
    await early.events(1);
    await put('two', { x: 'y' });
    const [[again], [first]] = [await early.events(1), await late.events(1)];
    expect([again.object.columnDefinitions, first.object.columnDefinitions.length]).toEqual([null, 3]);
    await Promise.all([early.close(), late.close()]);
  });

  it.each([
    ['None', null],
    ['Object', { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'one' } }],
  ])('has in its rows what includeObject=%s says', async (include, expected) => {
    const watch = await api.watch(`${URL}?watch=1&includeObject=${include}`, TABLE);
    const [event] = await watch.events(1);
    expect({ object: event.object.rows[0].object }).toMatchObject({ object: expected });
    await watch.close();
  });

  it('tells bookmarks as tables', async () => {
    const watch = await api.watch(`${URL}?${INITIAL}&allowWatchBookmarks=true`, TABLE);
    const [, bookmark] = await watch.events(2);
    expect(bookmark.object).toMatchObject({
      kind: 'Table',
      metadata: { resourceVersion: String(api.cache.revision) },
      rows: [{ object: { metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } } }],
    });
    await watch.close();
  });
});

describe('a watch of metadata', () => {
  it('tells objects and bookmarks in JSON', async () => {
    const accept = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';
    const watch = await api.watch(`${URL}?${INITIAL}&allowWatchBookmarks=true`, accept);
    const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' };
    expect(await watch.events(2)).toMatchObject([
      { type: 'ADDED', object: { ...partial, metadata: { name: 'one' } } },
      { type: 'BOOKMARK', object: { ...partial, metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } } },
    ]);
    await watch.close();
  });

  it('tells them in protobuf', async () => {
    const accept = `${PROTOBUF};as=PartialObjectMetadata;v=v1;g=meta.k8s.io`;
    const watch = await api.watch(`${URL}?${INITIAL}&allowWatchBookmarks=true&timeoutSeconds=1`, accept);
    await api.clock.advance(1_000);
    await watch.ended;
    const { frames } = decodeWatchFrames(watch.takeBytes(), 1 << 20);
    const type = builtinTable.struct('meta/v1.PartialObjectMetadata');
    expect(frames.map(f => [f.type, decodeProtobuf(f.object, () => type)['kind']])).toEqual([
      ['ADDED', 'PartialObjectMetadata'],
      ['BOOKMARK', 'PartialObjectMetadata'],
    ]);
  });
});
