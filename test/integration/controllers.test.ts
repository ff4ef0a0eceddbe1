import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigMap, Namespace, Pod, ServiceAccount } from '../../src/api/types/gen/core-v1.ts';
import { askHealthz, type ComponentHealth } from '../../src/apiserver/component-health.ts';
import { isNotFound } from '../../src/base/errors.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { CONFIG_MAPS, NAMESPACES, PODS, SERVICE_ACCOUNTS } from '../../src/controllers/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

describe('the controller manager', () => {
  let server: TestApiServer;
  let kubeconfig: string;
  let connection: ApiConnection;
  let namespaces: ResourceClient<Namespace>;
  let maps: ResourceClient<ConfigMap>;
  let accounts: ResourceClient<ServiceAccount>;
  let pods: ResourceClient<Pod>;
  let manager: TestControllerManager;

  const makeNamespace = (name: string): Promise<Namespace> => namespaces.create({ metadata: { name } } as Namespace);
  const isGone = (name: string): Promise<boolean> =>
    namespaces.get('', name).then(
      () => false,
      error => isNotFound(error),
    );

  beforeAll(async () => {
    server = await TestApiServer.start();
    kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    namespaces = new ResourceClient<Namespace>(connection, NAMESPACES);
    maps = new ResourceClient<ConfigMap>(connection, CONFIG_MAPS);
    accounts = new ResourceClient<ServiceAccount>(connection, SERVICE_ACCOUNTS);
    pods = new ResourceClient<Pod>(connection, PODS);
    manager = await TestControllerManager.start(kubeconfig);
  });

  afterAll(async () => {
    connection?.close();
    await manager?.stop();
    await server?.remove();
  });

  it('gives every namespace its service account and the CA bundle, and gives them again', async () => {
    await makeNamespace('team');
    await waitFor('the account', saw => {
      saw(manager.log.slice(-500));
      return accounts.get('team', 'default');
    });
    const bundle = await waitFor('the bundle', () => maps.get('team', 'kube-root-ca.crt'));
    expect(bundle.data?.['ca.crt']).toContain('BEGIN CERTIFICATE');
    expect((await accounts.get('kube-system', 'default')).metadata.name).toBe('default');

    await accounts.delete('team', 'default');
    await waitFor('the account to be back', () => accounts.get('team', 'default'));
    await maps.update({ ...bundle, data: { 'ca.crt': 'wrong' } });
    await waitFor('the bundle to be right again', async () => {
      const found = await maps.get('team', 'kube-root-ca.crt');
      return found.data?.['ca.crt'] === bundle.data?.['ca.crt'];
    });
  });

  it('says by HTTPS that it is well, as componentstatuses ask', async () => {
    const asked = (): Promise<ComponentHealth> => askHealthz(manager.healthzPort, AbortSignal.timeout(5000));
    const said = await waitFor('an answer', async saw => {
      const answer = await asked();
      saw({ answer, log: manager.log.slice(-300) });
      return answer.status === 'True' && answer;
    });
    expect(said).toEqual({ status: 'True', message: 'ok', error: '' });
  });

  it('empties a namespace that is deleted, pods first, and lets it go', async () => {
    await makeNamespace('doomed');
    await waitFor('the account', () => accounts.get('doomed', 'default'));
    await maps.create({ metadata: { namespace: 'doomed', name: 'content' }, data: {} } as ConfigMap);
    const spec = { nodeName: 'somewhere', containers: [{ name: 'c', image: 'registry.test/c:1' }] };
    await pods.create({ metadata: { namespace: 'doomed', name: 'running' }, spec } as unknown as Pod);
    await namespaces.delete('', 'doomed');
    // no kubelet ends the pod: it is marked, and everything else is still there
    await waitFor('the pod to be marked', async () => {
      const pod = await pods.get('doomed', 'running');
      return pod.metadata.deletionTimestamp !== undefined;
    });
    const waiting = await waitFor('the condition', async saw => {
      const found = await namespaces.get('', 'doomed');
      saw(found.status);
      const condition = found.status.conditions?.find(c => c.type === 'NamespaceContentRemaining');
      return condition?.status === 'True' ? condition : undefined;
    });
    expect(waiting.message).toBe('Some resources are remaining: pods has 1 resource instances');
    expect((await maps.get('doomed', 'content')).metadata.name).toBe('content');
    await pods.delete('doomed', 'running', { gracePeriodSeconds: 0 });
    await waitFor('the namespace to be gone', () => isGone('doomed'), { timeoutMs: 5_000 });
    expect((await maps.list('doomed')).items).toEqual([]);
  });

  it('waits for finalizers of others, and says for which', async () => {
    await makeNamespace('held');
    const metadata = { namespace: 'held', name: 'kept', finalizers: ['example.com/keep'] };
    await maps.create({ metadata, data: {} } as ConfigMap);
    await namespaces.delete('', 'held');
    const condition = await waitFor('the condition', async () => {
      const found = await namespaces.get('', 'held');
      return found.status.conditions?.find(c => c.type === 'NamespaceFinalizersRemaining' && c.status === 'True');
    });
    expect(condition.message).toBe(
      'Some content in the namespace has finalizers remaining: example.com/keep in 1 resource instances',
    );
    await maps.patch({ namespace: 'held', name: 'kept' }, 'merge', { metadata: { finalizers: null } });
    await waitFor('the namespace to be gone', () => isGone('held'));
  });

  it('goes on after kill -9 of itself: another one takes over when the lease has run out', async () => {
    await makeNamespace('between');
    await waitFor('the account', () => accounts.get('between', 'default'));
    await manager.stop();
    await makeNamespace('after');
    await manager.start();
    await waitFor('the account of a namespace made meanwhile', () => accounts.get('after', 'default'), {
      timeoutMs: 30_000,
    });
  });

  it('gives the lease back when it is asked to stop', async () => {
    expect(await manager.stop('SIGTERM')).toBe(0);
    await manager.start();
    await waitFor('the next one to lead', () => /"msg":"leading"/.test(manager.log), { timeoutMs: 5_000 });
  });
});
