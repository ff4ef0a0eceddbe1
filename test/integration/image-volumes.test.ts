import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ContainerConfig, ImageSpec } from '../../src/rpc/cri-api.ts';
import { podConfig } from '../harness/cri-pod.ts';
import { armFault, killAndRestart, waitForRestart } from '../harness/fault.ts';
import { buildImage, buildLayer } from '../harness/image-builder.ts';
import { storeContent } from '../harness/image-store.ts';
import { BUSYBOX } from '../harness/images.ts';
import { WAIT } from '../harness/kubelet.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { type Registry, startRegistry } from '../harness/registry.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

let target: RuntimeHost;
let registry: Registry;
let reference = '';
beforeAll(async () => {
  target = await gantryHost();
  registry = await startRegistry(target.host);
  const bottom = await buildLayer([
    [{ name: 'v1/', type: 'directory' }],
    [{ name: 'v1/data' }, 'one'],
    [{ name: 'gone' }, 'gone'],
    [{ name: 'run.sh', mode: 0o755 }, '#!/bin/sh\necho ran\n'],
    [{ name: 'current', type: 'symlink', linkname: '/v1' }],
    [{ name: 'outside', type: 'symlink', linkname: '../../../../../../../../var' }],
  ]);
  reference = await registry.pushBuilt(buildImage([bottom, await buildLayer([[{ name: '.wh.gone' }]])]), 'volume:1');
});
afterAll(() => target.delete());

const pull = async (image: string): Promise<string> =>
  (
    await target.client.pullImage({
      image: ImageSpec.fromPartial({ image }),
      auth: undefined,
      sandboxConfig: undefined,
    })
  ).imageRef;

const removeImage = (image: string): Promise<unknown> =>
  target.client.removeImage({ image: ImageSpec.fromPartial({ image }) });

const layers = (): readonly string[] => storeContent(target.host.path('/var/lib/gantry'))['layers'] ?? [];

interface VolumePod {
  readonly podSandboxId: string;
  readonly containerId: string;
  sh(script: string): Promise<string>;
  remove(): Promise<void>;
}

/** A pod whose container shows `image` at /v. */
async function startPod(name: string, image: string, imageSubPath = ''): Promise<VolumePod> {
  const { client } = target;
  const sandboxConfig = podConfig(name);
  const { podSandboxId } = await client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' });
  const config = ContainerConfig.fromPartial({
    metadata: { name: 'main', attempt: 0 },
    image: { image: BUSYBOX },
    command: ['/bin/sh', '-c', WAIT],
    mounts: [{ containerPath: '/v', readonly: true, image: { image }, imageSubPath }],
  });
  const remove = async (): Promise<void> => {
    await client.stopPodSandbox({ podSandboxId });
    await client.removePodSandbox({ podSandboxId });
    await target.host.exec(['sh', '-c', `for g in /sys/fs/cgroup/*/kubepods/poduid-${name}; do rmdir $g; done`]);
  };
  const { containerId } = await client.createContainer({ podSandboxId, config, sandboxConfig }).catch(async error => {
    await remove();
    throw error;
  });
  await client.startContainer({ containerId });
  return {
    podSandboxId,
    containerId,
    remove,
    async sh(script) {
      const answer = await client.execSync({ containerId, cmd: ['/bin/sh', '-c', script], timeout: 10n });
      return Buffer.concat([answer.stdout, answer.stderr]).toString('utf8').trim();
    },
  };
}

describe('an image as a volume', () => {
  it('is shown whole and read-only, and its programs run', async () => {
    const pod = await startPod('whole', await pull(reference));
    expect(await pod.sh('ls /v')).toBe('current\noutside\nrun.sh\nv1');
    expect(await pod.sh('cat /v/v1/data; /v/run.sh')).toBe('oneran');
    expect(await pod.sh('touch /v/x; rm /v/run.sh; mount -o remount,rw /v; touch /v/x')).toMatch(
      /^touch: .*Read-only file system\nrm: .*Read-only file system\n(.*\n)*touch: .*Read-only file system$/,
    );
    const { status } = await target.client.containerStatus({ containerId: pod.containerId, verbose: false });
    expect(status?.mounts[0]?.image?.imageRef).toBe(await pull(reference));
    await pod.remove();
    await expectNoLeftovers(target);
  });

  it.each([
    ['v1', 'a directory'],
    ['current', 'a link, which is resolved inside the image'],
    ['./v1/../v1/.', 'dots', 'must be relative and without ".."'],
    ['v1/data', 'a file', 'is no directory in image'],
    ['outside', 'a link that leads out', 'is no directory in image'],
    ['none', 'nothing', 'is no directory in image'],
  ])('with the sub-path %s, %s', async (path, _what, refusal = '') => {
    const id = await pull(reference);
    const shown = await startPod('sub', id, path).then(
      async pod => {
        const text = await pod.sh('ls /v; cat /v/data');
        await pod.remove();
        return text;
      },
      (error: unknown) => (error as Error).message,
    );
    expect(shown).toContain(refusal === '' ? 'data\none' : refusal);
    await expectNoLeftovers(target);
  });

  it('may have one layer, or none', async () => {
    const one = await registry.pushBuilt(buildImage([await buildLayer([[{ name: 'only' }, 'x']])]), 'one:1');
    const none = await registry.pushBuilt(buildImage([]), 'none:1');
    const [a, b] = await Promise.all([startPod('one', await pull(one)), startPod('none', await pull(none))]);
    expect([await a.sh('ls /v'), await b.sh('ls /v'), await b.sh('touch /v/x')]).toEqual([
      'only',
      '',
      expect.stringContaining('Read-only file system'),
    ]);
    await Promise.all([a.remove(), b.remove()]);
    for (const image of [one, none]) await removeImage(image);
    await expectNoLeftovers(target);
  });

  it('is kept, though it was removed, until the last container that shows it has gone, over kill -9 of the shim', async () => {
    const before = layers();
    const other = await registry.pushBuilt(buildImage([await buildLayer([[{ name: 'f' }, 'kept']])]), 'kept:1');
    const id = await pull(other);
    const [first, second] = [await startPod('first', id), await startPod('second', id)];
    await removeImage(id);
    expect((await target.client.listImages({ filter: undefined })).images.map(i => i.id)).not.toContain(id);
    await killAndRestart(target.service);
    await waitFor('the shim to answer', () => target.client.version({ version: '' }));
    await first.remove();
    expect(await second.sh('cat /v/f')).toBe('kept');
    expect(layers().length).toBe(before.length + 1);
    await expect(startPod('third', id)).rejects.toThrow('ImageVolumeMountFailed: mount /v: failed to resolve image');
    expect(await pull(other)).toBe(id);
    await second.remove();
    await expectNoLeftovers(target);
    expect(layers().length).toBe(before.length + 1);
    await removeImage(id);
    expect(layers()).toEqual(before);
  });

  it('leaves no mount behind when the shim dies right after it was mounted', async () => {
    const id = await pull(reference);
    const doomed = await armFault(target.host, target.service, 'cri/create-container/image-volumes-mounted');
    await waitFor('the shim to answer', () => target.client.version({ version: '' }));
    await expect(startPod('killed', id)).rejects.toThrow();
    await waitForRestart(target.service, doomed);
    await waitFor('the shim to answer', () => target.client.version({ version: '' }));
    const { items } = await target.client.listPodSandbox({ filter: undefined });
    for (const { id: podSandboxId } of items) {
      await target.client.stopPodSandbox({ podSandboxId });
      await target.client.removePodSandbox({ podSandboxId });
    }
    await target.host.exec(['sh', '-c', 'for g in /sys/fs/cgroup/*/kubepods/poduid-*; do rmdir $g; done']);
    await expectNoLeftovers(target);
  });
});
