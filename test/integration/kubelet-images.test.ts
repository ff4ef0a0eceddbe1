import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Secret } from '../../src/api/types/gen/core-v1.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { boundPod, type ClusterNode, clusterNode } from '../harness/cluster-node.ts';
import { killAndRestart } from '../harness/fault.ts';
import { BUSYBOX } from '../harness/images.ts';
import { WAIT } from '../harness/kubelet.ts';
import { type Registry, startRegistry } from '../harness/registry.ts';
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
