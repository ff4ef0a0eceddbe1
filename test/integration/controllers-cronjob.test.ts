import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CronJob, CronJobSpec, Job } from '../../src/api/types/gen/batch-v1.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { CRON_JOBS, JOBS } from '../../src/controllers/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

describe('cron jobs', () => {
  let server: TestApiServer;
  let manager: TestControllerManager;
  let connection: ApiConnection;
  let cronJobs: ResourceClient<CronJob>;
  let jobs: ResourceClient<Job>;

  const create = (name: string, spec: Partial<CronJobSpec>): Promise<CronJob> =>
    cronJobs.create({
      metadata: { name, namespace: 'default' },
      spec: {
        schedule: '@every 2s',
        jobTemplate: {
          metadata: { labels: { of: name } },
          spec: {
            suspend: true,
            template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'registry.test/c:1' }] } },
          },
        },
        ...spec,
      },
    } as unknown as CronJob);
  const jobsOf = async (name: string): Promise<readonly Job[]> =>
    (await jobs.list('default', { labelSelector: `of=${name}` })).items;

  beforeAll(async () => {
    server = await TestApiServer.start();
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    cronJobs = new ResourceClient<CronJob>(connection, CRON_JOBS);
    jobs = new ResourceClient<Job>(connection, JOBS);
    manager = await TestControllerManager.start(kubeconfig, ['--leader-elect=false']);
  });

  afterAll(async () => {
    connection?.close();
    await manager?.stop();
    await server?.remove();
  });

  it('forbid a second job while one runs, and go on over kill -9', async () => {
    await create('calm', { concurrencyPolicy: 'Forbid' });
    const [first] = await waitFor('its first job', async () => {
      const found = await jobsOf('calm');
      return found.length > 0 ? found : undefined;
    });
    await waitFor(
      'it to be told',
      async () => (await cronJobs.get('default', 'calm')).status.active?.[0]?.uid === first?.metadata.uid,
    );
    await manager.stop();
    await manager.start();
    await jobs.delete('default', first?.metadata.name ?? '', { propagationPolicy: 'Background' });
    const [next] = await waitFor('the next', async () => {
      const found = (await jobsOf('calm')).filter(each => each.metadata.uid !== first?.metadata.uid);
      return found.length > 0 ? found : undefined;
    });
    expect(next?.metadata.ownerReferences?.[0]).toMatchObject({ kind: 'CronJob', name: 'calm', controller: true });
    expect((await jobsOf('calm')).length).toBe(1);
    await cronJobs.delete('default', 'calm', { propagationPolicy: 'Background' });
    await waitFor('its job to go with it', async () => (await jobsOf('calm')).length === 0);
  });

  it('stand still while they are suspended', async () => {
    await create('still', { suspend: true });
    await create('beside', {});
    await waitFor('another to have a job', async () => (await jobsOf('beside')).length > 0);
    expect(await jobsOf('still')).toEqual([]);
  });
});
