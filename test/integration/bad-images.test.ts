import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../harness/host.ts';
import { buildImage, buildLayer } from '../harness/image-builder.ts';
import { storeContent } from '../harness/image-store.ts';
import { type KubeletHost, podManifest, startKubelet, WAIT } from '../harness/kubelet.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { type Registry, startRegistry } from '../harness/registry.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

let target: RuntimeHost;
let kubelet: KubeletHost;
let registry: Registry;

/** Starts the described host before its tests and deletes it after them. */
function withNode(prepare?: NonNullable<Parameters<typeof gantryHost>[0]>['prepare']): void {
  beforeAll(async () => {
    target = await gantryHost(prepare === undefined ? {} : { prepare });
    kubelet = await startKubelet(target);
    registry = await startRegistry(target.host);
  });
  afterAll(() => target.delete());
}

const images = (): Record<string, string[]> => storeContent(target.host.path('/var/lib/gantry'));

/** Waits until something in the pod's status says it. */
const statusSays = (name: string, message: RegExp): Promise<unknown> =>
  waitFor(`the status of ${name} to match ${message}`, async saw => {
    const status = (await kubelet.pod(name))?.status;
    saw(status);
    const waiting = status?.containerStatuses?.[0]?.state?.waiting;
    return message.test(`${waiting?.reason} ${waiting?.message}`);
  });

async function takeAway(...names: readonly string[]): Promise<void> {
  for (const name of names) kubelet.removeManifest(`${name}.yaml`);
  for (const name of names) await kubelet.gone(name);
  await expectNoLeftovers(target);
}

describe('an image that cannot be trusted', () => {
  withNode();

  /** The CRI's error and the pod's status say why, and nothing of the image stays. */
  const refused = async (reference: string, message: string): Promise<void> => {
    const before = images();
    const image = { image: reference, annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' };
    const pull = target.client.pullImage({ image, auth: undefined, sandboxConfig: undefined });
    await expect(pull).rejects.toThrow(message);
    kubelet.writeManifest('refused.yaml', podManifest('refused', WAIT, { image: reference }));
    await statusSays('refused', new RegExp(`^(ErrImagePull|ImagePullBackOff) .*${message}`));
    await takeAway('refused');
    expect(images()).toEqual(before);
  };

  it('a digest that does not match', async () => {
    const layer = await buildLayer([[{ name: 'f' }, randomBytes(100_000)]]);
    const reference = await registry.pushBuilt(buildImage([layer]), 'tampered:1');
    const flipped = Buffer.from(layer.bytes);
    flipped.writeUInt8(flipped.readUInt8(50_000) ^ 1, 50_000);
    registry.tamper(layer, flipped);
    await refused(reference, `digest mismatch: the blob should be ${layer.digest}`);
  });

  it('a layer that writes outside its root', async () => {
    const layer = await buildLayer([[{ name: `${'../'.repeat(20)}run/escaped` }, 'x']]);
    await refused(await registry.pushBuilt(buildImage([layer]), 'hostile:1'), 'run/escaped" points outside the root');
    expect(existsSync(target.host.path('/run/escaped'))).toBe(false);
    expect(existsSync('/run/escaped')).toBe(false);
  });

  it('a layer that unpacks to more than a hundred times its size', async () => {
    const layer = await buildLayer([[{ name: 'zeros' }, Buffer.alloc(80 << 20)]]);
    await refused(await registry.pushBuilt(buildImage([layer]), 'bomb:1'), 'refused as a decompression bomb');
  });
});

describe('a disk that is full', () => {
  withNode(async host => {
    await run(host, ['mount', '-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', '/var/lib/gantry']);
  });

  it('fails the pull by name, keeps nothing of it, and pods of other images run', async () => {
    const before = images();
    const layer = await buildLayer([[{ name: 'zeros' }, Buffer.alloc(48 << 20)]]);
    const reference = await registry.pushBuilt(buildImage([layer]), 'large:1');
    kubelet.writeManifest('large.yaml', podManifest('large', WAIT, { image: reference }));
    await statusSays('large', /^(ErrImagePull|ImagePullBackOff) .*no space left on the disk/);
    kubelet.writeManifest('other.yaml', podManifest('other', WAIT));
    await kubelet.running('other');
    await takeAway('large', 'other');
    expect(images()).toEqual(before);
  });

  it('fails a pod by name, and runs it once there is room', async () => {
    // ends with ENOSPC, which is what is wanted
    await target.host.exec(['dd', 'if=/dev/zero', 'of=/var/lib/gantry/ballast', 'bs=4k']);
    kubelet.writeManifest('late.yaml', podManifest('late', WAIT));
    await waitFor('the kubelet to tell of the full disk', async saw => {
      const status = (await kubelet.pod('late'))?.status;
      saw(status);
      return /(no space left|ENOSPC)/i.test(JSON.stringify(status ?? ''));
    });
    rmSync(target.host.path('/var/lib/gantry/ballast'));
    await kubelet.running('late');
    kubelet.removeManifest('late.yaml');
    await kubelet.gone('late');
    expect((await target.client.listPodSandbox({ filter: undefined })).items).toEqual([]);
    expect((await target.client.listContainers({ filter: undefined })).containers).toEqual([]);
    await expectNoLeftovers(target);
  });
});
