import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { boundPod, type ClusterNode, clusterNode } from '../harness/cluster-node.ts';
import { killAndRestart } from '../harness/fault.ts';
import { WAIT } from '../harness/kubelet.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { waitFor } from '../harness/wait-for.ts';

let node: ClusterNode;
beforeAll(async () => {
  node = await clusterNode();
});
afterAll(() => node?.delete());

const pod = (name: string, script = WAIT, spec: object = {}, container: object = {}) =>
  boundPod(node.name, name, script, spec, container);

/** How many containers the runtime has, running or not. */
async function containers(): Promise<number> {
  return (await node.target.client.listContainers({ filter: undefined })).containers.length;
}

describe('a pod of the API server', () => {
  it('is run and told of, and leaves nothing when it is deleted', async () => {
    await node.pods.create(pod('plain'));
    const { metadata, status } = await node.running('plain');
    expect(status).toMatchObject({
      phase: 'Running',
      observedGeneration: metadata.generation,
      hostIP: '127.0.0.1',
      hostIPs: [{ ip: '127.0.0.1' }],
      podIP: expect.stringMatching(/^10\.244\.0\.\d+$/),
      podIPs: [{ ip: status?.podIP }],
      qosClass: 'BestEffort',
      startTime: expect.stringMatching(/Z$/),
      containerStatuses: [
        {
          name: 'main',
          ready: true,
          started: true,
          restartCount: 0,
          containerID: expect.stringMatching(new RegExp(`^${node.target.runtime}://[0-9a-f]{64}$`)),
        },
      ],
    });
    await node.pods.delete('default', 'plain');
    await node.gone('plain');
    await expectNoLeftovers(node.target);
  });

  it.each([
    ['exit 0', 'Succeeded', 'Completed', 0],
    ['exit 3', 'Failed', 'Error', 3],
  ])(
    'that runs %j once ends as %s, and stays so over a kill -9 of the kubelet',
    async (script, phase, reason, exitCode) => {
      await node.pods.create(pod('once', script, { restartPolicy: 'Never' }));
      const ended = await node.until(`to be ${phase}`, 'once', each => each?.status?.phase === phase);
      expect(ended?.status?.containerStatuses?.[0]?.state).toMatchObject({ terminated: { reason, exitCode } });
      await killAndRestart(node.kubelet);
      await node.pods.create(pod('after'));
      await node.running('after');
      expect((await node.pod('once'))?.status?.phase).toBe(phase);
      await Promise.all(['once', 'after'].map(name => node.pods.delete('default', name)));
      await Promise.all(['once', 'after'].map(name => node.gone(name)));
      await expectNoLeftovers(node.target);
    },
  );

  it('that ends while a kubelet begins and does not know of it yet is told of as ended', async () => {
    await node.pods.create(pod('early', 'trap "exit 0" TERM; sleep 100000 & wait', { restartPolicy: 'Never' }));
    const { status } = await node.running('early');
    const connected = (): number =>
      readFileSync(node.kubelet.logFile, 'utf8').split('connected to the container runtime').length;
    const before = connected();
    node.apiServer.signal('STOP');
    try {
      await killAndRestart(node.kubelet);
      await waitFor('the kubelet to have read the runtime', () => connected() > before);
      const containerId = status?.containerStatuses?.[0]?.containerID?.replace(/.*:\/\//, '') ?? '';
      await node.target.client.stopContainer({ containerId, timeout: 5n });
    } finally {
      node.apiServer.signal('CONT');
    }
    await node.until('to be told of', 'early', each => each?.status?.phase === 'Succeeded');
    await node.pods.delete('default', 'early');
    await node.gone('early');
    await expectNoLeftovers(node.target);
  });

  it('that is deleted gets its grace, and ends as its containers did', async () => {
    const slow = 'trap "sleep 1; exit 7" TERM; sleep 100000 & wait';
    await node.pods.create(pod('slow', slow, { terminationGracePeriodSeconds: 30 }));
    const { metadata } = await node.running('slow');
    // a finalizer keeps it to be looked at
    await node.pods.patch({ namespace: 'default', name: 'slow' }, 'merge', {
      metadata: { finalizers: ['example.com/look'] },
    });
    await node.pods.delete('default', 'slow');
    const ended = await node.until('to have ended', 'slow', each => each?.status?.phase === 'Failed');
    expect(ended?.metadata.uid).toBe(metadata.uid);
    expect(ended?.status?.containerStatuses?.[0]?.state.terminated?.exitCode).toBe(7);
    await waitFor(
      'its grace to be taken as over',
      async () => (await node.pod('slow'))?.metadata.deletionGracePeriodSeconds === 0,
    );
    await expectNoLeftovers(node.target);
    await node.pods.patch({ namespace: 'default', name: 'slow' }, 'merge', { metadata: { finalizers: null } });
    await node.gone('slow');
  });

  it('that is deleted again with less grace is killed then', async () => {
    const stubborn = 'trap "" TERM; while :; do sleep 1; done';
    await node.pods.create(pod('stubborn', stubborn, { terminationGracePeriodSeconds: 600 }));
    await node.running('stubborn');
    await node.pods.delete('default', 'stubborn');
    await node.until('to be ending', 'stubborn', each => each?.metadata.deletionTimestamp !== undefined);
    await node.pods.delete('default', 'stubborn', { gracePeriodSeconds: 1 });
    await node.gone('stubborn');
    await expectNoLeftovers(node.target);
  });

  it('that is taken from the API server by force is ended all the same', async () => {
    await node.pods.create(pod('forced'));
    await node.running('forced');
    await node.pods.delete('default', 'forced', { gracePeriodSeconds: 0 });
    await node.gone('forced');
    await waitFor('its containers to be gone', async () => (await containers()) === 0);
    await expectNoLeftovers(node.target);
  });

  it('that comes again under its name starts when the one before has gone', async () => {
    await node.pods.create(pod('again'));
    const first = await node.running('again');
    await node.pods.delete('default', 'again');
    await node.gone('again');
    await node.pods.create(pod('again'));
    const second = await node.running('again');
    expect(second.metadata.uid).not.toBe(first.metadata.uid);
    await node.pods.delete('default', 'again');
    await node.gone('again');
  });
});

describe('a pod that the node cannot take', () => {
  it('is rejected with the reason, stays so over a kill -9, and holds up nobody', async () => {
    const resources = { requests: { cpu: '1000' } };
    await node.pods.create(pod('greedy', WAIT, {}, { resources }));
    const status = await node.until('to be rejected', 'greedy', each => each?.status?.phase === 'Failed');
    expect(status?.status).toMatchObject({
      reason: 'OutOfcpu',
      message: expect.stringMatching(
        /^Pod was rejected: Node didn't have enough resource: cpu, requested: 1000000, used: \d+, capacity: \d+$/,
      ),
      qosClass: 'Burstable',
    });
    await node.pods.create(pod('modest'));
    await node.running('modest');
    await killAndRestart(node.kubelet);
    await node.pods.create(pod('elsewhere', WAIT, { nodeSelector: { disk: 'fast' } }));
    const misplaced = await node.until('to be rejected', 'elsewhere', each => each?.status?.phase === 'Failed');
    expect(misplaced?.status?.reason).toBe('NodeAffinity');
    expect((await node.pod('greedy'))?.status).toEqual(status?.status);
    const { items } = await node.events.list('default', {
      fieldSelector: 'involvedObject.name=greedy,reason=OutOfcpu',
    });
    expect(items.map(event => event.type)).toEqual(['Warning']);
    const names = ['greedy', 'modest', 'elsewhere'];
    await Promise.all(names.map(name => node.pods.delete('default', name)));
    await Promise.all(names.map(name => node.gone(name)));
    await expectNoLeftovers(node.target);
  });
});

describe('a kubelet whose API server is away', () => {
  it('keeps its pods, tells later what happened meanwhile, and doubles nothing over a kill -9', async () => {
    await node.pods.create(pod('stays'));
    await node.pods.create(
      pod('ends', 'while [ ! -e /tmp/end ]; do sleep 0.1; done; exit 4', { restartPolicy: 'Never' }),
    );
    const [stays, ends] = await Promise.all([node.running('stays'), node.running('ends')]);
    await node.apiServer.stop();
    await killAndRestart(node.kubelet);
    const containerId = ends.status?.containerStatuses?.[0]?.containerID?.replace(/^.*:\/\//, '') ?? '';
    await node.target.client.execSync({ containerId, cmd: ['touch', '/tmp/end'], timeout: 10n });
    await waitFor('the container to end', async saw => {
      const { status } = await node.target.client.containerStatus({ containerId, verbose: false });
      saw(status?.state);
      return (status?.finishedAt ?? 0n) > 0n;
    });
    node.apiServer.start();
    const told = await node.until('to be told as failed', 'ends', each => each?.status?.phase === 'Failed');
    expect(told?.status?.containerStatuses?.[0]?.state.terminated?.exitCode).toBe(4);
    const now = await node.running('stays');
    expect(now.status?.containerStatuses).toEqual(stays.status?.containerStatuses);
    expect(await containers()).toBe(2);
    await Promise.all(['stays', 'ends'].map(name => node.pods.delete('default', name)));
    await Promise.all(['stays', 'ends'].map(name => node.gone(name)));
    await expectNoLeftovers(node.target);
  });

  it('tells how a deleted pod ended, though both were away when it did', async () => {
    const slow = 'trap "sleep 3; exit 6" TERM; sleep 100000 & wait';
    await node.pods.create(pod('unseen', slow, { terminationGracePeriodSeconds: 60 }));
    await node.running('unseen');
    await node.pods.patch({ namespace: 'default', name: 'unseen' }, 'merge', {
      metadata: { finalizers: ['example.com/look'] },
    });
    await node.pods.delete('default', 'unseen');
    await waitFor(
      'the container to be asked to end',
      async () =>
        (await node.events.list('default', { fieldSelector: 'involvedObject.name=unseen,reason=Killing' })).items
          .length > 0,
    );
    await node.apiServer.stop();
    await waitFor('the container to have ended', async saw => {
      const { containers: all } = await node.target.client.listContainers({ filter: undefined });
      saw(all.map(c => c.state));
      return all.length > 0 && all.every(c => c.state === 2);
    });
    await killAndRestart(node.kubelet);
    node.apiServer.start();
    const ended = await node.until('to have failed', 'unseen', each => each?.status?.phase === 'Failed');
    expect(ended?.status?.containerStatuses?.[0]?.state.terminated?.exitCode).toBe(6);
    await node.pods.patch({ namespace: 'default', name: 'unseen' }, 'merge', { metadata: { finalizers: null } });
    await node.gone('unseen');
    await expectNoLeftovers(node.target);
  });

  it('ends what was deleted while the kubelet was away', async () => {
    await node.pods.create(pod('late'));
    await node.running('late');
    await node.kubelet.stop();
    await node.pods.delete('default', 'late');
    await node.pods.create(pod('vanished'));
    await node.pods.delete('default', 'vanished', { gracePeriodSeconds: 0 });
    node.kubelet.start();
    await node.gone('late');
    await expectNoLeftovers(node.target);
  });
});
