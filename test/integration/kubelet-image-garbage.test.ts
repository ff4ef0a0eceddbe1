import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ImageSpec } from '../../src/rpc/cri-api.ts';
import { boundPod, type ClusterNode, clusterNode } from '../harness/cluster-node.ts';
import { buildImage, buildLayer } from '../harness/image-builder.ts';
import { WAIT } from '../harness/kubelet.ts';
import { type Registry, startRegistry } from '../harness/registry.ts';
import { waitFor } from '../harness/wait-for.ts';

let node: ClusterNode;
let registry: Registry;
beforeAll(async () => {
  node = await clusterNode({
    // The disk of every machine is fuller than this.
    prepare: host =>
      writeFileSync(
        host.path('/etc/kubernetes/kubelet.yaml'),
        JSON.stringify({
          apiVersion: 'kubelet.config.k8s.io/v1beta1',
          kind: 'KubeletConfiguration',
          imageGCHighThresholdPercent: 1,
          imageGCLowThresholdPercent: 0,
          imageMinimumGCAge: '1s',
          authentication: { anonymous: { enabled: false } },
        }),
      ),
    criConfig: 'images: { pinned: ["*/kept:*"] }\n',
    kubeletArgs: ['--config=/etc/kubernetes/kubelet.yaml'],
    kubelet: false,
  });
  registry = await startRegistry(node.target.host);
});
afterAll(() => node?.delete());

const image = async (name: string): Promise<string> =>
  registry.pushBuilt(buildImage([await buildLayer([[{ name }, name]])]), `${name}:1`);

async function pull(reference: string): Promise<void> {
  await node.target.client.pullImage({
    image: ImageSpec.fromPartial({ image: reference }),
    auth: undefined,
    sandboxConfig: undefined,
  });
}

async function names(): Promise<readonly string[]> {
  const { images } = await node.target.client.listImages({ filter: undefined });
  return images.flatMap(i => i.repoTags.map(tag => `${/([^/]*):/.exec(tag.slice(tag.lastIndexOf('/')))?.[1]}`)).sort();
}

describe('a disk that is too full', () => {
  it('loses the images that nobody uses when something is pulled, but neither those that are shown as volumes nor those that are pinned', async () => {
    for (const name of ['unused', 'kept']) await pull(await image(name));
    await node.startKubelet();
    const volumes = [{ name: 'v', image: { reference: await image('shown'), pullPolicy: 'Always' } }];
    const volumeMounts = [{ name: 'v', mountPath: '/v' }];
    await node.pods.create(boundPod(node.name, 'shows', WAIT, { volumes }, { volumeMounts }));
    await node.running('shows');
    await waitFor(
      'the image that nobody uses to be gone',
      async saw => {
        const left = await names();
        saw(left);
        return left.join() === 'busybox,kept,shown';
      },
      { timeoutMs: 30_000 },
    );
    await waitFor('the node to tell that this was not enough', async saw => {
      const { items } = await node.events.list('default', { fieldSelector: 'involvedObject.kind=Node' });
      const seen = items.map(e => `${e.reason} ${e.message}`);
      saw(seen);
      return seen.some(s =>
        s.startsWith("FreeDiskSpaceFailed Insufficient free disk space on the node's image filesystem"),
      );
    });
    expect(await names()).toEqual(['busybox', 'kept', 'shown']);
    await node.pods.delete('default', 'shows');
    await node.gone('shows');
  });
});
