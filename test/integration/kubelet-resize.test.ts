import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod, ResourceRequirements } from '../../src/api/types/gen/core-v1.ts';
import { detectCgroups } from '../../src/linux/cgroup-layout.ts';
import { boundPod, type ClusterNode, clusterNode } from '../harness/cluster-node.ts';
import { armFault, waitForRestart } from '../harness/fault.ts';
import { run } from '../harness/host.ts';
import { WAIT } from '../harness/kubelet.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { waitFor } from '../harness/wait-for.ts';

let node: ClusterNode;
beforeAll(async () => {
  node = await clusterNode();
});
afterAll(() => node?.delete());

const sized = (cpu: string, memory: string): ResourceRequirements => ({
  requests: { cpu, memory },
  limits: { cpu, memory },
});
/** Each place takes two starts of the kubelet: one of the two is enough in CI. */
const SOAK = process.env['GANTRY_SOAK'] === '1';
const SMALL = sized('100m', '64Mi');
const LARGE = sized('300m', '128Mi');
const CPU = detectCgroups().version === 2 ? 'cpu.max' : 'cpu.cfs_quota_us';
const MEMORY = detectCgroups().version === 2 ? 'memory.max' : 'memory.limit_in_bytes';

const resize = (name: string, resources: ResourceRequirements): Promise<Pod> =>
  node.pods.patch({ namespace: 'default', name, subresource: 'resize' }, 'strategic', {
    spec: { containers: [{ name: 'main', resources }] },
  });

const conditions = (pod: Pod | undefined): readonly string[] =>
  (pod?.status?.conditions ?? [])
    .filter(c => c.type.startsWith('PodResize'))
    .map(c => `${c.type} ${c.reason ?? ''}`.trim());

/** The first number of a limit of the pod's own group or of its container's, from the kernel. */
async function limit(pod: Pod, file: string, of: 'pod' | 'container'): Promise<number> {
  const id = pod.status?.containerStatuses?.[0]?.containerID?.replace(/^.*:\/\//, '') ?? 'none';
  const path = of === 'pod' ? `*/pod${pod.metadata.uid}/${file}` : `*/${id}/${file}`;
  const found = (await run(node.target.host, ['find', '/sys/fs/cgroup', '-path', path])).split('\n')[0] ?? '';
  return Number(readFileSync(node.target.host.path(found), 'utf8').split(' ')[0]);
}

async function resized(name: string, resources: ResourceRequirements): Promise<Pod> {
  const pod = await node.until('to be resized', name, each => {
    const status = each?.status?.containerStatuses?.[0];
    return (
      conditions(each).length === 0 &&
      status?.state.running !== undefined &&
      each?.status?.observedGeneration === each?.metadata.generation &&
      JSON.stringify(status?.resources) === JSON.stringify(each?.spec.containers[0]?.resources) &&
      status?.resources?.limits?.['cpu'] === resources.limits?.['cpu']
    );
  });
  if (pod === undefined) throw new Error(`there is no pod ${name}`);
  return pod;
}

async function remove(name: string): Promise<void> {
  await node.pods.delete('default', name);
  await node.gone(name);
  await expectNoLeftovers(node.target);
}

const create = (name: string, resources: ResourceRequirements, container: object = {}): Promise<unknown> =>
  node.pods.create(boundPod(node.name, name, WAIT, {}, { resources, ...container }));

describe('a pod whose amounts are changed while it runs', () => {
  it('gets them in place, both ways, and tells of it', async () => {
    await create('grows', SMALL);
    const before = await node.running('grows');
    for (const [resources, quota, bytes] of [
      [LARGE, 30_000, 128 << 20],
      [SMALL, 10_000, 64 << 20],
    ] as const) {
      await resize('grows', resources);
      const pod = await resized('grows', resources);
      expect(pod.status?.containerStatuses?.[0]).toMatchObject({
        restartCount: 0,
        containerID: before.status?.containerStatuses?.[0]?.containerID,
        allocatedResources: resources.requests,
      });
      await waitFor('the limits of the pod and of its container', async saw => {
        const now = [
          await limit(pod, CPU, 'pod'),
          await limit(pod, CPU, 'container'),
          await limit(pod, MEMORY, 'pod'),
          await limit(pod, MEMORY, 'container'),
        ];
        saw(now);
        return now.join() === [quota, quota, bytes, bytes].join();
      });
    }
    const { items } = await node.events.list('default', { fieldSelector: 'involvedObject.name=grows' });
    expect(items.map(e => e.reason)).toEqual(expect.arrayContaining(['ResizeStarted', 'ResizeCompleted']));
    await remove('grows');
  });

  it('keeps a memory limit as long as more is used than the lower one, and says so', async () => {
    const more = sized('500m', '128Mi');
    await create('full', more, {
      command: ['/bin/sh', '-c', `head -c 40000000 /dev/zero > /dev/shm/part; mv /dev/shm/part /dev/shm/held; ${WAIT}`],
      readinessProbe: { exec: { command: ['test', '-e', '/dev/shm/held'] }, periodSeconds: 1 },
    });
    const before = await node.running('full');
    await resize('full', sized('500m', '32Mi'));
    const refused = await node.until('to be told that its memory is in use', 'full', pod =>
      conditions(pod).includes('PodResizeInProgress Error'),
    );
    expect(refused?.status?.conditions?.find(c => c.type === 'PodResizeInProgress')?.message).toMatch(
      /^cannot decrease memory limits: \[attempting to set pod memory limit \(33554432\) below current usage \(\d+\), attempting to set container "main" memory limit \(33554432\) below current usage \(\d+\)\]$/,
    );
    expect(await limit(before, MEMORY, 'pod')).toBe(128 << 20);
    expect(await limit(before, MEMORY, 'container')).toBe(128 << 20);
    await resize('full', more);
    expect((await resized('full', more)).status?.containerStatuses?.[0]?.restartCount).toBe(0);
    await remove('full');
  });

  it('is restarted where its container does not bear that', async () => {
    await create('brittle', SMALL, {
      resizePolicy: [
        { resourceName: 'cpu', restartPolicy: 'NotRequired' },
        { resourceName: 'memory', restartPolicy: 'RestartContainer' },
      ],
    });
    await node.running('brittle');
    await resize('brittle', LARGE);
    const pod = await resized('brittle', LARGE);
    expect(pod.status?.containerStatuses?.[0]?.restartCount).toBe(1);
    await waitFor('the limits of the pod', async () => (await limit(pod, MEMORY, 'pod')) === 128 << 20);
    expect(await limit(pod, CPU, 'container')).toBe(30_000);
    await remove('brittle');
  });

  it('keeps what it has while the node cannot give more, and gets it when others give it back', async () => {
    const { status } = await node.nodes.get('', node.name);
    const cpus = Number(status?.allocatable?.['cpu']);
    await create('greedy', SMALL);
    await node.running('greedy');
    await resize('greedy', sized(String(cpus + 1), '64Mi'));
    const refused = await node.until('to be told that it cannot be', 'greedy', pod =>
      conditions(pod).includes('PodResizePending Infeasible'),
    );
    expect(refused?.status?.conditions?.find(c => c.type === 'PodResizePending')?.message).toMatch(
      /^Node didn't have enough capacity: cpu, requested: \d+, capacity: \d+$/,
    );
    expect(refused?.status?.containerStatuses?.[0]?.resources).toEqual(SMALL);
    await create('other', sized(String(cpus - 0.5), '64Mi'));
    await node.running('other');
    await resize('greedy', sized('1', '64Mi'));
    await node.until('to be told to wait', 'greedy', pod => conditions(pod).includes('PodResizePending Deferred'));
    await node.pods.delete('default', 'other');
    await resized('greedy', sized('1', '64Mi'));
    await remove('greedy');
  });

  it.each(
    SOAK
      ? (['pod-resize/group-widened', 'pod-resize/container-resized'] as const)
      : (['pod-resize/container-resized'] as const),
  )('gets them although the kubelet is killed at %s', async point => {
    await create('torn', SMALL);
    await node.running('torn');
    const doomed = await armFault(node.target.host, node.kubelet, point);
    await resize('torn', LARGE);
    await waitForRestart(node.kubelet, doomed);
    const pod = await resized('torn', LARGE);
    expect(pod.status?.containerStatuses?.[0]?.restartCount).toBe(0);
    await waitFor('the limits of the pod', async () => (await limit(pod, CPU, 'pod')) === 30_000);
    expect(await limit(pod, CPU, 'container')).toBe(30_000);
    await remove('torn');
  });
});
