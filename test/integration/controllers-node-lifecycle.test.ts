import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { timeOf } from '../../src/api/time.ts';
import type { Lease } from '../../src/api/types/gen/coordination-v1.ts';
import type { Event, Node, Pod } from '../../src/api/types/gen/core-v1.ts';
import { isNotFound } from '../../src/base/errors.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { EVENTS, LEASES, NODES, PODS } from '../../src/controllers/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

describe('a node that is lost', () => {
  let server: TestApiServer;
  let manager: TestControllerManager;
  let connection: ApiConnection;
  let nodes: ResourceClient<Node>;
  let pods: ResourceClient<Pod>;
  let leases: ResourceClient<Lease>;
  const stopRenewing = new AbortController();
  const renewing = new Set(['well', 'cut-off']);

  const reports = async (name: string): Promise<void> => {
    const now = timeOf(Date.now());
    const condition = { type: 'Ready', status: 'True', reason: 'KubeletReady', lastHeartbeatTime: now, lastTransitionTime: now }; // biome-ignore format: one condition
    await nodes.patch({ namespace: '', name, subresource: 'status' }, 'strategic', {
      status: { conditions: [condition] },
    });
  };
  const renew = async (name: string): Promise<void> => {
    const spec = { renewTime: new Date().toISOString().replace('Z', '000Z') };
    await leases.patch({ namespace: 'kube-node-lease', name }, 'merge', { spec });
  };
  const node = (name: string): Promise<Node> => nodes.get('', name);
  const taintsOf = ({ spec }: Node): readonly string[] =>
    (spec.taints ?? []).map(({ key, effect }) => `${key}:${effect}`).toSorted();
  const podOn = (nodeName: string, name: string, tolerationSeconds: number): Pod =>
    ({
      metadata: { namespace: 'default', name },
      spec: {
        nodeName,
        containers: [{ name: 'c', image: 'i' }],
        terminationGracePeriodSeconds: 1,
        tolerations: ['not-ready', 'unreachable'].map(key => ({
          key: `node.kubernetes.io/${key}`,
          operator: 'Exists',
          effect: 'NoExecute',
          tolerationSeconds,
        })),
      },
    }) as unknown as Pod;

  beforeAll(async () => {
    server = await TestApiServer.start();
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    nodes = new ResourceClient<Node>(connection, NODES);
    pods = new ResourceClient<Pod>(connection, PODS);
    leases = new ResourceClient<Lease>(connection, LEASES);
    for (const name of renewing) {
      await nodes.create({ metadata: { name } } as Node);
      await reports(name);
      await leases.create({ metadata: { namespace: 'kube-node-lease', name }, spec: { holderIdentity: name } });
    }
    const beat = (): void => {
      if (stopRenewing.signal.aborted) return;
      void Promise.allSettled([...renewing].map(renew)).then(() => setTimeout(beat, 300));
    };
    beat();
    manager = await TestControllerManager.start(server.kubeconfigFor('system:kube-controller-manager', []), [
      '--leader-elect=false',
      '--use-service-account-credentials=true',
      '--controllers=nodelifecycle,taint-eviction-controller,serviceaccount',
      '--node-monitor-period=200ms',
      '--node-monitor-grace-period=2s',
    ]);
    const accounts = { group: '', version: 'v1', plural: 'serviceaccounts' };
    await waitFor('a service account for the pods', () =>
      new ResourceClient(connection, accounts).get('default', 'default').then(() => true),
    );
  });

  afterAll(async () => {
    stopRenewing.abort();
    connection?.close();
    await manager?.stop();
    await server?.remove();
  });

  it('is marked and emptied, over kill -9 of the controllers, and comes back clean', async () => {
    await pods.create(podOn('cut-off', 'short', 1));
    await pods.create(podOn('cut-off', 'long', 3600));
    await pods.create(podOn('well', 'elsewhere', 1));
    const started = { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: timeOf(Date.now()) }] };
    await pods.patch({ namespace: 'default', name: 'long', subresource: 'status' }, 'strategic', { status: started });
    await waitFor('nodes without taints', async saw => {
      const taints = [...taintsOf(await node('well')), ...taintsOf(await node('cut-off'))];
      saw({ taints, log: manager.log.slice(-400) });
      return taints.length === 0;
    });

    renewing.delete('cut-off');
    await waitFor('the node to be unknown', async saw => {
      const { status } = await node('cut-off');
      saw({ status, log: manager.log.slice(-400) });
      return status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'Unknown');
    });
    await manager.stop();
    await manager.start();
    await waitFor('the node to be tainted', async saw => {
      const taints = taintsOf(await node('cut-off'));
      saw({ taints, log: manager.log.slice(-400) });
      const both = ['node.kubernetes.io/unreachable:NoExecute', 'node.kubernetes.io/unreachable:NoSchedule'];
      return JSON.stringify(taints) === JSON.stringify(both);
    });
    const evicted = await waitFor('its pod to go', async saw => {
      const pod = await pods.get('default', 'short');
      saw({ pod, log: manager.log.slice(-400) });
      return pod.metadata.deletionTimestamp !== undefined && pod;
    });
    expect(evicted.status.conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager' }),
    );
    await waitFor('the other pod not to be ready', async () => {
      const { status } = await pods.get('default', 'long');
      return status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'False');
    });

    renewing.add('cut-off');
    await reports('cut-off');
    await waitFor('the node to be clean', async saw => {
      const taints = taintsOf(await node('cut-off'));
      saw({ taints, log: manager.log.slice(-400) });
      return taints.length === 0;
    });
    for (const name of ['long', 'elsewhere'])
      expect((await pods.get('default', name)).metadata.deletionTimestamp).toBeUndefined();
    const events = await new ResourceClient<Event>(connection, EVENTS).list('default');
    const reasons = new Set(events.items.map(({ reason }) => reason));
    expect([...reasons]).toEqual(expect.arrayContaining(['RegisteredNode', 'NodeNotReady', 'TaintManagerEviction']));
    const isEvicted = await pods
      .get('default', 'short')
      .then(({ metadata }) => metadata.deletionTimestamp !== undefined, isNotFound);
    expect(isEvicted).toBe(true);
  });
});
