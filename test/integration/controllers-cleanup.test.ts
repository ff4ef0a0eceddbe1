import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Job } from '../../src/api/types/gen/batch-v1.ts';
import type { Node, Pod } from '../../src/api/types/gen/core-v1.ts';
import { isNotFound } from '../../src/base/errors.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { JOBS, NODES, PODS } from '../../src/controllers/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

const FLAGS = [
  '--leader-elect=false',
  '--controllers=serviceaccount,pod-garbage-collector,ttl-after-finished',
  '--terminated-pod-gc-threshold=2',
];

describe('what nobody needs any more is removed', () => {
  let server: TestApiServer;
  let manager: TestControllerManager;
  let connection: ApiConnection;
  let pods: ResourceClient<Pod>;
  let nodes: ResourceClient<Node>;
  let jobs: ResourceClient<Job>;

  const create = (name: string, nodeName?: string, metadata: object = {}): Promise<Pod> =>
    waitFor('the pod to be taken', () =>
      pods.create({
        metadata: { name, namespace: 'default', ...metadata },
        spec: { nodeName, containers: [{ name: 'c', image: 'registry.test/c:1' }] },
      } as unknown as Pod),
    );
  const names = async (): Promise<string[]> =>
    (await pods.list('default')).items.map(pod => pod.metadata.name ?? '').toSorted();

  beforeAll(async () => {
    server = await TestApiServer.start();
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    pods = new ResourceClient<Pod>(connection, PODS);
    nodes = new ResourceClient<Node>(connection, NODES);
    jobs = new ResourceClient<Job>(connection, JOBS);
    await nodes.create({ metadata: { name: 'here' }, spec: {} } as Node);
    manager = await TestControllerManager.start(kubeconfig, FLAGS);
  });

  afterAll(async () => {
    connection?.close();
    await manager?.stop();
    await server?.remove();
  });

  it('pods that have ended beyond a number, over kill -9 of the controllers', async () => {
    for (const name of ['a', 'b', 'c', 'd']) await create(name, 'here');
    const end = (name: string): Promise<Pod> =>
      pods.patch({ namespace: 'default', name, subresource: 'status' }, 'merge', { status: { phase: 'Succeeded' } });
    await end('b');
    await end('d');
    await end('c');
    await waitFor('one to be removed', async saw => {
      const left = await names();
      saw({ left, log: manager.log.slice(-400) });
      return left.length === 3;
    });
    expect(await names()).toContain('a');
    await manager.stop();
    await end('a');
    await manager.start();
    await waitFor('another to be removed', async () => (await names()).length === 2);
    await pods.deleteCollection('default', {}, { gracePeriodSeconds: 0 });
  });

  it('pods that end on a node that is out of service, and no other', async () => {
    await create('stays', 'here');
    await create('ends', 'here');
    await pods.delete('default', 'ends');
    const taints = [{ key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' }];
    await nodes.patch({ namespace: '', name: 'here' }, 'merge', { spec: { taints } });
    await waitFor('the pod that ends to be removed', async () => !(await names()).includes('ends'));
    expect(await names()).toEqual(['stays']);
  });

  it('pods that were deleted before they had a node, as soon as nothing holds them', async () => {
    await create('held', undefined, { finalizers: ['example.com/hold'] });
    await pods.delete('default', 'held');
    const failed = await waitFor('it to fail', async () => {
      const pod = await pods.get('default', 'held');
      return pod.status.phase === 'Failed' && pod;
    });
    expect(failed.metadata.deletionGracePeriodSeconds).toBe(0);
    await pods.patch({ namespace: 'default', name: 'held' }, 'merge', { metadata: { finalizers: null } });
    await waitFor('it to be gone', async () => !(await names()).includes('held'));
  });

  it('jobs when their time after the end has run out', async () => {
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'registry.test/c:1' }] } };
    const create = (name: string, ttlSecondsAfterFinished: number): Promise<Job> =>
      jobs.create({
        metadata: { name, namespace: 'default' },
        spec: { template, ttlSecondsAfterFinished },
      } as unknown as Job);
    await create('short', 1);
    await create('long', 3_600);
    const now = new Date().toISOString().replace(/\.\d+/, '');
    const finished = ['SuccessCriteriaMet', 'Complete'].map(type => ({
      type,
      status: 'True',
      lastTransitionTime: now,
    }));
    for (const name of ['short', 'long'])
      await jobs.patch({ namespace: 'default', name, subresource: 'status' }, 'merge', {
        status: { startTime: now, completionTime: now, succeeded: 1, conditions: finished },
      });
    await waitFor('the job to be deleted', async saw => {
      try {
        const { metadata } = await jobs.get('default', 'short');
        saw({ metadata, log: manager.log.slice(-400) });
        return metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes('foregroundDeletion') === true;
      } catch (error) {
        return isNotFound(error);
      }
    });
    expect((await jobs.get('default', 'long')).metadata.deletionTimestamp).toBeUndefined();
  });
});
