import {
  ApiException,
  AppsV1Api,
  AuthenticationV1Api,
  AutoscalingV1Api,
  BatchV1Api,
  CoreV1Api,
  EventsV1Api,
  type Informer,
  KubeConfig,
  KubernetesObjectApi,
  makeInformer,
  type ObjectCache,
  PatchStrategy,
  PolicyV1Api,
  RbacAuthorizationV1Api,
  setHeaderOptions,
  type V1ConfigMap,
  type V1Status,
  VersionApi,
  Watch,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestApiServer } from '../harness/api-server.ts';
import { suiteOf } from '../harness/kubectl.ts';
import { waitFor } from '../harness/wait-for.ts';

/** A Status as it comes, without the client's own names. */
interface Refusal {
  readonly code: number;
  readonly reason?: string;
  readonly metadata?: { readonly continue?: string };
}

const suite = suiteOf({ path: '@kubernetes/client-node' });

describe.skipIf(suite.skipped)(`a typed client against the API server ${suite.title}`, () => {
  let server: TestApiServer;
  let config: KubeConfig;
  let core: CoreV1Api;
  /** A namespace of the running test. */
  let namespace = '';
  let tests = 0;

  const configFrom = (path: string): KubeConfig => {
    const made = new KubeConfig();
    made.loadFromFile(path);
    return made;
  };

  beforeAll(async () => {
    server = await TestApiServer.start();
    config = configFrom(server.kubeconfigFor('admin', ['system:masters']));
    core = config.makeApiClient(CoreV1Api);
  });

  beforeEach(async () => {
    tests += 1;
    namespace = `t${tests}`;
    await core.createNamespace({ body: { metadata: { name: namespace } } });
    await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name: 'default' } } });
  });

  afterAll(async () => {
    await server?.remove();
  });

  const create = (name: string, labels: Record<string, string> = {}) =>
    core.createNamespacedConfigMap({ namespace, body: { metadata: { name, labels }, data: { step: '0' } } });
  const write = (name: string, step: string) =>
    core.patchNamespacedConfigMap(
      { namespace, name, body: { data: { step } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    );
  const remove = (name: string) => core.deleteNamespacedConfigMap({ namespace, name });

  /** What an informer told, in its order, and the state that it keeps. A connection that breaks is begun again, as its users do. */
  const informed = (labelSelector?: string) => {
    const told: string[] = [];
    const errors: unknown[] = [];
    let stopped = false;
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const list = () =>
      core.listNamespacedConfigMap({ namespace, ...(labelSelector === undefined ? {} : { labelSelector }) });
    const informer: Informer<V1ConfigMap> & ObjectCache<V1ConfigMap> = makeInformer(config, path, list, labelSelector);
    const note = (event: string) => (object: V1ConfigMap) => {
      told.push(`${event} ${object.metadata?.name} ${object.data?.['step']}`);
    };
    informer.on('add', note('add'));
    informer.on('update', note('update'));
    informer.on('delete', note('delete'));
    informer.on('error', error => {
      errors.push(error);
      void waitFor('the server to be back', async () => stopped || (await server.get('/readyz')) === 200).then(() =>
        stopped ? undefined : informer.start(),
      );
    });
    return {
      told,
      errors,
      start: () => informer.start(),
      state: () => Object.fromEntries(informer.list().map(each => [each.metadata?.name, each.data?.['step']])),
      async stop() {
        stopped = true;
        await informer.stop();
      },
    };
  };

  it('informs of what was there and of every change after it, in order', async () => {
    await create('before');
    const informer = informed();
    await informer.start();
    try {
      await create('one');
      for (const step of ['1', '2', '3']) await write('one', step);
      await remove('before');
      await waitFor('the last event', () => informer.told.includes('delete before 0'));
      expect(informer.told).toEqual([
        'add before 0',
        'add one 0',
        'update one 1',
        'update one 2',
        'update one 3',
        'delete before 0',
      ]);
      expect(informer.state()).toEqual({ one: '3' });
    } finally {
      await informer.stop();
    }
  });

  it('informs of objects that come into a selection and leave it', async () => {
    const informer = informed('set=a');
    await informer.start();
    try {
      await create('one', { set: 'b' });
      const label = (set: string) =>
        core.patchNamespacedConfigMap(
          { namespace, name: 'one', body: { metadata: { labels: { set } } } },
          setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
        );
      await label('a');
      await label('c');
      await waitFor('the end of it', () => informer.told.length === 2);
      expect(informer.told).toEqual(['add one 0', 'delete one 0']);
    } finally {
      await informer.stop();
    }
  });

  it('loses no event over kill -9 of the server', async () => {
    const informer = informed();
    await informer.start();
    try {
      for (const name of ['kept', 'changed', 'removed']) await create(name);
      await waitFor('the first three', () => informer.told.length === 3);
      await server.kill();
      await server.start();
      // some of these come before the informer is back, some after
      await create('new');
      for (const step of ['1', '2', '3']) await write('changed', step);
      await remove('removed');
      await create('last');
      await waitFor('the same state', saw => {
        saw(informer.told);
        return JSON.stringify(informer.state()) === JSON.stringify({ kept: '0', changed: '3', new: '0', last: '0' });
      });
      expect(informer.errors).not.toEqual([]);
      const of = (event: string) => informer.told.filter(each => each.startsWith(event)).toSorted();
      expect(of('add')).toEqual(['add changed 0', 'add kept 0', 'add last 0', 'add new 0', 'add removed 0']);
      expect(of('delete')).toEqual(['delete removed 0']);
      expect(of('update').at(-1)).toBe('update changed 3');
    } finally {
      await informer.stop();
    }
  });

  it('loses and reorders nothing while somebody writes through two deaths of the server', async () => {
    const informer = informed();
    await informer.start();
    const names = ['a', 'b', 'c'];
    for (const name of names) await create(name);
    let lives = 0;
    const writer = async (name: string): Promise<number> => {
      let step = 0;
      // at least a hundred each, and until the second death is over
      while (step < 100 || lives < 2) {
        const next = String(step + 1);
        await waitFor('the server to take it', () =>
          write(name, next).then(
            () => true,
            () => false,
          ),
        );
        step += 1;
      }
      return step;
    };
    try {
      const writing = Promise.all(names.map(writer));
      for (; lives < 2; lives += 1) {
        const seen = informer.told.length;
        await waitFor('twenty more events', () => informer.told.length > seen + 20);
        await server.kill();
        await server.start();
      }
      const last = await writing;
      await waitFor('the last writes', saw => {
        saw(informer.state());
        return names.every((name, i) => informer.state()[name] === String(last[i]));
      });
      for (const name of names) {
        const steps = informer.told.map(each => each.split(' ')).filter(([, of]) => of === name);
        expect(steps.filter(([event]) => event !== 'update').map(([event]) => event)).toEqual(['add']);
        const numbers = steps.map(([, , step]) => Number(step));
        expect(numbers).toEqual([...new Set(numbers)].toSorted((one, other) => one - other));
      }
    } finally {
      await informer.stop();
    }
  });

  /** Writes that go by, then etcd forgets them, and the server starts anew: nothing older than this can be watched any more. */
  const forgetThePast = async (): Promise<void> => {
    const { metadata } = await core.listNamespace();
    await server.kill();
    const etcd = server.etcd.client();
    try {
      await etcd.compact(Number(metadata?.resourceVersion));
    } finally {
      etcd.close();
    }
    await server.start();
  };

  it('lists again where the past that it would resume from is compacted away', async () => {
    const informer = informed();
    await informer.start();
    try {
      for (const name of ['kept', 'removed']) await create(name);
      await waitFor('both', () => informer.told.length === 2);
      await informer.stop();
      await remove('removed');
      await create('new');
      await forgetThePast();
      await informer.start();
      await waitFor('the new object', () => informer.told.includes('add new 0'));
      expect(informer.state()).toEqual({ kept: '0', new: '0' });
      expect(informer.told.slice(2).toSorted()).toEqual(['add new 0', 'delete removed 0']);
    } finally {
      await informer.stop();
    }
  });

  it('is told 410 where it watches from a past that is compacted away', async () => {
    const old = (await core.listNamespacedConfigMap({ namespace })).metadata?.resourceVersion ?? '';
    await create('one');
    await remove('one');
    await forgetThePast();
    const seen: V1Status[] = [];
    let ended = 0;
    const watch = await new Watch(config).watch(
      `/api/v1/namespaces/${namespace}/configmaps`,
      { resourceVersion: old },
      (type, object) => seen.push({ type, ...object } as V1Status),
      () => {
        ended += 1;
      },
    );
    try {
      await waitFor('the end', () => ended === 1);
      expect(seen).toMatchObject([{ type: 'ERROR', kind: 'Status', code: 410, reason: 'Expired' }]);
    } finally {
      watch.abort();
    }
  });

  it('goes on with a list by the token of a 410', async () => {
    for (const name of ['a', 'b', 'c']) await create(name);
    const first = await core.listNamespacedConfigMap({ namespace, limit: 1 });
    expect(first.metadata).toMatchObject({ remainingItemCount: 2 });
    await remove('b');
    await forgetThePast();
    const token = first.metadata?._continue ?? '';
    const gone = await refusal(core.listNamespacedConfigMap({ namespace, limit: 1, _continue: token }));
    expect(gone).toMatchObject({ code: 410, reason: 'Expired' });
    const rest = await core.listNamespacedConfigMap({ namespace, _continue: gone.metadata?.continue ?? '' });
    expect(rest.items.map(({ metadata }) => metadata?.name)).toEqual(['c']);
  });

  it('creates, reads, replaces and deletes objects of many kinds by their types', async () => {
    const labels = { app: 'web' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'registry.test/web:1' }] } };
    const apps = config.makeApiClient(AppsV1Api);
    const deployment = await apps.createNamespacedDeployment({
      namespace,
      body: { metadata: { name: 'web' }, spec: { selector: { matchLabels: labels }, template } },
    });
    expect(deployment.spec).toMatchObject({ replicas: 1, progressDeadlineSeconds: 600 });
    expect(deployment.metadata?.creationTimestamp).toBeInstanceOf(Date);
    const scale = await apps.readNamespacedDeploymentScale({ namespace, name: 'web' });
    await apps.replaceNamespacedDeploymentScale({ namespace, name: 'web', body: { ...scale, spec: { replicas: 4 } } });
    expect((await apps.readNamespacedDeployment({ namespace, name: 'web' })).spec?.replicas).toBe(4);

    const job = await config.makeApiClient(BatchV1Api).createNamespacedJob({
      namespace,
      body: {
        metadata: { generateName: 'job-' },
        spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } },
      },
    });
    expect(job.metadata?.name).toMatch(/^job-[a-z0-9]{5}$/);

    const hpa = await config.makeApiClient(AutoscalingV1Api).createNamespacedHorizontalPodAutoscaler({
      namespace,
      body: {
        metadata: { name: 'web' },
        spec: {
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
          maxReplicas: 3,
          targetCPUUtilizationPercentage: 70,
        },
      },
    });
    expect(hpa.spec?.targetCPUUtilizationPercentage).toBe(70);

    await config.makeApiClient(RbacAuthorizationV1Api).createNamespacedRole({
      namespace,
      body: { metadata: { name: 'r' }, rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] },
    });
    const event = await config.makeApiClient(EventsV1Api).createNamespacedEvent({
      namespace,
      body: {
        metadata: { name: 'e' },
        eventTime: '2026-01-01T00:00:00.000000Z' as unknown as Date,
        action: 'Test',
        reason: 'Tested',
        type: 'Normal',
        reportingController: 'test.example/c',
        reportingInstance: 'c-1',
        regarding: { kind: 'Deployment', namespace, name: 'web' },
      },
    } as never);
    expect(event.regarding?.name).toBe('web');
    expect((await core.readNamespacedEvent({ namespace, name: 'e' })).involvedObject.name).toBe('web');

    await core.createNamespacedPod({
      namespace,
      body: { metadata: { name: 'one', labels }, spec: { ...template.spec, nodeName: 'n' } },
    });
    await config.makeApiClient(PolicyV1Api).createNamespacedPodDisruptionBudget({
      namespace,
      body: { metadata: { name: 'p' }, spec: { minAvailable: 1, selector: { matchLabels: labels } } },
    });
    await core.deleteNamespacedPod({ namespace, name: 'one', gracePeriodSeconds: 0 });
    expect((await core.listNamespacedPod({ namespace })).items).toEqual([]);
    await apps.deleteCollectionNamespacedDeployment({ namespace, labelSelector: '!none' });
    expect((await apps.listNamespacedDeployment({ namespace })).items).toEqual([]);
  });

  it('evicts a pod when its disruption budget allows that', async () => {
    const labels = { app: 'web' };
    const policy = config.makeApiClient(PolicyV1Api);
    const status = (disruptionsAllowed: number) =>
      policy.patchNamespacedPodDisruptionBudgetStatus(
        { namespace, name: 'web', body: { status: { disruptionsAllowed, observedGeneration: 1 } } },
        setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
      );
    await core.createNamespacedPod({
      namespace,
      body: {
        metadata: { name: 'one', labels },
        spec: {
          nodeName: 'n',
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'c', image: 'registry.test/x' }],
        },
      },
    });
    await core.patchNamespacedPodStatus(
      {
        namespace,
        name: 'one',
        body: { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } },
      },
      setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
    );
    await policy.createNamespacedPodDisruptionBudget({
      namespace,
      body: { metadata: { name: 'web' }, spec: { minAvailable: 1, selector: { matchLabels: labels } } },
    });
    const evict = () =>
      core.createNamespacedPodEviction({ namespace, name: 'one', body: { metadata: { name: 'one' } } });
    await status(0);
    expect(await refusal(evict())).toMatchObject({
      code: 429,
      reason: 'TooManyRequests',
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      details: { causes: [{ reason: 'DisruptionBudget' }] },
    });
    await status(1);
    await evict();
    expect((await core.listNamespacedPod({ namespace })).items).toEqual([]);
    const { status: left } = await policy.readNamespacedPodDisruptionBudgetStatus({ namespace, name: 'web' });
    expect(left?.disruptionsAllowed).toBe(0);
  });

  it('reads and writes objects without types, by discovery', async () => {
    const objects = KubernetesObjectApi.makeApiClient(config);
    const made = await objects.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'any', namespace },
      data: { a: '1' },
    } as V1ConfigMap);
    expect(made.metadata?.uid).toBeDefined();
    const patched = await objects.patch(
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'any', namespace }, data: { b: '2' } } as V1ConfigMap,
      undefined,
      undefined,
      undefined,
      undefined,
      PatchStrategy.StrategicMergePatch,
    );
    expect((patched as V1ConfigMap).data).toEqual({ a: '1', b: '2' });
    expect((await objects.list('v1', 'ConfigMap', namespace)).items).toHaveLength(1);
    await objects.delete({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'any', namespace } });
    expect((await objects.list('v1', 'ConfigMap', namespace)).items).toEqual([]);
  });

  it.each([
    [PatchStrategy.JsonPatch, [{ op: 'add', path: '/data/new', value: '1' }]],
    [PatchStrategy.MergePatch, { data: { new: '1' } }],
    [PatchStrategy.StrategicMergePatch, { data: { new: '1' } }],
  ])('patches by %s', async (type, body) => {
    await create('one');
    const patched = await core.patchNamespacedConfigMap(
      { namespace, name: 'one', body },
      setHeaderOptions('Content-Type', type),
    );
    expect(patched.data).toEqual({ step: '0', new: '1' });
  });

  const refusal = async (call: Promise<unknown>): Promise<Refusal> => {
    const error: unknown = await call.then(
      () => new Error('it was not refused'),
      thrown => thrown,
    );
    if (!(error instanceof ApiException)) throw error;
    // the client throws the body of a 401 away
    return { code: error.code, ...JSON.parse(String(error.body ?? '{}')) } as Refusal;
  };

  it('throws upstream’s statuses', async () => {
    await create('one');
    const current = await core.readNamespacedConfigMap({ namespace, name: 'one' });
    await write('one', '1');
    expect(await refusal(core.readNamespacedConfigMap({ namespace, name: 'none' }))).toMatchObject({
      code: 404,
      reason: 'NotFound',
      details: { name: 'none', kind: 'configmaps' },
    });
    expect(await refusal(create('one'))).toMatchObject({
      code: 409,
      reason: 'AlreadyExists',
      message: 'configmaps "one" already exists',
    });
    expect(await refusal(core.replaceNamespacedConfigMap({ namespace, name: 'one', body: current }))).toMatchObject({
      code: 409,
      reason: 'Conflict',
    });
    expect(await refusal(create('Upper'))).toMatchObject({
      code: 422,
      reason: 'Invalid',
      details: { causes: [{ field: 'metadata.name' }] },
    });
    const applied = await core.patchNamespacedConfigMap(
      {
        namespace,
        name: 'one',
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one' }, data: { applied: 'yes' } },
        fieldManager: 'test',
      },
      setHeaderOptions('Content-Type', PatchStrategy.ServerSideApply),
    );
    expect(applied.data).toMatchObject({ applied: 'yes' });
    expect(applied.metadata?.managedFields?.[0]).toMatchObject({
      manager: 'test',
      operation: 'Apply',
      fieldsV1: { 'f:data': { 'f:applied': {} } },
    });
  });

  it('comes with a certificate or a token, each with its own rights', async () => {
    const jane = configFrom(server.kubeconfigFor('jane', ['dev'])).makeApiClient(CoreV1Api);
    expect(await refusal(jane.listNamespacedPod({ namespace }))).toMatchObject({ code: 403, reason: 'Forbidden' });
    const { status } = await core.createNamespacedServiceAccountToken({
      namespace,
      name: 'default',
      body: { spec: { audiences: [], expirationSeconds: 600 } },
    });
    const robot = configFrom(server.kubeconfigWithToken(status?.token ?? ''));
    const { status: review } = await robot.makeApiClient(AuthenticationV1Api).createSelfSubjectReview({ body: {} });
    expect(review?.userInfo?.username).toBe(`system:serviceaccount:${namespace}:default`);
    const nobody = configFrom(server.kubeconfigWithToken('nonsense')).makeApiClient(CoreV1Api);
    expect(await refusal(nobody.listNamespacedPod({ namespace }))).toMatchObject({ code: 401 });
    expect((await config.makeApiClient(VersionApi).getCode()).minor).toBe('36');
  });
});
