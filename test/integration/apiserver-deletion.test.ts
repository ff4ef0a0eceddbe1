import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiClient, refusal } from '../harness/api-client.ts';
import { TestApiServer } from '../harness/api-server.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into objects of every kind
type Any = any;

let server: TestApiServer;
let admin: ApiClient;
beforeAll(async () => {
  server = await TestApiServer.start();
  admin = server.clientFor('admin', ['system:masters']);
  await admin.json('POST', '/api/v1/namespaces/default/serviceaccounts', { body: { metadata: { name: 'default' } } });
});
afterAll(async () => {
  admin.close();
  await server.remove();
});

const MAPS = '/api/v1/namespaces/default/configmaps';
const PODS = '/api/v1/namespaces/default/pods';
let made = 0;
const create = (path: string, metadata: object = {}, rest: object = {}): Promise<Any> => {
  made += 1;
  return admin.json('POST', path, { body: { metadata: { name: `x-${made}`, ...metadata }, ...rest } });
};
const remove = (path: string, object: Any, options: object = {}): Promise<Any> =>
  admin.json('DELETE', `${path}/${object.metadata.name}`, {
    body: { kind: 'DeleteOptions', apiVersion: 'v1', ...options },
  });
const read = async (path: string, object: Any): Promise<Any> => {
  const answer = await admin.request('GET', `${path}/${object.metadata.name}`);
  return answer.status === 404 ? undefined : JSON.parse(answer.text);
};

describe('a deletion', () => {
  it('answers with a Status that names what is gone', async () => {
    const map = await create(MAPS);
    expect(await remove(MAPS, map)).toMatchObject({
      kind: 'Status',
      status: 'Success',
      details: { name: map.metadata.name, kind: 'configmaps', uid: map.metadata.uid },
    });
    expect(await read(MAPS, map)).toBeUndefined();
  });

  it('takes options from the query too', async () => {
    const map = await create(MAPS);
    await admin.json('DELETE', `${MAPS}/${map.metadata.name}`, { query: { propagationPolicy: 'Foreground' } });
    expect((await read(MAPS, map)).metadata.finalizers).toEqual(['foregroundDeletion']);
  });

  it('is only tried in a dry run', async () => {
    const map = await create(MAPS);
    await remove(MAPS, map, { dryRun: ['All'] });
    expect(await read(MAPS, map)).toEqual(map);
  });

  it.each([
    ['Orphan', ['orphan']],
    ['Foreground', ['foregroundDeletion']],
  ])('with the policy %s waits for who cares for the dependents', async (propagationPolicy, finalizers) => {
    const map = await create(MAPS);
    await remove(MAPS, map, { propagationPolicy });
    const marked = await read(MAPS, map);
    expect(marked.metadata).toMatchObject({ finalizers, deletionGracePeriodSeconds: 0 });
    expect(Date.parse(marked.metadata.deletionTimestamp)).not.toBeNaN();
    await admin.json('PUT', `${MAPS}/${map.metadata.name}`, {
      body: { ...marked, metadata: { ...marked.metadata, finalizers: [] } },
    });
    expect(await read(MAPS, map)).toBeUndefined();
  });

  it('with the policy Background is done at once', async () => {
    const map = await create(MAPS);
    await remove(MAPS, map, { propagationPolicy: 'Background' });
    expect(await read(MAPS, map)).toBeUndefined();
  });

  it('with the policy Background takes a policy away that was asked for before', async () => {
    const map = await create(MAPS);
    await remove(MAPS, map, { propagationPolicy: 'Orphan' });
    expect((await read(MAPS, map)).metadata.finalizers).toEqual(['orphan']);
    await remove(MAPS, map, { propagationPolicy: 'Background' });
    expect(await read(MAPS, map)).toBeUndefined();
  });

  it('without a policy keeps to the one that was asked for before', async () => {
    const map = await create(MAPS);
    await remove(MAPS, map, { propagationPolicy: 'Foreground' });
    await remove(MAPS, map);
    expect((await read(MAPS, map)).metadata.finalizers).toEqual(['foregroundDeletion']);
  });

  it('knows the old orphanDependents', async () => {
    const map = await create(MAPS);
    await remove(MAPS, map, { orphanDependents: true });
    expect((await read(MAPS, map)).metadata.finalizers).toEqual(['orphan']);
  });

  it('waits for finalizers; the last that goes takes the object with it', async () => {
    const map = await create(MAPS, { finalizers: ['a.b/one', 'a.b/two'] });
    await remove(MAPS, map);
    for (const [index, left] of [1, 0].entries()) {
      const patch = [{ op: 'remove', path: '/metadata/finalizers/0' }];
      const contentType = 'application/json-patch+json';
      await admin.json('PATCH', `${MAPS}/${map.metadata.name}`, { body: patch, contentType });
      const found = await read(MAPS, map);
      expect([index, found?.metadata.finalizers?.length ?? 0]).toEqual([index, left]);
    }
    expect(await read(MAPS, map)).toBeUndefined();
  });

  it('lets nobody add finalizers to what is being deleted', async () => {
    const map = await create(MAPS, { finalizers: ['a.b/one'] });
    await remove(MAPS, map);
    const patch = { metadata: { finalizers: ['a.b/one', 'a.b/two'] } };
    const contentType = 'application/merge-patch+json';
    const refused = await refusal(admin.json('PATCH', `${MAPS}/${map.metadata.name}`, { body: patch, contentType }));
    expect(refused).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(refused.message).toContain('no new finalizers can be added if the object is being deleted');
  });

  it('holds to the uid that it is told', async () => {
    const map = await create(MAPS);
    const refused = await refusal(remove(MAPS, map, { preconditions: { uid: 'another' } }));
    expect(refused).toMatchObject({ code: 409, reason: 'Conflict' });
    expect(refused.message).toContain(
      `Operation cannot be fulfilled on ConfigMap "${map.metadata.name}": the UID in the precondition (another) does not match the UID in record (${map.metadata.uid}). The object might have been deleted and then recreated`,
    );
    await remove(MAPS, map, { preconditions: { uid: map.metadata.uid } });
  });

  it('holds to the version that it is told', async () => {
    const map = await create(MAPS);
    await admin.json('PUT', `${MAPS}/${map.metadata.name}`, { body: { ...map, data: { a: 'b' } } });
    const { resourceVersion } = map.metadata;
    const refused = await refusal(remove(MAPS, map, { preconditions: { resourceVersion } }));
    expect(refused).toMatchObject({ code: 409, reason: 'Conflict' });
    expect(refused.message).toContain(
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (`,
    );
  });

  it('of what is not there answers 404', async () => {
    const refused = await refusal(remove(MAPS, { metadata: { name: 'gone' } }));
    expect(refused).toMatchObject({ code: 404, message: 'configmaps "gone" not found' });
  });
});

describe('the deletion of a pod', () => {
  const spec = { containers: [{ name: 'app', image: 'registry.test/app' }], terminationGracePeriodSeconds: 45 };
  const running = (): Promise<Any> => create(PODS, {}, { spec: { ...spec, nodeName: 'n1' } });

  it('is done at once where no node has it', async () => {
    const pod = await create(PODS, {}, { spec });
    await remove(PODS, pod);
    expect(await read(PODS, pod)).toBeUndefined();
  });

  it('gives it its time, and marks when that is up', async () => {
    const pod = await running();
    const before = Date.now();
    const marked = await remove(PODS, pod);
    expect(marked).toMatchObject({ kind: 'Pod', metadata: { deletionGracePeriodSeconds: 45 } });
    const seconds = (Date.parse(marked.metadata.deletionTimestamp) - before) / 1000;
    expect(seconds).toBeGreaterThan(43);
    expect(seconds).toBeLessThan(55);
  });

  it('takes a shorter time that is asked for, and no longer one', async () => {
    const pod = await running();
    await remove(PODS, pod, { gracePeriodSeconds: 30 });
    expect((await remove(PODS, pod, { gracePeriodSeconds: 10 })).metadata.deletionGracePeriodSeconds).toBe(10);
    expect((await remove(PODS, pod, { gracePeriodSeconds: 300 })).metadata.deletionGracePeriodSeconds).toBe(10);
  });

  it('is not hurried by who says nothing of a period', async () => {
    const pod = await running();
    await remove(PODS, pod, { gracePeriodSeconds: 60 });
    expect((await remove(PODS, pod)).metadata.deletionGracePeriodSeconds).toBe(60);
  });

  it('is ended by a period of 0, as kubelets ask for', async () => {
    const pod = await running();
    await remove(PODS, pod);
    await remove(PODS, pod, { gracePeriodSeconds: 0 });
    expect(await read(PODS, pod)).toBeUndefined();
  });

  it('counts a negative period as 1', async () => {
    const pod = await running();
    expect((await remove(PODS, pod, { gracePeriodSeconds: -5 })).metadata.deletionGracePeriodSeconds).toBe(1);
  });

  it('is done at once where it has ended', async () => {
    const pod = await running();
    await admin.json('PUT', `${PODS}/${pod.metadata.name}/status`, {
      body: { ...pod, status: { phase: 'Succeeded' } },
    });
    await remove(PODS, pod);
    expect(await read(PODS, pod)).toBeUndefined();
  });

  it('waits for finalizers after its time as well', async () => {
    const pod = await create(PODS, { finalizers: ['a.b/c'] }, { spec: { ...spec, nodeName: 'n1' } });
    await remove(PODS, pod, { gracePeriodSeconds: 0 });
    expect((await read(PODS, pod)).metadata.finalizers).toEqual(['a.b/c']);
  });
});

describe('the deletion of a collection', () => {
  it('takes what a selector chooses, and answers with it', async () => {
    const [chosen, other] = [
      await create(MAPS, { labels: { take: 'me' } }),
      await create(MAPS, { labels: { take: 'not' } }),
    ];
    const list = await admin.json<Any>('DELETE', MAPS, { query: { labelSelector: 'take=me' } });
    expect(list.items.map((item: Any) => item.metadata.name)).toEqual([chosen.metadata.name]);
    expect([await read(MAPS, chosen), await read(MAPS, other)]).toEqual([undefined, other]);
  });

  it('marks what has to wait', async () => {
    const map = await create(MAPS, { labels: { wait: 'yes' }, finalizers: ['a.b/c'] });
    await admin.json('DELETE', MAPS, { query: { labelSelector: 'wait=yes' } });
    expect((await read(MAPS, map)).metadata.deletionTimestamp).toBeDefined();
  });
});

describe('the deletion of a namespace', () => {
  it('marks it until its finalizer has emptied it', async () => {
    const path = '/api/v1/namespaces';
    const space = await create(path, { name: 'ending' });
    await remove(path, space);
    const marked = await read(path, space);
    expect(marked).toMatchObject({ spec: { finalizers: ['kubernetes'] }, status: { phase: 'Terminating' } });
    await admin.json('PUT', `${path}/ending/finalize`, { body: { ...marked, spec: { finalizers: [] } } });
    expect(await read(path, space)).toBeUndefined();
  });
});
