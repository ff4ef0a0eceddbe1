import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { admissionPlugins } from '../../../../src/apiserver/handlers/admission-plugins.ts';
import { MemoryStore } from '../../../../src/apiserver/storage/memory/memory-store.ts';
import { OptimisticStorage } from '../../../../src/apiserver/storage/optimistic-storage.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';
import { HandlersOnStorage } from '../../../harness/handlers-on-storage.ts';
import { waitFor } from '../../../harness/wait-for.ts';

let clock: FakeClock;
let server: HandlersOnStorage;
beforeEach(async () => {
  clock = new FakeClock();
  const storage = new OptimisticStorage(new MemoryStore(clock));
  server = await HandlersOnStorage.start(storage, { clock, admission: admissionPlugins });
});
afterEach(() => server.stop());

const pod = { metadata: { name: 'x', namespace: 'a' }, spec: { containers: [{ name: 'app', image: 'i' }] } };
const namespace = { metadata: { name: 'a', finalizers: ['a.b/c'] } };

describe('what was written a moment ago', () => {
  it('counts: a namespace that was made', async () => {
    await server.create('/v1/namespaces', namespace);
    await server.create('/v1/configmaps', { metadata: { name: 'x', namespace: 'a' } });
  });

  it('counts: a namespace that was deleted', async () => {
    await server.create('/v1/namespaces', namespace);
    await server.create('/v1/configmaps', { metadata: { name: 'x', namespace: 'a' } });
    await server.remove('/v1/namespaces', '', 'a');
    await expect(server.create('/v1/configmaps', { metadata: { name: 'y', namespace: 'a' } })).rejects.toMatchObject({
      reason: 'Forbidden',
      message:
        'configmaps "y" is forbidden: unable to create new content in namespace a because it is being terminated',
    });
  });

  it('counts: the account of a pod', async () => {
    await server.create('/v1/namespaces', namespace);
    await server.create('/v1/serviceaccounts', { metadata: { name: 'default', namespace: 'a' } });
    expect(await server.create('/v1/pods', pod)).toMatchObject({ spec: { serviceAccountName: 'default' } });
  });
});

describe('a pod in a new namespace', () => {
  it('waits for the account that a controller makes', async () => {
    await server.create('/v1/namespaces', namespace);
    const made = server.create('/v1/pods', pod);
    await waitFor('the pod to wait', () => clock.pending > 0);
    await server.create('/v1/serviceaccounts', { metadata: { name: 'default', namespace: 'a' } });
    expect(await made).toMatchObject({ spec: { serviceAccountName: 'default' } });
  });

  it('does not wait for long', async () => {
    await server.create('/v1/namespaces', namespace);
    const made = server.create('/v1/pods', pod).catch(error => error);
    await waitFor('the pod to wait', () => clock.pending > 0);
    await clock.advance(1_500);
    expect(await made).toMatchObject({
      message: 'pods "x" is forbidden: error looking up service account a/default: serviceaccount "default" not found',
    });
  });
});
