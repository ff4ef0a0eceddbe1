import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClusterRole, PolicyRule } from '../../src/api/types/gen/rbac-v1.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { CLUSTER_ROLES } from '../../src/controllers/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

describe('roles that are made of others', () => {
  let server: TestApiServer;
  let manager: TestControllerManager;
  let connection: ApiConnection;
  let roles: ResourceClient<ClusterRole>;

  const rule = (resource: string): PolicyRule => ({
    verbs: ['get'],
    apiGroups: ['example.com'],
    resources: [resource],
  });
  const part = (name: string, labels: Record<string, string>): ClusterRole => ({
    metadata: { name, labels },
    rules: [rule(name)],
  });
  const has = (name: string, wanted: readonly string[]): Promise<true> =>
    waitFor(`${name} to have ${wanted.join()}`, async saw => {
      const { rules } = await roles.get('', name);
      saw({ rules, log: manager.log.slice(-400) });
      const resources = (rules ?? []).flatMap(each => each.resources ?? []);
      return JSON.stringify(resources) === JSON.stringify(wanted);
    });

  beforeAll(async () => {
    server = await TestApiServer.start();
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    roles = new ResourceClient<ClusterRole>(connection, CLUSTER_ROLES);
    manager = await TestControllerManager.start(kubeconfig, [
      '--leader-elect=false',
      '--controllers=clusterrole-aggregation',
    ]);
  });

  afterAll(async () => {
    connection?.close();
    await manager?.stop();
    await server?.remove();
  });

  it('get the rules of those as they come, change and go, over kill -9 of the controllers', async () => {
    const selector = (sum: string): ClusterRole['aggregationRule'] => ({
      clusterRoleSelectors: [{ matchLabels: { sum } }],
    });
    await roles.create({ metadata: { name: 'outer' }, rules: [], aggregationRule: selector('outer') });
    await roles.create({
      metadata: { name: 'inner', labels: { sum: 'outer' } },
      rules: [],
      aggregationRule: selector('inner'),
    });
    await roles.create(part('first', { sum: 'inner' }));
    await has('inner', ['first']);
    await has('outer', ['first']);
    await roles.create(part('another', { sum: 'inner' }));
    await has('outer', ['another', 'first']);
    await manager.stop();
    await roles.delete('', 'first');
    await manager.start();
    await has('inner', ['another']);
    await has('outer', ['another']);
  });

  it('fill the roles that every cluster has', async () => {
    const admin = await waitFor('the rules of admin', async () => {
      const found = await roles.get('', 'admin');
      return (found.rules ?? []).length > 0 && found;
    });
    const resources = admin.rules.flatMap(each => each.resources ?? []);
    expect(resources).toEqual(expect.arrayContaining(['pods', 'rolebindings', 'deployments']));
  });
});
