import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiError } from '../../src/api/status.ts';
import type { Lease } from '../../src/api/types/gen/coordination-v1.ts';
import type { ConfigMap, Event } from '../../src/api/types/gen/core-v1.ts';
import { systemClock } from '../../src/base/clock.ts';
import { errorCode } from '../../src/base/errors.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { EventRecorder } from '../../src/client/event-recorder.ts';
import { Informers } from '../../src/client/informers.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { runElected } from '../../src/client/leader-election.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { waitFor } from '../harness/wait-for.ts';

const CONFIG_MAPS = { group: '', version: 'v1', plural: 'configmaps' };
const LEASES = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' };
const EVENTS = { group: '', version: 'v1', plural: 'events' };

const configMap = (name: string, data: Record<string, string> = {}, labels: Record<string, string> = {}): ConfigMap =>
  ({ metadata: { name, namespace: 'default', labels }, data }) as ConfigMap;

describe('the client against the API server', () => {
  let server: TestApiServer;
  let connection: ApiConnection;
  let maps: ResourceClient<ConfigMap>;

  beforeAll(async () => {
    server = await TestApiServer.start();
    const endpoint = readKubeconfig(server.kubeconfigFor('admin', ['system:masters']));
    connection = new ApiConnection(endpoint, { userAgent: 'gantry-test' });
    maps = new ResourceClient<ConfigMap>(connection, CONFIG_MAPS);
  });

  afterAll(async () => {
    connection?.close();
    await server?.remove();
  });

  it('creates, reads, lists, replaces, patches and deletes', async () => {
    const created = await maps.create(configMap('crud', { a: '1' }, { set: 'crud' }));
    expect((await maps.get('default', 'crud')).metadata.uid).toBe(created.metadata.uid);
    const updated = await maps.update({ ...created, data: { a: '2' } });
    await maps.patch({ namespace: 'default', name: 'crud' }, 'merge', { data: { b: '3' } });
    const { items } = await maps.list('default', { labelSelector: 'set=crud' });
    expect(items.map(item => item.data)).toEqual([{ a: '2', b: '3' }]);
    await expect(maps.update({ ...updated, data: {} })).rejects.toMatchObject({
      statusReason: 'Conflict',
      code: 'aborted',
    });
    await maps.delete('default', 'crud', { preconditions: { uid: created.metadata.uid } });
    await expect(maps.get('default', 'crud')).rejects.toSatisfy(error => errorCode(error) === 'not-found');
  });

  it('reads a list in pages', async () => {
    for (const name of ['page-1', 'page-2', 'page-3']) await maps.create(configMap(name, {}, { set: 'pages' }));
    const first = await maps.list('default', { labelSelector: 'set=pages', limit: 2 });
    expect(first.items).toHaveLength(2);
    const next = { labelSelector: 'set=pages', limit: 2, continue: first.metadata.continue ?? '' };
    expect((await maps.list('default', next)).items.map(item => item.metadata.name)).toEqual(['page-3']);
    await maps.deleteCollection('default', { labelSelector: 'set=pages' });
    expect((await maps.list('default', { labelSelector: 'set=pages' })).items).toEqual([]);
  });

  it('tells what the server refuses in its words and with its details', async () => {
    const error = await maps.create(configMap('Upper')).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      statusReason: 'Invalid',
      httpCode: 422,
      details: { name: 'Upper', kind: 'ConfigMap' },
    });
  });

  it('says that nobody is there, and whom it asked', async () => {
    const nobody = new ApiConnection(
      { server: 'https://127.0.0.1:1', namespace: 'default' },
      { userAgent: 'gantry-test' },
    );
    const asked = new ResourceClient<ConfigMap>(nobody, CONFIG_MAPS).get('default', 'x');
    await expect(asked).rejects.toThrow(/cannot reach https:\/\/127\.0\.0\.1:1: connect ECONNREFUSED/);
    nobody.close();
  });

  it('lets go of a request when its signal aborts', async () => {
    const stop = new AbortController();
    const asked = connection.stream({ method: 'GET', path: '/api/v1/configmaps?watch=1', signal: stop.signal });
    const { pieces } = await asked;
    const reading = (async () => {
      for await (const _ of pieces);
    })();
    stop.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
  });

  it('knows every change over kill -9 of the server and of etcd, each once and in order', async () => {
    const stop = new AbortController();
    const trouble: string[] = [];
    const informers = new Informers(connection, { onTrouble: message => trouble.push(message) });
    const informed = informers.of<ConfigMap>(CONFIG_MAPS, { namespace: 'default', labelSelector: 'set=informed' });
    const told = new Map<string, string[]>();
    informed.onChange(({ key, before, after }) => {
      const list = told.get(key) ?? [];
      told.set(key, list);
      list.push(`${before?.data?.['n'] ?? '-'}>${after?.data?.['n'] ?? '-'}`);
    });
    await maps.create(configMap('i-old', { n: '0' }, { set: 'informed' }));
    let synced = false;
    const running = informers.run(stop.signal, () => {
      synced = true;
    });
    await waitFor('the informer to have the first state', () => synced);
    expect(informed.store.get('default', 'i-old')?.data).toEqual({ n: '0' });
    await maps.create(configMap('i-new', { n: '1' }, { set: 'informed' }));
    await waitFor('the new object', () => informed.store.get('default', 'i-new') !== undefined);

    await server.kill();
    await server.start();
    await waitFor('a write after the restart', () => maps.update(configMap('i-new', { n: '2' }, { set: 'informed' })));
    await waitFor('the change after the restart', () => informed.store.get('default', 'i-new')?.data?.['n'] === '2');

    await server.etcd.kill();
    await server.etcd.start();
    await waitFor('a write after etcd is back', () => maps.update(configMap('i-new', { n: '3' }, { set: 'informed' })));
    // what leaves the selection is gone
    await maps.patch({ namespace: 'default', name: 'i-old' }, 'merge', { metadata: { labels: { set: 'other' } } });
    await waitFor('the last changes', () => informed.store.get('default', 'i-old') === undefined);
    expect(informed.store.get('default', 'i-new')?.data).toEqual({ n: '3' });
    expect(Object.fromEntries(told)).toEqual({
      'default/i-old': ['->0', '0>-'],
      'default/i-new': ['->1', '1>2', '2>3'],
    });
    expect(trouble.length).toBeGreaterThan(0);
    stop.abort();
    await running;
  });

  it('leads alone, gives the lease back at a stop, and is followed at once', async () => {
    const leases = new ResourceClient<Lease>(connection, LEASES);
    const candidate = (identity: string, stop: AbortSignal, log: string[]) =>
      runElected(
        { leases, namespace: 'kube-system', name: 'test-election', identity, clock: systemClock, onTrouble: () => {} },
        stop,
        signal =>
          new Promise(resolve => {
            log.push(`${identity} leads`);
            signal.addEventListener('abort', () => resolve(), { once: true });
          }),
      );
    const log: string[] = [];
    const [first, second] = [new AbortController(), new AbortController()];
    const one = candidate('one', first.signal, log);
    await waitFor('the first to lead', () => log.length === 1);
    const two = candidate('two', second.signal, log);
    first.abort();
    expect(await one).toBe('stopped');
    await waitFor('the second to lead', () => log.length === 2);
    expect(log).toEqual(['one leads', 'two leads']);
    expect((await leases.get('kube-system', 'test-election')).spec?.leaseTransitions).toBe(1);
    second.abort();
    expect(await two).toBe('stopped');
  });

  it('writes an event once, and counts it when it happens again', async () => {
    const events = new ResourceClient<Event>(connection, EVENTS);
    const recorder = new EventRecorder({
      events,
      component: 'test-controller',
      clock: systemClock,
      random: Math.random,
      onTrouble: message => {
        throw new Error(message);
      },
    });
    const object = await maps.create(configMap('told'));
    const target = { apiVersion: 'v1', kind: 'ConfigMap', object };
    recorder.record(target, 'Warning', 'Odd', 'something is odd');
    recorder.record(target, 'Warning', 'Odd', 'something is odd');
    recorder.record(target, 'Normal', 'Fine', 'all is well');
    await recorder.flush();
    const { items } = await events.list('default', { fieldSelector: 'involvedObject.name=told' });
    expect(items.map(event => [event.reason, event.count, event.source?.component])).toEqual([
      ['Odd', 2, 'test-controller'],
      ['Fine', 1, 'test-controller'],
    ]);
  });
});
