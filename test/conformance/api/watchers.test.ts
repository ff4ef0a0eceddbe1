import { expect, it } from 'vitest';
import type { ConfigMap } from '../../../src/api/types/gen/core-v1.ts';
import type { Answered } from '../../harness/api-client.ts';
import type { ResourceClient } from '../../harness/resource-client.ts';
import type { Watch, WatchEvent } from '../../harness/watch.ts';
import { describeApi } from './cluster.ts';

const LABEL = 'watch-this-configmap';

const labelled = (...values: string[]) => ({ labelSelector: `${LABEL} in (${values.join(',')})` });

/** Events in short: what a watcher must be told of, and at which version. */
const short = (events: readonly WatchEvent<ConfigMap>[]): string[] =>
  events.map(({ type, object }) => `${type} ${object.metadata.name} ${object.data?.['mutation'] ?? '-'}`);

const versions = (events: readonly WatchEvent<ConfigMap>[]): (string | undefined)[] =>
  events.map(({ object }) => object.metadata.resourceVersion);

const configMap = (name: string, label: string): ConfigMap => ({ metadata: { name, labels: { [LABEL]: label } } });

async function mutate(maps: ResourceClient<ConfigMap>, name: string, mutation: string): Promise<Answered<ConfigMap>> {
  return maps.update({ ...(await maps.get(name)), data: { mutation } });
}

async function relabel(maps: ResourceClient<ConfigMap>, name: string, label: string): Promise<Answered<ConfigMap>> {
  const current = await maps.get(name);
  return maps.update({ ...current, metadata: { ...current.metadata, labels: { [LABEL]: label } } });
}

describeApi('watches', cluster => {
  it('[sig-api-machinery] Watchers should observe add, update, and delete watch notifications on configmaps [Conformance]', async () => {
    const maps = cluster().of('ConfigMap', await cluster().namespace());
    const watches = await Promise.all([['a'], ['b'], ['a', 'b']].map(values => maps.watch(labelled(...values))));
    await maps.create(configMap('of-a', 'a'));
    await mutate(maps, 'of-a', '1');
    await mutate(maps, 'of-a', '2');
    await maps.delete('of-a');
    await maps.create(configMap('of-b', 'b'));
    await maps.delete('of-b');
    // the last of each watch proves that nothing else came before it
    await maps.create(configMap('end-of-a', 'a'));
    await maps.create(configMap('end-of-b', 'b'));
    const ofA = ['ADDED of-a -', 'MODIFIED of-a 1', 'MODIFIED of-a 2', 'DELETED of-a 2'];
    const ofB = ['ADDED of-b -', 'DELETED of-b -'];
    const [a, b, both] = await Promise.all(
      [5, 3, 8].map((count, i) => (watches[i] as Watch<ConfigMap>).take(count).then(short)),
    );
    expect(a).toEqual([...ofA, 'ADDED end-of-a -']);
    expect(b).toEqual([...ofB, 'ADDED end-of-b -']);
    expect(both).toEqual([...ofA, ...ofB, 'ADDED end-of-a -', 'ADDED end-of-b -']);
    for (const watch of watches) watch.close();
  });

  it('[sig-api-machinery] Watchers should be able to start watching from a specific resource version [Conformance]', async () => {
    const maps = cluster().of('ConfigMap', await cluster().namespace());
    await maps.create(configMap('past', 'past'));
    const first = await mutate(maps, 'past', '1');
    const second = await mutate(maps, 'past', '2');
    await maps.delete('past');
    const resourceVersion = first.metadata.resourceVersion ?? '';
    const watch = await maps.watch({ ...labelled('past'), resourceVersion });
    const events = await watch.take(2);
    expect(short(events)).toEqual(['MODIFIED past 2', 'DELETED past 2']);
    expect(versions(events)[0]).toBe(second.metadata.resourceVersion);
    watch.close();
  });

  it('[sig-api-machinery] Watchers should be able to restart watching from the last resource version observed by the previous watch [Conformance]', async () => {
    const maps = cluster().of('ConfigMap', await cluster().namespace());
    const broken = await maps.watch(labelled('restarted'));
    await maps.create(configMap('kept', 'restarted'));
    await mutate(maps, 'kept', '1');
    const seen = await broken.take(2);
    expect(short(seen)).toEqual(['ADDED kept -', 'MODIFIED kept 1']);
    broken.close();
    const missed = await mutate(maps, 'kept', '2');
    const restarted = await maps.watch({ ...labelled('restarted'), resourceVersion: versions(seen)[1] ?? '' });
    await maps.delete('kept');
    const rest = await restarted.take(2);
    expect(short(rest)).toEqual(['MODIFIED kept 2', 'DELETED kept 2']);
    expect(versions(rest)[0]).toBe(missed.metadata.resourceVersion);
    restarted.close();
  });

  it('[sig-api-machinery] Watchers should observe an object deletion if it stops meeting the requirements of the selector [Conformance]', async () => {
    const maps = cluster().of('ConfigMap', await cluster().namespace());
    const watch = await maps.watch(labelled('wanted'));
    const created = await maps.create(configMap('changing', 'wanted'));
    const first = await mutate(maps, 'changing', '1');
    const gone = await relabel(maps, 'changing', 'other');
    await mutate(maps, 'changing', '2');
    const back = await relabel(maps, 'changing', 'wanted');
    const third = await mutate(maps, 'changing', '3');
    await maps.delete('changing');
    const events = await watch.take(6);
    expect(short(events)).toEqual([
      'ADDED changing -',
      'MODIFIED changing 1',
      'DELETED changing 1',
      'ADDED changing 2',
      'MODIFIED changing 3',
      'DELETED changing 3',
    ]);
    const told = [created, first, gone, back, third].map(({ metadata }) => metadata.resourceVersion);
    expect(versions(events).slice(0, 5)).toEqual(told);
    watch.close();
  });

  it('[sig-api-machinery] Watchers should receive events on concurrent watches in same order [Conformance]', async () => {
    const maps = cluster().of('ConfigMap', await cluster().namespace());
    const start = (await maps.list()).metadata.resourceVersion ?? '';
    let producing = true;
    const produced = (async () => {
      for (let n = 0; producing; n++) {
        const name = `produced-${n}`;
        await maps.create({ metadata: { name } });
        await mutate(maps, name, '1');
        await maps.delete(name);
      }
    })();
    // each watch begins where the first one has just come to, while writes go on
    const watches = [await maps.watch({ resourceVersion: start })];
    const first = watches[0] as Watch<ConfigMap>;
    const orders: (string | undefined)[][] = [];
    try {
      while (watches.length < 50) {
        const [next] = versions(await first.take(1));
        const others = await Promise.all(watches.slice(1).map(watch => watch.take(1)));
        orders.push([next, ...others.flatMap(versions)]);
        watches.push(await maps.watch({ resourceVersion: next ?? '' }));
      }
    } finally {
      producing = false;
      await produced;
    }
    expect(orders.filter(order => new Set(order).size !== 1)).toEqual([]);
    const order = orders.map(([version]) => Number(version));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    for (const watch of watches) watch.close();
  });
});
