import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigMap, Namespace, Secret } from '../../src/api/types/gen/core-v1.ts';
import { isNotFound } from '../../src/base/errors.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { CONFIG_MAPS, NAMESPACES, SECRETS } from '../../src/controllers/resources.ts';
import { detachedSignature } from '../../src/pki/detached-jws.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

describe('bootstrap tokens', () => {
  let server: TestApiServer;
  let manager: TestControllerManager;
  let connection: ApiConnection;
  let maps: ResourceClient<ConfigMap>;
  let secrets: ResourceClient<Secret>;

  const tokenOf = (id: string, more: Record<string, string> = {}): Secret =>
    ({
      metadata: { namespace: 'kube-system', name: `bootstrap-token-${id}` },
      type: 'bootstrap.kubernetes.io/token',
      stringData: { 'token-id': id, 'token-secret': '0123456789abcdef', 'usage-bootstrap-signing': 'true', ...more },
    }) as Secret;
  const hasSignatures = (content: string, ids: readonly string[]): Promise<true> =>
    waitFor(`cluster-info to be signed by ${ids.join()}`, async saw => {
      const { data = {} } = await maps.get('kube-public', 'cluster-info');
      saw({ data, log: manager.log.slice(-400) });
      const signatures = ids.map(id => [
        `jws-kubeconfig-${id}`,
        detachedSignature(content, { id, secret: '0123456789abcdef' }),
      ]);
      const wanted = Object.fromEntries([['kubeconfig', content], ...signatures]);
      return JSON.stringify(Object.entries(data).sort()) === JSON.stringify(Object.entries(wanted).sort());
    });

  beforeAll(async () => {
    server = await TestApiServer.start();
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    maps = new ResourceClient<ConfigMap>(connection, CONFIG_MAPS);
    secrets = new ResourceClient<Secret>(connection, SECRETS);
    await waitFor('the namespaces of the system', async () => {
      const namespaces = new ResourceClient<Namespace>(connection, NAMESPACES);
      return (await namespaces.list('')).items.some(({ metadata }) => metadata.name === 'kube-public');
    });
    manager = await TestControllerManager.start(server.kubeconfigFor('system:kube-controller-manager', []), [
      '--leader-elect=false',
      '--use-service-account-credentials=true',
      '--controllers=bootstrapsigner,tokencleaner',
    ]);
  });

  afterAll(async () => {
    connection?.close();
    await manager?.stop();
    await server?.remove();
  });

  it('sign cluster-info as they and it come, change and go, over kill -9 of the controllers', async () => {
    await secrets.create(tokenOf('aaaaaa'));
    const metadata = { namespace: 'kube-public', name: 'cluster-info' };
    await maps.create({ metadata, data: { kubeconfig: 'first' } });
    await hasSignatures('first', ['aaaaaa']);
    await secrets.create(tokenOf('bbbbbb'));
    await hasSignatures('first', ['aaaaaa', 'bbbbbb']);
    await manager.stop();
    await secrets.delete('kube-system', 'bootstrap-token-aaaaaa');
    await maps.patch(metadata, 'merge', { data: { kubeconfig: 'second' } });
    await manager.start();
    await hasSignatures('second', ['bbbbbb']);
  });

  it('are deleted when they are over, and no others', async () => {
    const expiration = new Date(Date.now() + 2000).toISOString().replace(/\.\d+/, '');
    await secrets.create(tokenOf('cccccc', { expiration }));
    await secrets.create(tokenOf('dddddd', { expiration: '2999-01-01T00:00:00Z' }));
    await waitFor('the token to be gone', () =>
      secrets.get('kube-system', 'bootstrap-token-cccccc').then(() => false, isNotFound),
    );
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expiration));
    await hasSignatures('second', ['bbbbbb', 'dddddd']);
  });
});
