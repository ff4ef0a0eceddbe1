import { describe, expect, it } from 'vitest';
import { containerStatus } from '../../../../src/cri/runtime-service/container-status.ts';
import type { RuntimeServiceContext } from '../../../../src/cri/runtime-service/context.ts';
import { createContainer } from '../../../../src/cri/runtime-service/create-container.ts';
import { removeContainer } from '../../../../src/cri/runtime-service/remove-container.ts';
import { runPodSandbox } from '../../../../src/cri/runtime-service/run-pod-sandbox.ts';
import { CreateContainerRequest, RunPodSandboxRequest } from '../../../../src/rpc/cri-api.ts';
import { FakeMachine, fakeContext, IMAGE_NAME, VOLUME_IMAGE } from '../fakes.ts';

const VOLUME = { containerPath: '/model', readonly: true, image: { image: 'localhost/model:1' } };

async function create(ctx: RuntimeServiceContext, ...mounts: object[]): Promise<string> {
  const { podSandboxId } = await runPodSandbox(
    ctx,
    RunPodSandboxRequest.fromPartial({ config: { metadata: { name: 'p', namespace: 'd', uid: 'u' } } }),
  );
  const { containerId } = await createContainer(
    ctx,
    CreateContainerRequest.fromPartial({
      podSandboxId,
      config: { metadata: { name: 'main', attempt: 0 }, image: { image: IMAGE_NAME }, mounts },
    }),
  );
  return containerId;
}

interface BundleSpec {
  readonly mounts: readonly {
    readonly destination: string;
    readonly source: string;
    readonly options: readonly string[];
  }[];
}

describe('image volumes', () => {
  it.each([
    ['of a whole image', {}, ''],
    ['of a directory in it', { imageSubPath: 'usr/share' }, '/usr/share'],
  ])('%s are mounted read-only below the bundle and bound into the container', async (_what, more, below) => {
    const machine = new FakeMachine();
    const id = await create(fakeContext(machine), { ...VOLUME, ...more });
    const place = `/state/containers/${id}/image-volumes/0`;
    expect(machine.mounts).toContain(place);
    const { mounts } = JSON.parse(machine.files.get(`/state/containers/${id}/config.json`) ?? '') as BundleSpec;
    const [bound] = mounts.filter(m => m.destination === '/model');
    expect(bound).toMatchObject({ source: `${place}${below}`, options: ['rbind', 'rprivate', 'ro'] });
  });

  it('hold their images as long as the container is there', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const id = await create(ctx, VOLUME, { ...VOLUME, containerPath: '/again' });
    expect(machine.held.get(id)?.slice(1)).toEqual([VOLUME_IMAGE.id]);
    expect(ctx.store.requireContainer(id).volumeImageIds).toEqual([VOLUME_IMAGE.id]);
    await removeContainer(ctx, { containerId: id });
    expect(machine.held.has(id)).toBe(false);
    expect([...machine.mounts].filter(m => m.includes('image-volumes'))).toEqual([]);
  });

  it('are shown by ContainerStatus with the id of the image', async () => {
    const ctx = fakeContext(new FakeMachine());
    const id = await create(ctx, VOLUME);
    const { status } = await containerStatus(ctx, { containerId: id, verbose: false });
    expect(status?.mounts[0]).toMatchObject({
      hostPath: '',
      image: { image: 'localhost/model:1', imageRef: VOLUME_IMAGE.id },
    });
  });

  it.each<[string, object, string]>([
    ['with a host path', { hostPath: '/tmp' }, 'invalid-argument: host_path must be empty'],
    ['that are writable', { readonly: false }, 'invalid-argument: readonly must be true'],
    ['without a name', { image: { image: '' } }, 'invalid-argument: image.image is empty'],
    ['that lead out', { imageSubPath: 'a/../../b' }, 'invalid-argument: image_sub_path "a/../../b" must be relative'],
    ['of an absolute place', { imageSubPath: '/etc' }, 'invalid-argument: image_sub_path "/etc" must be relative'],
    [
      'of a place that is not there',
      { imageSubPath: 'missing' },
      'failed-precondition: image_sub_path "missing" is no',
    ],
    ['of an unknown image', { image: { image: 'x:1' } }, 'not-found: failed to resolve image "x:1"'],
  ])('%s are refused, and nothing is left', async (_what, more, expected) => {
    const machine = new FakeMachine();
    const [code = '', text = ''] = expected.split(': ');
    const failure = await create(fakeContext(machine), { ...VOLUME, ...more }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringContaining(text) });
    expect((failure as Error).message).toMatch(/^ImageVolumeMountFailed: mount \/model: /);
    expect(machine.held.size).toBe(0);
    expect([...machine.mounts].filter(m => m.includes('/containers/'))).toEqual([]);
  });

  it('take no notice of a sub-path beside a host path, which kubelets send', async () => {
    const machine = new FakeMachine();
    const id = await create(fakeContext(machine), { containerPath: '/h', hostPath: '/srv', imageSubPath: '../x' });
    const { mounts } = JSON.parse(machine.files.get(`/state/containers/${id}/config.json`) ?? '') as BundleSpec;
    expect(mounts.find(m => m.destination === '/h')).toMatchObject({ source: '/srv' });
  });
});
