import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { timeOf } from '../../src/api/time.ts';
import type { ControllerRevision, DaemonSet } from '../../src/api/types/gen/apps-v1.ts';
import type { Node, Pod } from '../../src/api/types/gen/core-v1.ts';
import { isNotFound } from '../../src/base/errors.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { nodeOfDaemon } from '../../src/controllers/daemonset/daemon-pod.ts';
import { CONTROLLER_REVISIONS, DAEMON_SETS, NODES, PODS } from '../../src/controllers/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

const TARGET = { namespace: 'default', name: 'agent' };

describe('a daemon set', () => {
  let server: TestApiServer;
  let manager: TestControllerManager;
  let connection: ApiConnection;
  let nodes: ResourceClient<Node>;
  let pods: ResourceClient<Pod>;
  let sets: ResourceClient<DaemonSet>;
  let revisions: ResourceClient<ControllerRevision>;

  /** What a scheduler and kubelets do. */
  const runNodes = async (): Promise<void> => {
    for (const pod of (await pods.list('default')).items) {
      const { name = '', deletionTimestamp } = pod.metadata;
      const target = { namespace: 'default', name, subresource: 'status' };
      const done =
        deletionTimestamp !== undefined
          ? pods.delete('default', name, { gracePeriodSeconds: 0 })
          : (pod.spec.nodeName ?? '') === ''
            ? pods.createSubresource('default', name, 'binding', {
                apiVersion: 'v1',
                kind: 'Binding',
                metadata: { namespace: 'default', name },
                target: { kind: 'Node', name: nodeOfDaemon(pod) },
              })
            : pods.patch(target, 'strategic', {
                status: {
                  phase: 'Running',
                  conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: timeOf(Date.now()) }],
                },
              });
      await done.catch(error => {
        if (!isNotFound(error)) throw error;
      });
    }
  };
  /** A new node is tainted until somebody says that it is ready. */
  const addNode = async (name: string): Promise<void> => {
    await nodes.create({ metadata: { name } } as Node);
    await nodes.patch({ namespace: '', name }, 'strategic', { spec: { taints: null } });
  };
  const placed = async (): Promise<readonly string[]> =>
    (await pods.list('default')).items
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(pod => `${pod.spec.nodeName}: ${pod.spec.containers[0]?.image}`)
      .toSorted();
  const until = (wanted: readonly string[], status: Partial<DaemonSet['status']>): Promise<boolean> =>
    waitFor(`the pods ${wanted.join()}`, async saw => {
      await runNodes();
      const set = await sets.get(TARGET.namespace, TARGET.name);
      const found = await placed();
      saw({ found, status: set.status, log: manager.log.slice(-500) });
      const counts = { ...status, observedGeneration: set.metadata.generation };
      const isTold = Object.entries(counts).every(([name, count]) => set.status[name as 'numberReady'] === count);
      return isTold && JSON.stringify(found) === JSON.stringify(wanted);
    });
  const setImage = (image: string) =>
    sets.patch(TARGET, 'strategic', { spec: { template: { spec: { containers: [{ name: 'c', image }] } } } });

  beforeAll(async () => {
    server = await TestApiServer.start();
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    nodes = new ResourceClient<Node>(connection, NODES);
    pods = new ResourceClient<Pod>(connection, PODS);
    sets = new ResourceClient<DaemonSet>(connection, DAEMON_SETS);
    revisions = new ResourceClient<ControllerRevision>(connection, CONTROLLER_REVISIONS);
    for (const name of ['a', 'b']) await addNode(name);
    manager = await TestControllerManager.start(server.kubeconfigFor('system:kube-controller-manager', []), [
      '--leader-elect=false',
      '--use-service-account-credentials=true',
      '--controllers=daemonset,serviceaccount',
    ]);
    await sets.create({
      metadata: TARGET,
      spec: {
        selector: { matchLabels: { app: 'agent' } },
        template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'c', image: 'v1' }] } },
        updateStrategy: { type: 'RollingUpdate' },
        revisionHistoryLimit: 1,
      },
    } as unknown as DaemonSet);
  });

  afterAll(async () => {
    connection?.close();
    await manager?.stop();
    await server?.remove();
  });

  it('has a pod on each node, those that come too, and none where it does not fit', async () => {
    await until(['a: v1', 'b: v1'], { desiredNumberScheduled: 2, numberAvailable: 2 });
    await addNode('c');
    await until(['a: v1', 'b: v1', 'c: v1'], { desiredNumberScheduled: 3, numberAvailable: 3 });
    const taints = [{ key: 'mine', effect: 'NoExecute' }];
    await nodes.patch({ namespace: '', name: 'c' }, 'strategic', { spec: { taints } });
    await until(['a: v1', 'b: v1'], { desiredNumberScheduled: 2, numberMisscheduled: 0 });
  });

  it('updates one node after the other, over kill -9 of the controllers, and goes back', async () => {
    await setImage('v2');
    await waitFor('the first old pod to go', async () =>
      (await pods.list('default')).items.some(({ metadata }) => metadata.deletionTimestamp !== undefined),
    );
    expect(await placed()).toHaveLength(1);
    await manager.stop();
    await manager.start();
    await until(['a: v2', 'b: v2'], { updatedNumberScheduled: 2, numberAvailable: 2 });
    // as kubectl rollout undo does it
    const before = (await revisions.list('default')).items.find(({ revision }) => revision === 1);
    await sets.patch(TARGET, 'strategic', before?.data as object);
    await until(['a: v1', 'b: v1'], { updatedNumberScheduled: 2, numberAvailable: 2 });
    await setImage('v3');
    await until(['a: v3', 'b: v3'], { updatedNumberScheduled: 2, numberAvailable: 2 });
    await waitFor('old revisions to go', async saw => {
      const numbers = (await revisions.list('default')).items.map(({ revision }) => revision).toSorted();
      saw(numbers);
      return JSON.stringify(numbers) === '[3,4]';
    });
  });
});
