import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deployment, ReplicaSet } from '../../src/api/types/gen/apps-v1.ts';
import type { ConfigMap, Event, Pod, ServiceAccount } from '../../src/api/types/gen/core-v1.ts';
import type { OwnerReference } from '../../src/api/types/gen/meta-v1.ts';
import { systemClock } from '../../src/base/clock.ts';
import { isNotFound } from '../../src/base/errors.ts';
import type { ApiObject } from '../../src/client/api-object.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { runInformer } from '../../src/client/informer.ts';
import { Informers } from '../../src/client/informers.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ObjectStore } from '../../src/client/object-store.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  EVENTS,
  NAMESPACES,
  PODS,
  REPLICA_SETS,
  SERVICE_ACCOUNTS,
} from '../../src/controllers/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

describe('the garbage collector', () => {
  let server: TestApiServer;
  let manager: TestControllerManager;
  let connection: ApiConnection;
  let deployments: ResourceClient<Deployment>;
  let sets: ResourceClient<ReplicaSet>;
  let pods: ResourceClient<Pod>;
  let maps: ResourceClient<ConfigMap>;
  let namespaces: ResourceClient<ApiObject>;
  const stop = new AbortController();
  let kubelet: Promise<void>;

  const ownedBy = (owner: ApiObject, more: Partial<OwnerReference> = {}): OwnerReference => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: owner.metadata.name ?? '',
    uid: owner.metadata.uid ?? '',
    ...more,
  });
  const map = (name: string, ownerReferences: OwnerReference[] = [], more: object = {}): Promise<ConfigMap> =>
    maps.create({ metadata: { namespace: 'default', name, ownerReferences, ...more } } as unknown as ConfigMap);
  const isGone = (name: string): Promise<boolean> =>
    maps.get('default', name).then(
      () => false,
      error => isNotFound(error),
    );
  const namesOf = async <T extends ApiObject>(client: ResourceClient<T>, app: string): Promise<readonly string[]> =>
    (await client.list('default', { labelSelector: `app=${app}` })).items.map(item => item.metadata.name ?? '');

  const rollOut = async (name: string): Promise<void> => {
    const labels = { app: name };
    await deployments.create({
      metadata: { name, namespace: 'default', labels },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'registry.test/c:1' }] } },
      },
    } as unknown as Deployment);
    await waitFor(`the pods of ${name}`, async saw => {
      saw(manager.log.slice(-500));
      return (await namesOf(pods, name)).length === 2;
    });
  };

  beforeAll(async () => {
    server = await TestApiServer.start();
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    deployments = new ResourceClient<Deployment>(connection, DEPLOYMENTS);
    sets = new ResourceClient<ReplicaSet>(connection, REPLICA_SETS);
    pods = new ResourceClient<Pod>(connection, PODS);
    maps = new ResourceClient<ConfigMap>(connection, CONFIG_MAPS);
    namespaces = new ResourceClient<ApiObject>(connection, NAMESPACES);
    // pods go when they are asked to, as a kubelet would have them
    const informers = new Informers(connection, { onTrouble: () => {} });
    informers.of<Pod>(PODS).onChange(({ after }) => {
      const { namespace = '', name = '', deletionTimestamp } = after?.metadata ?? {};
      if (deletionTimestamp !== undefined) pods.delete(namespace, name, { gracePeriodSeconds: 0 }).catch(() => {});
    });
    kubelet = informers.run(stop.signal, () => {});
    manager = await TestControllerManager.start(kubeconfig, ['--leader-elect=false']);
    const accounts = new ResourceClient<ServiceAccount>(connection, SERVICE_ACCOUNTS);
    await waitFor('the account that pods run as', () => accounts.get('default', 'default'));
  });

  afterAll(async () => {
    stop.abort();
    await kubelet;
    connection?.close();
    await manager?.stop();
    await server?.remove();
  });

  it('deletes the replica sets and pods of a deployment after it', async () => {
    await rollOut('background');
    await deployments.delete('default', 'background', { propagationPolicy: 'Background' });
    expect(await namesOf(deployments, 'background')).toEqual([]);
    await waitFor('all to be gone', async saw => {
      saw(manager.log.slice(-500));
      return [...(await namesOf(sets, 'background')), ...(await namesOf(pods, 'background'))].length === 0;
    });
  });

  it('keeps a deployment that is deleted in the foreground until its pods and replica sets are gone', async () => {
    await rollOut('foreground');
    const [held = '', other = ''] = await namesOf(pods, 'foreground');
    const target = { namespace: 'default', name: held };
    await pods.patch(target, 'merge', { metadata: { finalizers: ['example.com/hold'] } });
    await deployments.delete('default', 'foreground', { propagationPolicy: 'Foreground' });
    await waitFor('the other pod to go', async () => !(await namesOf(pods, 'foreground')).includes(other));
    const waiting = [
      ...(await deployments.list('default', { labelSelector: 'app=foreground' })).items,
      ...(await sets.list('default', { labelSelector: 'app=foreground' })).items,
    ];
    expect(waiting.map(({ metadata }) => [metadata.deletionTimestamp !== undefined, metadata.finalizers])).toEqual([
      [true, ['foregroundDeletion']],
      [true, ['foregroundDeletion']],
    ]);
    await pods.patch(target, 'merge', { metadata: { finalizers: null } });
    await waitFor('all to be gone', async saw => {
      saw(manager.log.slice(-500));
      const left = [await namesOf(deployments, 'foreground'), await namesOf(sets, 'foreground')];
      return left.flat().length === 0;
    });
    expect(await namesOf(pods, 'foreground')).toEqual([]);
  });

  it('reads metadata alone', async () => {
    const client = new ResourceClient<ApiObject>(connection, NAMESPACES, { metadataOnly: true });
    const { items } = await client.list('');
    const patched = await client.patch({ namespace: '', name: 'default' }, 'merge', {
      metadata: { labels: { a: 'b' } },
    });
    const seen: ApiObject[] = [];
    const watching = new AbortController();
    const watch = runInformer(
      {
        client,
        store: new ObjectStore(),
        onChange: ({ after }) => seen.push(after ?? expect.fail('nothing goes')),
        clock: systemClock,
        random: () => 0.5,
        onTrouble: () => {},
      },
      watching.signal,
      () => {},
    );
    await waitFor('the first state', () => seen.length >= items.length);
    await client.patch({ namespace: '', name: 'default' }, 'merge', { metadata: { labels: { a: null } } });
    await waitFor('the change', () => seen.length > items.length);
    watching.abort();
    await watch;
    const fields = [...items, patched, ...seen].map(object => Object.keys(object).toSorted().join());
    expect(new Set(fields)).toEqual(new Set(['apiVersion,kind,metadata']));
    expect((await client.get('', 'default')).kind).toBe('PartialObjectMetadata');
  });

  it('orphans the replica sets of a deployment where that is asked for', async () => {
    await rollOut('orphan');
    await deployments.delete('default', 'orphan', { propagationPolicy: 'Orphan' });
    await waitFor('the end of the deployment', async () => (await namesOf(deployments, 'orphan')).length === 0);
    const { items } = await sets.list('default', { labelSelector: 'app=orphan' });
    expect(items.map(set => set.metadata.ownerReferences ?? [])).toEqual([[]]);
    expect(await namesOf(pods, 'orphan')).toHaveLength(2);
    await sets.delete('default', items[0]?.metadata.name ?? '', { propagationPolicy: 'Background' });
    await waitFor('the end of the pods', async () => (await namesOf(pods, 'orphan')).length === 0);
  });

  it('takes away the reference to an owner that is gone where another one is there', async () => {
    const [gone, stays] = [await map('gone'), await map('stays')];
    await map('shared', [ownedBy(gone), ownedBy(stays)]);
    await maps.delete('default', 'gone');
    const kept = await waitFor('one reference', async () => {
      const found = await maps.get('default', 'shared');
      return found.metadata.ownerReferences?.length === 1 ? found : undefined;
    });
    expect(kept.metadata.ownerReferences?.[0]?.name).toBe('stays');
  });

  it('deletes what names an owner that never was', async () => {
    await map('lost', [ownedBy({ metadata: { name: 'never', uid: '00000000-0000-4000-8000-000000000001' } })]);
    await waitFor('its end', () => isGone('lost'));
  });

  it('tells of an owner in another namespace, and deletes what names it', async () => {
    await namespaces.create({ metadata: { name: 'elsewhere' } });
    const owner = await maps.create({ metadata: { namespace: 'elsewhere', name: 'far' } } as ConfigMap);
    await map('astray', [ownedBy(owner)]);
    await waitFor('its end', () => isGone('astray'));
    const told = await waitFor('the event', async () => {
      const fieldSelector = 'involvedObject.name=astray,reason=OwnerRefInvalidNamespace';
      return (await new ResourceClient<Event>(connection, EVENTS).list('default', { fieldSelector })).items[0];
    });
    expect(told.message).toBe(
      `ownerRef [v1/ConfigMap, namespace: default, name: far, uid: ${owner.metadata.uid}] does not exist in namespace "default"`,
    );
    expect((await maps.get('elsewhere', 'far')).metadata.deletionTimestamp).toBeUndefined();
  });

  it('leaves alone what has no namespace and names an owner in one', async () => {
    const owner = await map('inside');
    await namespaces.create({ metadata: { name: 'outside', ownerReferences: [ownedBy(owner)] } });
    await maps.delete('default', 'inside');
    // what is deleted after it shows that its turn has come
    await map('later', [ownedBy({ metadata: { name: 'never', uid: '00000000-0000-4000-8000-000000000002' } })]);
    await waitFor('the end of the other', () => isGone('later'));
    expect((await namespaces.get('', 'outside')).metadata.deletionTimestamp).toBeUndefined();
  });

  it('ends a circle of objects that are deleted in the foreground and wait for each other', async () => {
    const one = await map('one');
    const two = await map('two', [ownedBy(one, { blockOwnerDeletion: true })]);
    await maps.patch({ namespace: 'default', name: 'one' }, 'merge', {
      metadata: { ownerReferences: [ownedBy(two, { blockOwnerDeletion: true })] },
    });
    await maps.delete('default', 'one', { propagationPolicy: 'Foreground' });
    await waitFor('the end of both', async () => (await isGone('one')) && (await isGone('two')));
  });

  it('collects 500 objects over kill -9 in the middle', async () => {
    const owner = await map('many');
    const names = Array.from({ length: 500 }, (_, i) => `many-${i}`);
    await Promise.all(names.map(name => map(name, [ownedBy(owner)], { labels: { app: 'many' } })));
    await maps.delete('default', 'many');
    await waitFor('it to begin', async () => (await namesOf(maps, 'many')).length < 500, { pauseMs: 1 });
    await manager.stop();
    expect((await namesOf(maps, 'many')).length).toBeGreaterThan(0);
    await manager.start();
    await waitFor('the end of all', async saw => {
      const left = await namesOf(maps, 'many');
      saw([left.length, manager.log.slice(-500)]);
      return left.length === 0;
    });
  });

  it('orphans many over kill -9 in the middle, and deletes none of them', async () => {
    const owner = await map('parent');
    const names = Array.from({ length: 200 }, (_, i) => `child-${i}`);
    await Promise.all(names.map(name => map(name, [ownedBy(owner)], { labels: { app: 'child' } })));
    const owned = async (): Promise<number> =>
      (await maps.list('default', { labelSelector: 'app=child' })).items.filter(
        item => (item.metadata.ownerReferences ?? []).length > 0,
      ).length;
    await maps.delete('default', 'parent', { propagationPolicy: 'Orphan' });
    await waitFor('it to begin', async () => (await owned()) < 200, { pauseMs: 1 });
    await manager.stop();
    await manager.start();
    await waitFor('the end of the owner', () => isGone('parent'));
    expect([await owned(), (await namesOf(maps, 'child')).length]).toEqual([0, 200]);
  });
});
