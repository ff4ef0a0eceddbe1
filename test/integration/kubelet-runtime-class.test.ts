import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RuntimeClass } from '../../src/api/types/gen/node-v1.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { detectCgroups } from '../../src/linux/cgroup-layout.ts';
import { boundPod, type ClusterNode, clusterNode } from '../harness/cluster-node.ts';
import { WAIT } from '../harness/kubelet.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { waitFor } from '../harness/wait-for.ts';

let node: ClusterNode;
let classes: ResourceClient<RuntimeClass>;
beforeAll(async () => {
  node = await clusterNode();
  classes = new ResourceClient(node.admin, { group: 'node.k8s.io', version: 'v1', plural: 'runtimeclasses' });
});
afterAll(() => node?.delete());

const makeClass = (name: string, handler: string, more: object = {}): Promise<unknown> =>
  classes.create({ metadata: { name }, handler, ...more } as RuntimeClass);

async function told(name: string, reason: string, message: string): Promise<void> {
  await waitFor(`pod ${name} to be told ${reason}`, async saw => {
    const fieldSelector = `involvedObject.name=${name},reason=${reason}`;
    const { items } = await node.events.list('default', { fieldSelector });
    saw(items.map(e => e.message));
    return items.some(e => e.message?.includes(message));
  });
}

/** The weight of a group as its requests make it: shares on cgroup v1, on v2 what they become. */
function weight(path: string): number {
  const root = node.target.host.path('/sys/fs/cgroup');
  const file = detectCgroups().version === 2 ? `${root}${path}/cpu.weight` : `${root}/cpu${path}/cpu.shares`;
  return Number(readFileSync(file, 'utf8'));
}

describe('the runtime class of a pod', () => {
  it('is of those that the Node tells: every handler of the runtime with its features', async () => {
    const { runtimeHandlers } = await node.target.client.status({ verbose: false });
    const wanted = runtimeHandlers.map(({ name, features }) => [name, features?.recursiveReadOnlyMounts]);
    await waitFor('the Node to tell of the handlers', async saw => {
      const { status } = await node.nodes.get('', node.name);
      saw(status?.runtimeHandlers);
      expect((status?.runtimeHandlers ?? []).map(h => [h.name ?? '', h.features?.recursiveReadOnlyMounts])).toEqual(
        wanted,
      );
      return true;
    });
  });

  it('chooses the handler, and its overhead is part of the pod', async () => {
    await makeClass('heavy', 'runc', { overhead: { podFixed: { cpu: '500m', memory: '32Mi' } } });
    const resources = { requests: { cpu: '500m' }, limits: { cpu: '1', memory: '64Mi' } };
    await node.pods.create(boundPod(node.name, 'heavy', WAIT, { runtimeClassName: 'heavy' }, { resources }));
    const { metadata } = await node.running('heavy');
    const { items } = await node.target.client.listPodSandbox({ filter: undefined });
    const { status } = await node.target.client.podSandboxStatus({ podSandboxId: items[0]?.id ?? '', verbose: false });
    expect(status?.runtimeHandler).toBe('runc');
    // half a CPU asked for and half one of overhead: 1024 shares, which v2 makes a weight of 39
    expect(weight(`/kubepods/burstable/pod${metadata.uid}`)).toBe(detectCgroups().version === 2 ? 39 : 1024);
    await node.pods.delete('default', 'heavy');
    await node.gone('heavy');
    await expectNoLeftovers(node.target);
  });

  it('that the runtime has no handler for is told, and nothing is left of the pod', async () => {
    await makeClass('none', 'none');
    await node.pods.create(boundPod(node.name, 'none', WAIT, { runtimeClassName: 'none' }));
    await told('none', 'FailedCreatePodSandBox', 'no runtime for "none" is configured');
    await node.pods.delete('default', 'none');
    await node.gone('none');
    await expectNoLeftovers(node.target);
  });

  it('that is gone is told in upstream words, and the pod runs once it is back', async () => {
    await makeClass('late', 'runc');
    await node.kubelet.stop();
    await node.pods.create(boundPod(node.name, 'late', WAIT, { runtimeClassName: 'late' }));
    await classes.delete('', 'late');
    node.kubelet.start();
    await told(
      'late',
      'FailedCreatePodSandBox',
      'Failed to create pod sandbox: runtimeclass.node.k8s.io "late" not found',
    );
    await makeClass('late', 'runc');
    await node.running('late');
    await node.pods.delete('default', 'late');
    await node.gone('late');
    await expectNoLeftovers(node.target);
  });
});
