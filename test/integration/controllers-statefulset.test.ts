import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ControllerRevision, StatefulSet } from '../../src/api/types/gen/apps-v1.ts';
import type { Event, PersistentVolumeClaim, Pod, ServiceAccount } from '../../src/api/types/gen/core-v1.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import {
  CONTROLLER_REVISIONS,
  EVENTS,
  PERSISTENT_VOLUME_CLAIMS,
  PODS,
  SERVICE_ACCOUNTS,
  STATEFUL_SETS,
} from '../../src/controllers/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

describe('stateful sets', () => {
  let server: TestApiServer;
  let manager: TestControllerManager;
  let connection: ApiConnection;
  let sets: ResourceClient<StatefulSet>;
  let pods: ResourceClient<Pod>;
  let claims: ResourceClient<PersistentVolumeClaim>;

  const statefulSet = (name: string, replicas: number, more: object = {}): StatefulSet =>
    ({
      metadata: { name, namespace: 'default' },
      spec: {
        replicas,
        serviceName: name,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name } },
          spec: { containers: [{ name: 'c', image: 'registry.test/c:1' }] },
        },
        ...more,
      },
    }) as unknown as StatefulSet;

  /** The kubelet of all nodes: what is pending runs, what is to end has ended. Returns when `until` holds. */
  const play = async (
    name: string,
    what: string,
    until: (set: StatefulSet, members: readonly Pod[]) => boolean,
  ): Promise<StatefulSet> =>
    waitFor(`${name} ${what}`, async saw => {
      const { items } = await pods.list('default', { labelSelector: `app=${name}` });
      for (const pod of items) {
        const { name: member = '', deletionTimestamp, uid } = pod.metadata;
        if (deletionTimestamp !== undefined)
          await pods.delete('default', member, { gracePeriodSeconds: 0, preconditions: { uid } }).catch(() => {});
        else if (pod.status.phase === 'Pending') await setReady(member);
      }
      const set = await sets.get('default', name);
      saw({ pods: items.map(pod => pod.metadata.name), status: set.status, log: manager.log.slice(-300) });
      return set.status.observedGeneration === set.metadata.generation && until(set, items) ? set : undefined;
    });

  const setReady = (name: string): Promise<Pod> =>
    pods.patch({ namespace: 'default', name, subresource: 'status' }, 'strategic', {
      status: {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
      },
    });

  const whole = (count: number) => (set: StatefulSet, members: readonly Pod[]) =>
    set.status.availableReplicas === count && set.status.replicas === count && members.length === count;

  beforeAll(async () => {
    server = await TestApiServer.start();
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    sets = new ResourceClient<StatefulSet>(connection, STATEFUL_SETS);
    pods = new ResourceClient<Pod>(connection, PODS);
    claims = new ResourceClient<PersistentVolumeClaim>(connection, PERSISTENT_VOLUME_CLAIMS);
    manager = await TestControllerManager.start(kubeconfig, ['--leader-elect=false']);
    const accounts = new ResourceClient<ServiceAccount>(connection, SERVICE_ACCOUNTS);
    await waitFor('the account that pods run as', () => accounts.get('default', 'default'));
  });

  afterAll(async () => {
    connection?.close();
    await manager?.stop();
    await server?.remove();
  });

  it('come up in order, each member with its claim, and go down from the end', async () => {
    const claim = {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    };
    const retention = { whenDeleted: 'Delete', whenScaled: 'Delete' };
    await sets.create(
      statefulSet('db', 3, { volumeClaimTemplates: [claim], persistentVolumeClaimRetentionPolicy: retention }),
    );
    await waitFor(
      'the first member',
      async () => (await pods.list('default', { labelSelector: 'app=db' })).items.length > 0,
    );
    await play('db', 'to be whole', whole(3));
    const { items } = await pods.list('default', { labelSelector: 'app=db' });
    expect(
      items
        .map(pod => [
          pod.metadata.name,
          pod.spec.hostname,
          pod.spec.subdomain,
          pod.spec.volumes?.[0]?.persistentVolumeClaim?.claimName,
        ])
        .sort(),
    ).toEqual([0, 1, 2].map(i => [`db-${i}`, `db-${i}`, 'db', `data-db-${i}`]));
    expect((await claims.get('default', 'data-db-1')).metadata.ownerReferences?.[0]).toMatchObject({
      kind: 'StatefulSet',
      controller: true,
    });
    await sets.patch({ namespace: 'default', name: 'db' }, 'merge', { spec: { replicas: 1 } });
    await play('db', 'to have one member', whole(1));
    await waitFor('the claims of those that went', async () => (await claims.list('default')).items.length === 1);
  });

  it('are brought to a new template over kill -9 of their controller, and back by their history', async () => {
    await sets.create(statefulSet('web', 3));
    const before = await play('web', 'to be whole', whole(3));
    const image = (tag: number): Promise<StatefulSet> =>
      sets.patch({ namespace: 'default', name: 'web' }, 'strategic', {
        spec: { template: { spec: { containers: [{ name: 'c', image: `registry.test/c:${tag}` }] } } },
      });
    const updated = (set: StatefulSet, members: readonly Pod[]): boolean =>
      whole(3)(set, members) &&
      set.status.updatedReplicas === 3 &&
      set.status.currentRevision === set.status.updateRevision;
    await image(2);
    await waitFor('the last member to be of the new template', async () => {
      const { labels } = (await pods.get('default', 'web-2')).metadata;
      return labels?.['controller-revision-hash'] !== before.status.currentRevision;
    });
    await manager.stop();
    await manager.start();
    const after = await play('web', 'to be updated', updated);
    expect(after.status.currentRevision).not.toBe(before.status.currentRevision);
    await image(1);
    const back = await play(
      'web',
      'to be back',
      (set, members) => updated(set, members) && set.status.currentRevision === before.status.currentRevision,
    );
    const { items } = await pods.list('default', { labelSelector: 'app=web' });
    expect(items.map(pod => pod.metadata.labels?.['controller-revision-hash'])).toEqual(
      Array(3).fill(back.status.currentRevision),
    );
    const revisions = new ResourceClient<ControllerRevision>(connection, CONTROLLER_REVISIONS);
    const { items: history } = await revisions.list('default', { labelSelector: 'app=web' });
    expect(history.map(each => each.revision).sort()).toEqual([2, 3]);
  });

  it('make all at once under Parallel, and say what they did', async () => {
    await sets.create(statefulSet('fast', 4, { podManagementPolicy: 'Parallel' }));
    await waitFor(
      'all members',
      async () => (await pods.list('default', { labelSelector: 'app=fast' })).items.length === 4,
    );
    const events = new ResourceClient<Event>(connection, EVENTS);
    await waitFor('its events', async () => {
      const { items } = await events.list('default', { fieldSelector: 'involvedObject.name=fast' });
      const told = items.map(each => each.message);
      return [0, 1, 2, 3].every(i => told.includes(`create Pod fast-${i} in StatefulSet fast successful`));
    });
  });

  it('adopt only pods of their name', async () => {
    const orphan = (name: string): Promise<Pod> =>
      pods.create({
        metadata: { name, namespace: 'default', labels: { app: 'old' } },
        spec: { containers: [{ name: 'c', image: 'registry.test/c:1' }] },
      } as unknown as Pod);
    await orphan('old-0');
    await orphan('other');
    await sets.create(statefulSet('old', 1));
    await waitFor(
      'the orphan to be taken in',
      async () => (await pods.get('default', 'old-0')).metadata.ownerReferences?.[0]?.name === 'old',
    );
    expect((await pods.get('default', 'other')).metadata.ownerReferences).toBeUndefined();
  });
});
