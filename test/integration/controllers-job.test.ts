import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Job, JobSpec } from '../../src/api/types/gen/batch-v1.ts';
import type { Event, Pod, ServiceAccount } from '../../src/api/types/gen/core-v1.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { EVENTS, JOBS, PODS, SERVICE_ACCOUNTS } from '../../src/controllers/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

describe('jobs', () => {
  let server: TestApiServer;
  let manager: TestControllerManager;
  let connection: ApiConnection;
  let jobs: ResourceClient<Job>;
  let pods: ResourceClient<Pod>;

  const create = (name: string, spec: Partial<JobSpec>): Promise<Job> =>
    jobs.create({
      metadata: { name, namespace: 'default' },
      spec: {
        template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'registry.test/c:1' }] } },
        ...spec,
      },
    } as unknown as Job);

  const podsOf = async (name: string): Promise<readonly Pod[]> =>
    (await pods.list('default', { labelSelector: `batch.kubernetes.io/job-name=${name}` })).items;

  /** The kubelet of all nodes: pods that are pending end as `end` says. Returns when `until` holds. */
  const play = (
    name: string,
    what: string,
    end: (pod: Pod) => 'Succeeded' | 'Failed' | 'Running',
    until: (job: Job) => boolean,
  ): Promise<Job> =>
    waitFor(`${name} ${what}`, async saw => {
      const found = await podsOf(name);
      for (const pod of found.filter(
        each => each.status.phase === 'Pending' && each.metadata.deletionTimestamp === undefined,
      ))
        await finish(pod, end(pod));
      const job = await jobs.get('default', name);
      saw({
        status: job.status,
        pods: found.map(each => `${each.metadata.name} ${each.status.phase}`),
        log: manager.log.slice(-400),
      });
      return until(job) ? job : undefined;
    });

  const finish = (pod: Pod, phase: 'Succeeded' | 'Failed' | 'Running'): Promise<Pod> =>
    pods.patch({ namespace: 'default', name: pod.metadata.name ?? '', subresource: 'status' }, 'strategic', {
      status: { phase, ...(phase === 'Running' ? {} : { containerStatuses: [endedStatus(phase)] }) },
    });
  const endedStatus = (phase: string): object => ({
    name: 'c',
    image: 'c',
    imageID: 'c',
    ready: false,
    restartCount: 0,
    state: { terminated: { exitCode: phase === 'Succeeded' ? 0 : 1, finishedAt: '2026-01-01T00:00:00Z' } },
  });

  const has =
    (type: string) =>
    (job: Job): boolean =>
      job.status.conditions?.some(each => each.type === type && each.status === 'True') === true;

  beforeAll(async () => {
    server = await TestApiServer.start();
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    jobs = new ResourceClient<Job>(connection, JOBS);
    pods = new ResourceClient<Pod>(connection, PODS);
    manager = await TestControllerManager.start(kubeconfig, ['--leader-elect=false']);
    const accounts = new ResourceClient<ServiceAccount>(connection, SERVICE_ACCOUNTS);
    await waitFor('the account that pods run as', () => accounts.get('default', 'default'));
  });

  afterAll(async () => {
    connection?.close();
    await manager?.stop();
    await server?.remove();
  });

  it('run as many pods as have to succeed, and count each once over kill -9 of their controller', async () => {
    await create('many', { completions: 20, parallelism: 4 });
    await play(
      'many',
      'to be under way',
      () => 'Succeeded',
      job => (job.status.succeeded ?? 0) >= 5,
    );
    await manager.stop();
    for (const pod of (await podsOf('many')).filter(each => each.status.phase === 'Pending'))
      await finish(pod, 'Succeeded');
    await manager.start();
    const done = await play('many', 'to be complete', () => 'Succeeded', has('Complete'));
    expect(done.status).toMatchObject({ succeeded: 20, uncountedTerminatedPods: {} });
    expect(done.status.failed ?? 0).toBe(0);
    expect(done.status.completionTime).toBeDefined();
    const all = await podsOf('many');
    expect([all.length, all.filter(pod => pod.metadata.finalizers !== undefined).length]).toEqual([20, 0]);
    const events = new ResourceClient<Event>(connection, EVENTS);
    await waitFor('the event', async () => {
      const { items } = await events.list('default', { fieldSelector: 'involvedObject.name=many' });
      return items.some(each => each.reason === 'Completed' && each.message === 'Job completed');
    });
  });

  it('with indexes tell which have succeeded and which have not', async () => {
    await create('indexed', { completionMode: 'Indexed', completions: 5, parallelism: 5, backoffLimitPerIndex: 0 });
    const isOdd = (pod: Pod): boolean =>
      Number(pod.metadata.annotations?.['batch.kubernetes.io/job-completion-index']) % 2 === 1;
    const done = await play('indexed', 'to have failed', pod => (isOdd(pod) ? 'Failed' : 'Succeeded'), has('Failed'));
    expect(done.status).toMatchObject({ completedIndexes: '0,2,4', failedIndexes: '1,3', succeeded: 3, failed: 2 });
    expect(done.status.conditions?.find(each => each.type === 'Failed')).toMatchObject({ reason: 'FailedIndexes' });
    expect((await podsOf('indexed')).map(pod => pod.spec.hostname).sort()).toEqual(
      [0, 1, 2, 3, 4].map(i => `indexed-${i}`),
    );
  });

  it('fail by their limit, and end what still runs', async () => {
    await create('failing', { backoffLimit: 0, parallelism: 2, completions: 2 });
    let first = true;
    const done = await play(
      'failing',
      'to have failed',
      () => {
        const result = first ? 'Failed' : 'Running';
        first = false;
        return result;
      },
      has('Failed'),
    );
    expect(done.status.conditions?.find(each => each.type === 'Failed')).toMatchObject({
      reason: 'BackoffLimitExceeded',
      message: 'Job has reached the specified backoff limit',
    });
    expect((await podsOf('failing')).every(pod => pod.status.phase === 'Failed')).toBe(true);
  });

  it('that are deleted, or whose pods were set free, keep no pod by their finalizer', async () => {
    await create('gone', { completions: 2, parallelism: 2 });
    await waitFor('its pods', async () => (await podsOf('gone')).length === 2);
    await jobs.delete('default', 'gone', { propagationPolicy: 'Background' });
    await waitFor('its pods to go', async () => (await podsOf('gone')).length === 0);
    await create('free', { completions: 1 });
    await waitFor('its pod', async () => (await podsOf('free')).length === 1);
    await jobs.delete('default', 'free', { propagationPolicy: 'Orphan' });
    await waitFor('the pod to be free', async saw => {
      const [pod] = await podsOf('free');
      saw(pod?.metadata);
      return pod !== undefined && pod.metadata.finalizers === undefined && pod.metadata.ownerReferences === undefined;
    });
  });
});
