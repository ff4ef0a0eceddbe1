import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClusterNode, clusterNode, MANIFESTS } from '../harness/cluster-node.ts';
import { killAndRestart } from '../harness/fault.ts';
import { podManifest, WAIT } from '../harness/kubelet.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';

let node: ClusterNode;
let name: string;
beforeAll(async () => {
  node = await clusterNode();
  name = `static-${node.name}`;
});
afterAll(() => node?.delete());

function write(script: string): void {
  const { host } = node.target;
  writeFileSync(host.path(`${MANIFESTS}/.static.yaml`), podManifest('static', script));
  renameSync(host.path(`${MANIFESTS}/.static.yaml`), host.path(`${MANIFESTS}/static.yaml`));
}

describe('a static pod in the API server', () => {
  it('is shown as it runs, owned by its Node', async () => {
    write(WAIT);
    const { metadata, status } = await node.running(name);
    const owner = await node.nodes.get('', node.name);
    expect(metadata.annotations).toMatchObject({ 'kubernetes.io/config.source': 'file' });
    expect(metadata.annotations?.['kubernetes.io/config.mirror']).toBe(
      metadata.annotations?.['kubernetes.io/config.hash'],
    );
    expect(metadata.ownerReferences).toMatchObject([{ kind: 'Node', uid: owner.metadata.uid, controller: true }]);
    expect(status).toMatchObject({ phase: 'Running', podIP: expect.stringMatching(/^10\.244\./) });
  });

  it('comes again when it is deleted, and its containers run on, over a kill -9 too', async () => {
    const before = await node.running(name);
    await node.pods.delete('default', name);
    const again = await node.until('to be another', name, each => {
      const ready = each?.status?.conditions?.some(c => c.type === 'Ready' && c.status === 'True');
      return ready === true && each?.metadata.uid !== before.metadata.uid;
    });
    expect(again?.status?.containerStatuses).toEqual(before.status?.containerStatuses);
    await node.kubelet.stop();
    await node.pods.delete('default', name, { gracePeriodSeconds: 0 });
    node.kubelet.start();
    expect((await node.running(name)).status?.containerStatuses).toEqual(before.status?.containerStatuses);
    await killAndRestart(node.kubelet);
    expect((await node.running(name)).status?.containerStatuses).toEqual(before.status?.containerStatuses);
  });

  it('is replaced when its manifest changes', async () => {
    const before = await node.running(name);
    write(`: changed; ${WAIT}`);
    const after = await node.until('to be the changed one', name, each => {
      const ready = each?.status?.conditions?.some(c => c.type === 'Ready' && c.status === 'True');
      return ready === true && each?.metadata.uid !== before.metadata.uid;
    });
    expect(after?.status?.containerStatuses?.[0]?.containerID).not.toBe(
      before.status?.containerStatuses?.[0]?.containerID,
    );
  });

  it('goes with its manifest, also while the kubelet was away', async () => {
    await node.kubelet.stop();
    rmSync(node.target.host.path(`${MANIFESTS}/static.yaml`));
    node.kubelet.start();
    await node.gone(name);
    await expectNoLeftovers(node.target);
  });
});
