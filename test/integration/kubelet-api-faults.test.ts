import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAULT_POINTS, type FaultPoint } from '../../src/linux/fault-point.ts';
import { boundPod, type ClusterNode, clusterNode } from '../harness/cluster-node.ts';
import { armFault, waitForRestart } from '../harness/fault.ts';
import { WAIT } from '../harness/kubelet.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { waitFor } from '../harness/wait-for.ts';

const POINTS = FAULT_POINTS.filter(point => point.startsWith('kubelet/'));

let node: ClusterNode;
beforeAll(async () => {
  node = await clusterNode();
  // one that is killed while it starts may have taken the first fault with it
  await waitFor('the kubelet to be at work', () => node.nodes.get('', node.name));
});
afterAll(() => node?.delete());

describe('kill -9 of a kubelet with an API server', () => {
  it.each(POINTS)(
    'at %s: the pod runs once, leaves the API server, and nothing of it is left',
    async (point: FaultPoint) => {
      const doomed = await armFault(node.target.host, node.kubelet, point);
      await node.pods.create(boundPod(node.name, 'once', WAIT));
      const pod = await node.running('once');
      expect(pod.status?.containerStatuses?.[0]?.restartCount).toBe(0);
      expect((await node.target.client.listContainers({ filter: undefined })).containers).toHaveLength(1);
      await node.pods.delete('default', 'once');
      await waitForRestart(node.kubelet, doomed);
      await node.gone('once');
      await expectNoLeftovers(node.target);
    },
  );

  it('between the last status of a pod that ended and its deletion: both come', async () => {
    await node.pods.create(boundPod(node.name, 'ends', 'trap "exit 5" TERM; sleep 100000 & wait'));
    await node.running('ends');
    await node.pods.patch({ namespace: 'default', name: 'ends' }, 'merge', {
      metadata: { finalizers: ['example.com/look'] },
    });
    const doomed = await armFault(node.target.host, node.kubelet, 'kubelet/pod/sandbox-removed');
    await node.pods.delete('default', 'ends');
    await waitForRestart(node.kubelet, doomed);
    const ended = await node.until('to be let go', 'ends', each => each?.metadata.deletionGracePeriodSeconds === 0);
    expect(ended?.status).toMatchObject({
      phase: 'Failed',
      containerStatuses: [{ state: { terminated: { exitCode: 5 } } }],
    });
    await node.pods.patch({ namespace: 'default', name: 'ends' }, 'merge', { metadata: { finalizers: null } });
    await node.gone('ends');
    await expectNoLeftovers(node.target);
  });
});
