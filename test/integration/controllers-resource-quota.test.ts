import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigMap, Pod, ResourceList, ResourceQuota } from '../../src/api/types/gen/core-v1.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { CONFIG_MAPS, PODS, RESOURCE_QUOTAS } from '../../src/controllers/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

const FLAGS = ['--leader-elect=false', '--controllers=resourcequota,serviceaccount'];

describe('quotas', () => {
  let server: TestApiServer;
  let manager: TestControllerManager;
  let connection: ApiConnection;
  let quotas: ResourceClient<ResourceQuota>;
  let pods: ResourceClient<Pod>;
  let maps: ResourceClient<ConfigMap>;

  const quota = (name: string, hard: ResourceList): ResourceQuota =>
    ({ metadata: { name, namespace: 'default' }, spec: { hard } }) as unknown as ResourceQuota;
  const pod = (name: string): Pod =>
    ({
      metadata: { name, namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'registry.test/c:1', resources: { requests: { cpu: '250m' } } }] },
    }) as unknown as Pod;
  const map = (name: string): ConfigMap => ({ metadata: { name, namespace: 'default' } }) as ConfigMap;

  const uses = (name: string, used: ResourceList): Promise<void> =>
    waitFor(`${name} to use ${JSON.stringify(used)}`, async saw => {
      const { status } = await quotas.get('default', name);
      saw({ status, log: manager.log.slice(-400) });
      return isDeepStrictEqual(status.used, used);
    }).then(() => {});

  beforeAll(async () => {
    server = await TestApiServer.start();
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    quotas = new ResourceClient<ResourceQuota>(connection, RESOURCE_QUOTAS);
    pods = new ResourceClient<Pod>(connection, PODS);
    maps = new ResourceClient<ConfigMap>(connection, CONFIG_MAPS);
    manager = await TestControllerManager.start(kubeconfig, FLAGS);
  });

  afterAll(async () => {
    connection?.close();
    await manager?.stop();
    await server?.remove();
  });

  it('give back what a pod took as soon as it has ended', async () => {
    await quotas.create(quota('compute', { pods: '3', 'requests.cpu': '1' }));
    await uses('compute', { pods: '0', 'requests.cpu': '0' });
    await waitFor('the pods to be taken', async () => {
      await pods.create(pod('one'));
      return true;
    });
    await pods.create(pod('two'));
    await uses('compute', { pods: '2', 'requests.cpu': '500m' });
    const target = { namespace: 'default', name: 'one', subresource: 'status' };
    await pods.patch(target, 'merge', { status: { phase: 'Succeeded' } });
    await uses('compute', { pods: '1', 'requests.cpu': '250m' });
    await pods.delete('default', 'two', { gracePeriodSeconds: 0 });
    await uses('compute', { pods: '0', 'requests.cpu': '0' });
  });

  it('follow a change of what they limit, and count what was there before', async () => {
    await maps.create(map('older'));
    await quotas.create(quota('grown', { 'count/configmaps': '500' }));
    await uses('grown', { 'count/configmaps': '1' });
    await quotas.patch({ namespace: 'default', name: 'grown' }, 'merge', { spec: { hard: { configmaps: '700' } } });
    await uses('grown', { 'count/configmaps': '1', configmaps: '1' });
    expect((await quotas.get('default', 'grown')).status.hard).toEqual({
      'count/configmaps': '500',
      configmaps: '700',
    });
  });

  it('are right again after kill -9 of the controllers amid many deletes', async () => {
    await quotas.create(quota('busy', { 'count/configmaps': '100' }));
    await uses('busy', { 'count/configmaps': '1' });
    const names = Array.from({ length: 40 }, (_, index) => `busy-${index}`);
    await Promise.all(names.map(name => maps.create(map(name))));
    await uses('busy', { 'count/configmaps': '41' });
    const deletes = names.slice(0, 30).map(name => maps.delete('default', name));
    await manager.stop();
    await Promise.all(deletes);
    await manager.start();
    await uses('busy', { 'count/configmaps': '11' });
  });
});
