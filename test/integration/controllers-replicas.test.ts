import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReplicaSet } from '../../src/api/types/gen/apps-v1.ts';
import type { Event, Pod, ReplicationController, ServiceAccount } from '../../src/api/types/gen/core-v1.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import {
  EVENTS,
  PODS,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  SERVICE_ACCOUNTS,
} from '../../src/controllers/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

const container = { name: 'c', image: 'registry.test/c:1' };

describe('replica sets and replication controllers', () => {
  let server: TestApiServer;
  let manager: TestControllerManager;
  let connection: ApiConnection;
  let sets: ResourceClient<ReplicaSet>;
  let pods: ResourceClient<Pod>;

  const replicaSet = (name: string, replicas: number): ReplicaSet =>
    ({
      metadata: { name, namespace: 'default' },
      spec: {
        replicas,
        selector: { matchLabels: { app: name } },
        template: { metadata: { labels: { app: name } }, spec: { containers: [container] } },
      },
    }) as unknown as ReplicaSet;

  /** Pods that are not on their way out. */
  const podsOf = async (app: string): Promise<readonly Pod[]> => {
    const { items } = await pods.list('default', { labelSelector: `app=${app}` });
    return items.filter(pod => pod.metadata.deletionTimestamp === undefined);
  };

  const settled = (name: string, replicas: number): Promise<ReplicaSet> =>
    waitFor(`${name} to have ${replicas} replicas`, async saw => {
      const set = await sets.get('default', name);
      saw({ status: set.status, log: manager.log.slice(-300) });
      const isTold = set.status.replicas === replicas && set.status.observedGeneration === set.metadata.generation;
      return isTold && (await podsOf(name)).length === replicas ? set : undefined;
    });

  const scale = (name: string, replicas: number): Promise<ReplicaSet> =>
    sets.patch({ namespace: 'default', name }, 'merge', { spec: { replicas } });

  beforeAll(async () => {
    server = await TestApiServer.start();
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    sets = new ResourceClient<ReplicaSet>(connection, REPLICA_SETS);
    pods = new ResourceClient<Pod>(connection, PODS);
    // one that is surely alone need not wait for the lease of one that was killed
    manager = await TestControllerManager.start(kubeconfig, ['--leader-elect=false']);
    const accounts = new ResourceClient<ServiceAccount>(connection, SERVICE_ACCOUNTS);
    await waitFor('the account that pods run as', () => accounts.get('default', 'default'));
  });

  afterAll(async () => {
    connection?.close();
    await manager?.stop();
    await server?.remove();
  });

  it('make the pods of their template, belong to them, and say so', async () => {
    const set = await sets.create(replicaSet('web', 3));
    await settled('web', 3);
    for (const pod of await podsOf('web')) {
      expect(pod.metadata.name).toMatch(/^web-[a-z0-9]{5}$/);
      const reference = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: set.metadata.uid };
      expect(pod.metadata.ownerReferences).toEqual([{ ...reference, controller: true, blockOwnerDeletion: true }]);
    }
    const events = new ResourceClient<Event>(connection, EVENTS);
    const told = await waitFor('the events', async () => {
      const { items } = await events.list('default', { fieldSelector: 'involvedObject.name=web' });
      return items.length === 3 ? items : undefined;
    });
    expect(new Set(told.map(event => event.reason))).toEqual(new Set(['SuccessfulCreate']));
  });

  it('replace a pod that goes, and count those that are ready', async () => {
    const [first, second] = await podsOf('web');
    await pods.delete('default', first?.metadata.name ?? '', { gracePeriodSeconds: 0 });
    await settled('web', 3);
    expect((await podsOf('web')).map(pod => pod.metadata.uid)).not.toContain(first?.metadata.uid);
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: '2020-01-01T00:00:00Z' }];
    const target = { namespace: 'default', name: second?.metadata.name ?? '', subresource: 'status' };
    await pods.patch(target, 'strategic', { status: { phase: 'Running', conditions } });
    await waitFor('one to be ready and available', async () => {
      const { status } = await sets.get('default', 'web');
      return status.readyReplicas === 1 && status.availableReplicas === 1;
    });
  });

  it('scale up and down, and keep the pods that are ready', async () => {
    const ready = (await podsOf('web')).find(pod => pod.status.phase === 'Running');
    await scale('web', 10);
    await settled('web', 10);
    await scale('web', 1);
    await settled('web', 1);
    expect((await podsOf('web')).map(pod => pod.metadata.name)).toEqual([ready?.metadata.name]);
    await scale('web', 0);
    await settled('web', 0);
  });

  it('adopt an orphan that fits, and let go what fits no more', async () => {
    const metadata = { name: 'orphan', namespace: 'default', labels: { app: 'keeper' } };
    await pods.create({ metadata, spec: { containers: [container] } } as unknown as Pod);
    const set = await sets.create(replicaSet('keeper', 2));
    await settled('keeper', 2);
    const adopted = await pods.get('default', 'orphan');
    expect(adopted.metadata.ownerReferences?.[0]?.uid).toBe(set.metadata.uid);
    await pods.patch({ namespace: 'default', name: 'orphan' }, 'merge', { metadata: { labels: { app: 'free' } } });
    await waitFor('it to be free', async () => {
      const pod = await pods.get('default', 'orphan');
      return pod.metadata.ownerReferences === undefined;
    });
    await settled('keeper', 2);
  });

  it('say why pods cannot be made', async () => {
    const set = replicaSet('refused', 1);
    const spec = { ...set.spec.template.spec, serviceAccountName: 'nobody' };
    await sets.create({ ...set, spec: { ...set.spec, template: { ...set.spec.template, spec } } });
    const condition = await waitFor('the condition', async () => {
      const { status } = await sets.get('default', 'refused');
      return status.conditions?.find(each => each.type === 'ReplicaFailure');
    });
    expect([condition.status, condition.reason, condition.message]).toEqual([
      'True',
      'FailedCreate',
      expect.stringContaining('serviceaccount "nobody" not found'),
    ]);
  });

  it('make exactly as many over kill -9 of their controllers in the middle of it', async () => {
    await sets.create(replicaSet('many', 60));
    await waitFor('some of them', async () => (await podsOf('many')).length > 5, { pauseMs: 1 });
    await manager.stop();
    await manager.start();
    await settled('many', 60);
    // one that counts wrong makes too many and deletes them again: nothing was deleted
    const { items } = await pods.list('default', { labelSelector: 'app=many' });
    expect(items).toHaveLength(60);
  });

  it('are the same for replication controllers', async () => {
    const controllers = new ResourceClient<ReplicationController>(connection, REPLICATION_CONTROLLERS);
    const template = { metadata: { labels: { app: 'old' } }, spec: { containers: [container] } };
    const spec = { replicas: 2, selector: { app: 'old' }, template };
    await controllers.create({
      metadata: { name: 'old', namespace: 'default' },
      spec,
    } as unknown as ReplicationController);
    await waitFor('two pods', async () => {
      const { status } = await controllers.get('default', 'old');
      return status.replicas === 2 && (await podsOf('old')).length === 2;
    });
    expect((await podsOf('old'))[0]?.metadata.ownerReferences?.[0]?.kind).toBe('ReplicationController');
  });
});
