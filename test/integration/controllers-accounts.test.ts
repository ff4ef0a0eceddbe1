import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deployment } from '../../src/api/types/gen/apps-v1.ts';
import type { ConfigMap, Namespace, Pod, ServiceAccount } from '../../src/api/types/gen/core-v1.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { CONFIG_MAPS, NAMESPACES, PODS, SERVICE_ACCOUNTS } from '../../src/controllers/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

describe('controllers that work as accounts of their own', () => {
  let server: TestApiServer;
  let manager: TestControllerManager;
  let connection: ApiConnection;
  const of = <T extends { metadata: object }>(id: ConstructorParameters<typeof ResourceClient>[1]): ResourceClient<T> =>
    new ResourceClient<T>(connection, id);

  beforeAll(async () => {
    server = await TestApiServer.start();
    connection = new ApiConnection(readKubeconfig(server.kubeconfigFor('admin', ['system:masters'])), {
      userAgent: 'gantry-test',
    });
    manager = await TestControllerManager.start(server.kubeconfigFor('system:kube-controller-manager', []), [
      '--use-service-account-credentials=true',
      '--leader-elect=false',
    ]);
  });
  afterAll(async () => {
    connection?.close();
    await manager?.stop();
    await server?.remove();
  });

  it('have the rights that their work takes, as the user of the controller manager alone has not', async () => {
    const labels = { app: 'web' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'x' }] } };
    await waitFor('the account of pods', () => of<ServiceAccount>(SERVICE_ACCOUNTS).get('default', 'default'));
    await of<Deployment>({ group: 'apps', version: 'v1', plural: 'deployments' }).create({
      metadata: { name: 'web', namespace: 'default' },
      spec: { replicas: 2, selector: { matchLabels: labels }, template },
    } as unknown as Deployment);
    await waitFor('two pods', async saw => {
      saw(manager.log.slice(-600));
      return (await of<Pod>(PODS).list('default')).items.length === 2;
    });
    const accounts = await of<ServiceAccount>(SERVICE_ACCOUNTS).list('kube-system');
    expect(accounts.items.map(({ metadata }) => metadata.name)).toEqual(
      expect.arrayContaining(['deployment-controller', 'replicaset-controller', 'root-ca-cert-publisher']),
    );
    expect(manager.log).not.toContain('forbidden');
  });

  it('go on with a token of the account that is made when theirs was deleted', async () => {
    await of<ServiceAccount>(SERVICE_ACCOUNTS).delete('kube-system', 'root-ca-cert-publisher');
    await of<Namespace>(NAMESPACES).create({ metadata: { name: 'later' } } as Namespace);
    await waitFor('the bundle of a new namespace', () => of<ConfigMap>(CONFIG_MAPS).get('later', 'kube-root-ca.crt'));
    const again = await of<ServiceAccount>(SERVICE_ACCOUNTS).get('kube-system', 'root-ca-cert-publisher');
    expect(again.metadata.name).toBe('root-ca-cert-publisher');
  });
});
