import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lease } from '../../src/api/types/gen/coordination-v1.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { boundPod, type ClusterNode, clusterNode } from '../harness/cluster-node.ts';
import { killAndRestart } from '../harness/fault.ts';
import { WAIT } from '../harness/kubelet.ts';
import { waitFor } from '../harness/wait-for.ts';

let node: ClusterNode;
beforeAll(async () => {
  node = await clusterNode({
    kubeletArgs: ['--node-labels=disk=fast', '--register-with-taints=own=yes:NoSchedule'],
  });
});
afterAll(() => node?.delete());

async function ready(status: 'True' | 'False'): Promise<string> {
  return waitFor(`the node to be ready: ${status}`, async saw => {
    const { conditions = [] } = (await node.nodes.get('', node.name)).status ?? {};
    saw(conditions);
    const found = conditions.find(c => c.type === 'Ready');
    return found?.status === status && `${found.reason}: ${found.message}`;
  });
}

describe('the Node of a kubelet', () => {
  it('is registered with labels, taints and addresses, and ready', async () => {
    expect(await ready('True')).toBe('KubeletReady: kubelet is posting ready status');
    const { metadata, spec, status } = await node.nodes.get('', node.name);
    expect(metadata.labels).toMatchObject({
      'kubernetes.io/hostname': node.name,
      'kubernetes.io/os': 'linux',
      disk: 'fast',
    });
    expect(spec?.taints).toContainEqual({ key: 'own', value: 'yes', effect: 'NoSchedule' });
    expect(status?.addresses).toEqual([
      { type: 'InternalIP', address: '127.0.0.1' },
      { type: 'Hostname', address: node.name },
    ]);
    expect(status?.conditions?.map(c => `${c.type}=${c.status}`)).toEqual([
      expect.stringMatching(/^MemoryPressure=/),
      expect.stringMatching(/^DiskPressure=/),
      expect.stringMatching(/^PIDPressure=/),
      'Ready=True',
    ]);
    expect(status?.nodeInfo).toMatchObject({
      kubeletVersion: expect.stringMatching(/^v1\.36\.\d+\+gantry/),
      containerRuntimeVersion: expect.stringMatching(new RegExp(`^${node.target.runtime}://`)),
      operatingSystem: 'linux',
    });
    expect(status?.daemonEndpoints.kubeletEndpoint.Port).toBe(10250);
    expect(status?.capacity).toMatchObject({ pods: '110', memory: expect.stringMatching(/^\d+[KMG]i$/) });
    expect(status?.images?.flatMap(image => image.names)).toContainEqual(expect.stringContaining('busybox'));
  });

  it('has a lease of 40 s that the Node owns', async () => {
    const leases = new ResourceClient<Lease>(node.admin, {
      group: 'coordination.k8s.io',
      version: 'v1',
      plural: 'leases',
    });
    const lease = await waitFor('the lease', () => leases.get('kube-node-lease', node.name));
    const { metadata } = await node.nodes.get('', node.name);
    expect(lease.spec).toMatchObject({ holderIdentity: node.name, leaseDurationSeconds: 40 });
    expect(lease.metadata.ownerReferences?.map(o => o.uid)).toEqual([metadata.uid]);
  });

  it('keeps what others gave it over a kill -9 of the kubelet, and gets its own labels back', async () => {
    await node.nodes.patch({ namespace: '', name: node.name }, 'merge', {
      metadata: { labels: { given: 'by-admin', 'kubernetes.io/os': 'other' } },
      spec: { unschedulable: true },
    });
    await killAndRestart(node.kubelet);
    const seen = await waitFor('the label to be right again', async saw => {
      const { metadata, spec } = await node.nodes.get('', node.name);
      saw(metadata.labels);
      return metadata.labels?.['kubernetes.io/os'] === 'linux' && { metadata, spec };
    });
    expect(seen.metadata.labels).toMatchObject({ given: 'by-admin' });
    expect(seen.spec?.unschedulable).toBe(true);
    await node.nodes.patch({ namespace: '', name: node.name }, 'merge', { spec: { unschedulable: null } });
  });

  it('tells in events what happens to it', async () => {
    const told = async (): Promise<string[]> =>
      (
        await node.events.list('default', {
          fieldSelector: `involvedObject.kind=Node,involvedObject.name=${node.name}`,
        })
      ).items.map(event => `${event.type} ${event.reason}: ${event.message}`);
    for (const event of [
      'Normal Starting: Starting kubelet.',
      `Normal NodeReady: Node ${node.name} status is now: NodeReady`,
      `Normal NodeNotSchedulable: Node ${node.name} status is now: NodeNotSchedulable`,
      `Normal NodeHasSufficientPID: Node ${node.name} status is now: NodeHasSufficientPID`,
    ])
      await waitFor(`the event ${event}`, async saw => {
        const all = await told();
        saw(all);
        return all.includes(event);
      });
  });

  it('says at once that the network is not ready, and when it is again; pods wait for it', async () => {
    const { host, networkFile } = node.target;
    await host.exec(['mv', networkFile, '/etc/cni/away']);
    expect(await ready('False')).toMatch(
      /^KubeletNotReady: container runtime network not ready: NetworkReady=false reason:/,
    );
    await node.pods.create(boundPod(node.name, 'waits', WAIT));
    const told = await waitFor('the pod to be told why it waits', async () => {
      const fieldSelector = 'involvedObject.name=waits,reason=NetworkNotReady';
      return (await node.events.list('default', { fieldSelector })).items[0];
    });
    expect(told.message).toMatch(
      /^network is not ready: container runtime network not ready: NetworkReady=false reason:/,
    );
    // written, not moved: containerd 1.6 takes no notice of a file that is moved in
    await host.exec(['cp', '/etc/cni/away', networkFile]);
    await ready('True');
    await node.running('waits');
    await node.pods.delete('default', 'waits');
    await node.gone('waits');
  });
});
