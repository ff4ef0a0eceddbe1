import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Secret } from '../../src/api/types/gen/core-v1.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { boundPod, type ClusterNode, clusterNode } from '../harness/cluster-node.ts';
import { killAndRestart } from '../harness/fault.ts';
import { buildImage, buildLayer } from '../harness/image-builder.ts';
import { BUSYBOX } from '../harness/images.ts';
import { WAIT } from '../harness/kubelet.ts';
import { type Registry, startRegistry } from '../harness/registry.ts';
import { testedRuntime } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

/** bcrypt of `s3cret` at its lowest cost. */
const HASH = '$2b$04$oddNn7hmE2O5XaUIw/CrIe5bJ/SL9VDdHf9m4xKftpC6PvPaHYIuG';

let node: ClusterNode;
let registry: Registry;
let image = '';
beforeAll(async () => {
  node = await clusterNode();
  registry = await startRegistry(node.target.host, { username: 'me', password: 's3cret', hash: HASH });
  image = await registry.push(BUSYBOX, 'private:1');
});
afterAll(async () => {
  await registry?.stop();
  await node?.delete();
});

/** What the registry's 401 becomes: in our runtime's words, and in containerd's. */
const UNAUTHORIZED = /asks for a user name and a password|401 Unauthorized/;

const run = (name: string, container: object, spec: object = {}): Promise<unknown> =>
  node.pods.create(boundPod(node.name, name, WAIT, spec, container));

async function events(name: string, ...expected: readonly unknown[]): Promise<void> {
  await waitFor(`the events of pod ${name}`, async saw => {
    const { items } = await node.events.list('default', { fieldSelector: `involvedObject.name=${name}` });
    const seen = items.map(e => `${e.type} ${e.reason} ${e.message}`);
    saw(seen);
    expect(seen).toEqual(expect.arrayContaining([...expected]));
    return true;
  });
}

const waits = (name: string, reason: string, message: RegExp): Promise<unknown> =>
  node.until(`to wait for ${reason}`, name, pod => {
    const waiting = pod?.status?.containerStatuses?.[0]?.state.waiting;
    return waiting?.reason === reason && message.test(waiting.message ?? '');
  });

async function remove(name: string): Promise<void> {
  await node.pods.delete('default', name);
  await node.gone(name);
}

async function putLogin(name: string): Promise<void> {
  const auths = { [registry.address]: { auth: btoa('me:s3cret') } };
  const secrets = new ResourceClient<Secret>(node.admin, { group: '', version: 'v1', plural: 'secrets' });
  await secrets.create({
    metadata: { name, namespace: 'default' },
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': btoa(JSON.stringify({ auths })) },
  });
}

describe('images of pods', () => {
  it('are not pulled without credentials that the registry asks for, and that is told', async () => {
    await run('nobody', { image }, { imagePullSecrets: [{ name: 'missing' }] });
    await waits('nobody', 'ErrImagePull', UNAUTHORIZED);
    await waits('nobody', 'ImagePullBackOff', new RegExp(`^Back-off pulling image "${image}": ErrImagePull: `));
    await events(
      'nobody',
      'Warning FailedToRetrieveImagePullSecret Unable to retrieve some image pull secrets (missing); attempting to pull the image may not succeed.',
      `Normal Pulling Pulling image "${image}"`,
      expect.stringMatching(/^Warning Failed Failed to pull image /),
      'Warning Failed Error: ErrImagePull',
      `Normal BackOff Back-off pulling image "${image}"`,
      'Warning Failed Error: ImagePullBackOff',
    );
    await remove('nobody');
  });

  it('are pulled with those of the pod, and used from then on', async () => {
    await putLogin('login');
    await run('somebody', { image }, { imagePullSecrets: [{ name: 'login' }] });
    await node.running('somebody');
    await events(
      'somebody',
      expect.stringMatching(
        /^Normal Pulled Successfully pulled image ".*" in \S+ \(\S+ including waiting\)\. Image size: [1-9]\d* bytes\.$/,
      ),
      'Normal Created Container created',
      'Normal Started Container started',
    );
    await remove('somebody');
    await events('somebody', 'Normal Killing Stopping container main');
  });

  it('that are there are for pods that could have pulled them, also after a kill -9', async () => {
    await killAndRestart(node.kubelet);
    await run('stranger', { image });
    await waits('stranger', 'ErrImagePull', UNAUTHORIZED);
    await run('hidden', { image, imagePullPolicy: 'Never' });
    await waits('hidden', 'ErrImageNeverPull', /not present with pull policy of Never$/);
    await putLogin('same-login');
    await run('friend', { image }, { imagePullSecrets: [{ name: 'same-login' }] });
    await node.running('friend');
    await events(
      'friend',
      `Normal Pulled Container image "${image}" already present on machine and can be accessed by the pod`,
    );
    for (const name of ['stranger', 'hidden', 'friend']) await remove(name);
  });

  it.each([
    [
      'never',
      { image: 'reg.example/no:1', imagePullPolicy: 'Never' },
      'ErrImageNeverPull',
      /not present with pull policy of Never$/,
    ],
    ['wrong', { image: 'reg.example/NO' }, 'InvalidImageName', /invalid reference format$/],
  ])('%s: %j waits for %s', async (name, container, reason, message) => {
    await run(name, container);
    await waits(name, reason, message);
    await events(name, `Warning Failed Error: ${reason}`);
    await remove(name);
  });
});

if (testedRuntime() === 'containerd') console.info('skipped: containerd 1.6 shows no images as volumes');

describe.skipIf(testedRuntime() === 'containerd')('images as volumes of pods', () => {
  const volume = (reference: string, more: object = {}) => ({
    volumes: [{ name: 'model', image: { reference, ...more } }],
    imagePullSecrets: [{ name: 'volume-login' }],
  });
  const at = (mountPath: string, more: object = {}) => ({ name: 'model', mountPath, ...more });
  let model = '';
  beforeAll(async () => {
    const layer = await buildLayer([
      [{ name: 'data.json' }, 'kitten'],
      [{ name: 'etc/', type: 'directory' }],
      [{ name: 'etc/os-release' }, 'Linux of the volume'],
    ]);
    model = await registry.pushBuilt(buildImage([layer]), 'model:1');
    await putLogin('volume-login');
  });

  it('are pulled with the secrets of the pod and shown to its containers, whole and in part', async () => {
    const script = 'cat /v/data.json /e/os-release > /dev/termination-log; touch /v/x 2>> /dev/termination-log';
    const spec = { ...volume(model, { pullPolicy: 'Always' }), restartPolicy: 'Never' };
    const volumeMounts = [at('/v'), at('/e', { subPath: 'etc' })];
    await node.pods.create(boundPod(node.name, 'mounts', script, spec, { image, volumeMounts }));
    const ended = await node.until('to end', 'mounts', pod => pod?.status?.phase === 'Failed');
    expect(ended?.status?.containerStatuses?.[0]?.state.terminated?.message).toMatch(
      /^kittenLinux of the volumetouch: \/v\/x: Read-only file system/,
    );
    await events(
      'mounts',
      `Normal Pulling Pulling image "${model}"`,
      expect.stringContaining(`Normal Pulled Successfully pulled image "${model}" in `),
    );
    await remove('mounts');
  });

  it.each([
    ['absent', {}, /^failed to pull image ".*absent:1": /, 'ErrImagePull'],
    ['never', { pullPolicy: 'Never' }, /not present with pull policy of Never$/, 'ErrImageNeverPull'],
  ])('%s: a container that mounts one that cannot be had waits for it', async (name, more, message, reason) => {
    const absent = model.replace('model', 'absent');
    await run(name, { image, volumeMounts: [at('/v')] }, volume(absent, more));
    await waits(name, reason, message);
    await events(name, `Warning Failed Error: ${reason}`);
    await remove(name);
  });

  it('that cannot be had hold up no container that does not mount them, and say so in their own name', async () => {
    const absent = model.replace('model', 'absent');
    await run('unused', { image }, volume(absent));
    await node.running('unused');
    await run('backs-off', { image, volumeMounts: [at('/v')] }, volume(absent));
    await waits('backs-off', 'ImagePullBackOff', new RegExp(`^Back-off pulling image "${absent}": ErrImagePull: `));
    await events('backs-off', `Normal BackOff Back-off pulling image "${absent}"`);
    for (const name of ['unused', 'backs-off']) await remove(name);
  });

  it('without the directory that is asked for: the container is not made, and that is told', async () => {
    await run('no-path', { image, volumeMounts: [at('/v', { subPath: 'none' })] }, volume(model));
    await waits(
      'no-path',
      'CreateContainerError',
      /ImageVolumeMountFailed: mount \/v: image_sub_path "none" is no directory/,
    );
    await remove('no-path');
  });
});
