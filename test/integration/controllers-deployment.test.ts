import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deployment, ReplicaSet } from '../../src/api/types/gen/apps-v1.ts';
import type { Event, Pod, ServiceAccount } from '../../src/api/types/gen/core-v1.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { Informers } from '../../src/client/informers.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { DEPLOYMENTS, EVENTS, PODS, REPLICA_SETS, SERVICE_ACCOUNTS } from '../../src/controllers/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

describe('deployments', () => {
  let server: TestApiServer;
  let manager: TestControllerManager;
  let connection: ApiConnection;
  let deployments: ResourceClient<Deployment>;
  let sets: ResourceClient<ReplicaSet>;
  let pods: ResourceClient<Pod>;
  const stop = new AbortController();
  let kubelet: Promise<void>;

  const deployment = (name: string, replicas: number, more: object = {}): Deployment =>
    ({
      metadata: { name, namespace: 'default' },
      spec: {
        replicas,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name } },
          spec: { containers: [{ name: 'c', image: 'registry.test/c:1' }] },
        },
        ...more,
      },
    }) as unknown as Deployment;

  /** Pods become ready as soon as they are there, and go when they are asked to, unless their image is a broken one. */
  const playKubelet = (informers: Informers): void => {
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: '2020-01-01T00:00:00Z' }];
    informers.of<Pod>(PODS).onChange(({ before, after }) => {
      const { namespace = '', name = '', deletionTimestamp } = after?.metadata ?? {};
      if (deletionTimestamp !== undefined) pods.delete(namespace, name, { gracePeriodSeconds: 0 }).catch(() => {});
      const isBroken = after?.spec.containers[0]?.image?.endsWith(':broken') === true;
      if (before !== undefined || after === undefined || isBroken) return;
      const target = { namespace, name, subresource: 'status' };
      pods.patch(target, 'strategic', { status: { phase: 'Running', conditions } }).catch(() => {});
    });
  };

  const setImage = (name: string, image: string): Promise<Deployment> =>
    deployments.patch({ namespace: 'default', name }, 'strategic', {
      spec: { template: { spec: { containers: [{ name: 'c', image: `registry.test/c:${image}` }] } } },
    });

  const rolledOut = (name: string): Promise<Deployment> =>
    waitFor(`${name} to be rolled out`, async saw => {
      const found = await deployments.get('default', name);
      saw({ status: found.status, log: manager.log.slice(-400) });
      const { status, spec, metadata } = found;
      const counts = [status.updatedReplicas, status.replicas, status.availableReplicas].map(count => count ?? 0);
      const isDone =
        counts.every(count => count === spec.replicas) && status.observedGeneration === metadata.generation;
      return isDone ? found : undefined;
    });

  const setsOf = async (name: string): Promise<readonly ReplicaSet[]> =>
    (await sets.list('default', { labelSelector: `app=${name}` })).items;

  beforeAll(async () => {
    server = await TestApiServer.start();
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    deployments = new ResourceClient<Deployment>(connection, DEPLOYMENTS);
    sets = new ResourceClient<ReplicaSet>(connection, REPLICA_SETS);
    pods = new ResourceClient<Pod>(connection, PODS);
    const informers = new Informers(connection, { onTrouble: () => {} });
    playKubelet(informers);
    kubelet = informers.run(stop.signal, () => {});
    // one that is surely alone need not wait for the lease of one that was killed
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

  it('roll out, tell of it, and roll out again', async () => {
    await deployments.create(deployment('web', 4));
    const first = await rolledOut('web');
    expect(first.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
    await setImage('web', '2');
    const second = await rolledOut('web');
    expect(second.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2');
    const { items } = await pods.list('default', { labelSelector: 'app=web' });
    expect(new Set(items.map(pod => pod.spec.containers[0]?.image))).toEqual(new Set(['registry.test/c:2']));
    const events = await waitFor('the events', async () => {
      const list = await new ResourceClient<Event>(connection, EVENTS).list('default', {
        fieldSelector: 'involvedObject.name=web,involvedObject.kind=Deployment',
      });
      return list.items.some(event => / to 0$/.test(event.message ?? '')) ? list.items : undefined;
    });
    expect(events.map(event => event.message)).toContainEqual(
      expect.stringMatching(/^Scaled up replica set web-\w+ from 0 to 4$/),
    );
  });

  it('go back to an older template under a new number', async () => {
    await setImage('web', '1');
    const back = await rolledOut('web');
    expect(back.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3');
    expect((await setsOf('web')).map(set => set.spec.replicas).toSorted()).toEqual([0, 4]);
  });

  it('stop before the last good pod when the new ones do not get ready, and go on when they do', async () => {
    await deployments.create(
      deployment('careful', 3, { strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } }),
    );
    await rolledOut('careful');
    await setImage('careful', 'broken');
    await waitFor('a broken pod', async () => (await setsOf('careful')).some(set => set.status.replicas === 1));
    const { status } = await deployments.get('default', 'careful');
    expect(status.availableReplicas).toBe(3);
    await setImage('careful', '3');
    await rolledOut('careful');
  });

  it('make their pods anew where that is asked for: never two templates at a time', async () => {
    await deployments.create(deployment('anew', 3, { strategy: { type: 'Recreate', rollingUpdate: null } }));
    await rolledOut('anew');
    const images = new Set<string>();
    const together: string[] = [];
    const watching = new AbortController();
    const informers = new Informers(connection, { onTrouble: () => {} });
    const informed = informers.of<Pod>(PODS, { namespace: 'default', labelSelector: 'app=anew' });
    informed.onChange(() => {
      const now = new Set(informed.store.list().map(pod => pod.spec.containers[0]?.image ?? ''));
      for (const image of now) images.add(image);
      if (now.size > 1) together.push([...now].join(' and '));
    });
    const watch = informers.run(watching.signal, () => {});
    await setImage('anew', '2');
    await rolledOut('anew');
    watching.abort();
    await watch;
    expect([images.size, together]).toEqual([2, []]);
  });

  it('are paused, scaled in proportion, and resumed', async () => {
    await deployments.create(deployment('slow', 2));
    await rolledOut('slow');
    const patch = (spec: object): Promise<Deployment> =>
      deployments.patch({ namespace: 'default', name: 'slow' }, 'merge', { spec });
    await patch({ paused: true });
    await setImage('slow', '2');
    await patch({ replicas: 5 });
    await waitFor('five pods of the old template', async () => {
      const found = await setsOf('slow');
      return found.length === 1 && found[0]?.status.availableReplicas === 5;
    });
    await patch({ paused: null });
    await rolledOut('slow');
    expect((await setsOf('slow')).map(set => set.spec.replicas).toSorted()).toEqual([0, 5]);
  });

  it('complete a roll-out over kill -9 of their controllers', async () => {
    await deployments.create(deployment('killed', 10));
    await rolledOut('killed');
    await setImage('killed', '2');
    await waitFor('it to begin', async () => (await setsOf('killed')).length === 2, { pauseMs: 1 });
    await manager.stop();
    await manager.start();
    await rolledOut('killed');
    expect((await setsOf('killed')).map(set => set.spec.replicas).toSorted((a, b) => (a ?? 0) - (b ?? 0))).toEqual([
      0, 10,
    ]);
  });
});
