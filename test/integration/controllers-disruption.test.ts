import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { timeOf } from '../../src/api/time.ts';
import type { DaemonSet, Deployment } from '../../src/api/types/gen/apps-v1.ts';
import type { Pod } from '../../src/api/types/gen/core-v1.ts';
import type { PodDisruptionBudget } from '../../src/api/types/gen/policy-v1.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { DAEMON_SETS, DEPLOYMENTS, POD_DISRUPTION_BUDGETS, PODS } from '../../src/controllers/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

describe('disruption budgets', () => {
  let server: TestApiServer;
  let manager: TestControllerManager;
  let connection: ApiConnection;
  let pods: ResourceClient<Pod>;
  let budgets: ResourceClient<PodDisruptionBudget>;

  const labels = (app: string) => ({ app });
  const template = (app: string) => ({
    metadata: { labels: labels(app) },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  });
  const budget = (name: string, spec: object): PodDisruptionBudget =>
    ({
      metadata: { namespace: 'default', name },
      spec: { selector: { matchLabels: labels(name) }, ...spec },
    }) as unknown as PodDisruptionBudget;
  const until = (name: string, wanted: object): Promise<true> =>
    waitFor(`the budget ${name} to be ${JSON.stringify(wanted)}`, async saw => {
      const { status } = await budgets.get('default', name);
      saw({ status, log: manager.log.slice(-500) });
      expect(status).toMatchObject(wanted);
      return true;
    });
  const makeReady = async (app: string, count: number): Promise<readonly string[]> => {
    const found = await waitFor(`${count} pods of ${app}`, async () => {
      const { items } = await pods.list('default', { labelSelector: `app=${app}` });
      return items.length === count && items;
    });
    const names = found.map(({ metadata }) => metadata.name ?? '').toSorted();
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: timeOf(Date.now()) }];
    // a pod that does not run yet is evicted whatever its budget says
    const status = { phase: 'Running', conditions };
    for (const name of names)
      await pods.patch({ namespace: 'default', name, subresource: 'status' }, 'strategic', { status });
    return names;
  };
  const evict = (name: string): Promise<object> =>
    pods.createSubresource('default', name, 'eviction', { metadata: { namespace: 'default', name } });

  beforeAll(async () => {
    server = await TestApiServer.start();
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    pods = new ResourceClient<Pod>(connection, PODS);
    budgets = new ResourceClient<PodDisruptionBudget>(connection, POD_DISRUPTION_BUDGETS);
    manager = await TestControllerManager.start(server.kubeconfigFor('system:kube-controller-manager', []), [
      '--leader-elect=false',
      '--use-service-account-credentials=true',
      '--controllers=disruption,deployment,replicaset,serviceaccount',
    ]);
  });

  afterAll(async () => {
    connection?.close();
    await manager?.stop();
    await server?.remove();
  });

  it('let as many pods be evicted as may be missing, over kill -9 of the controllers', async () => {
    await new ResourceClient<Deployment>(connection, DEPLOYMENTS).create({
      metadata: { namespace: 'default', name: 'web' },
      spec: { replicas: 4, selector: { matchLabels: labels('web') }, template: template('web') },
    } as unknown as Deployment);
    await budgets.create(budget('web', { maxUnavailable: '25%' }));
    const names = await makeReady('web', 4);
    await until('web', { expectedPods: 4, desiredHealthy: 3, currentHealthy: 4, disruptionsAllowed: 1 });
    await manager.stop();
    const [first = '', second = ''] = names;
    await evict(first);
    await expect(evict(second)).rejects.toThrow("Cannot evict pod as it would violate the pod's disruption budget.");
    await manager.start();
    await until('web', { expectedPods: 4, currentHealthy: 3, disruptionsAllowed: 0 });
    await makeReady('web', 4);
    await until('web', { currentHealthy: 4, disruptionsAllowed: 1, conditions: [{ reason: 'SufficientPods' }] });
    await evict(second);
  });

  it('say why they cannot tell how many pods there should be', async () => {
    const set = await new ResourceClient<DaemonSet>(connection, DAEMON_SETS).create({
      metadata: { namespace: 'default', name: 'each' },
      spec: { selector: { matchLabels: labels('each') }, template: template('each') },
    } as unknown as DaemonSet);
    const owner = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'each', uid: set.metadata.uid, controller: true };
    await pods.create({
      metadata: { namespace: 'default', name: 'each-1', labels: labels('each'), ownerReferences: [owner] },
      spec: template('each').spec,
    } as unknown as Pod);
    await budgets.create(budget('each', { maxUnavailable: 1 }));
    const message = 'daemonsets.apps does not implement the scale subresource';
    await until('each', { disruptionsAllowed: 0, conditions: [{ reason: 'SyncFailed', message }] });
  });
});
