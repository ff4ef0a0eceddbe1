import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Storage } from '../../../../src/apiserver/storage/storage.ts';
import { EtcdError } from '../../../../src/etcd/errors.ts';
import { type Answer, MemoryApi } from '../../../harness/memory-api.ts';

const MAPS = '/api/v1/namespaces/a/configmaps';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/a/deployments';
const APPLY = 'application/apply-patch+yaml';
const MERGE = 'application/merge-patch+json';

let api: MemoryApi;
beforeEach(async () => {
  api = await MemoryApi.start();
});
afterEach(() => api.stop());

const map = (data: object, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'x', ...metadata },
  data,
});
const apply = (manager: string, body: object | string, more = '', url = `${MAPS}/x`): Promise<Answer> =>
  api.ask('PATCH', `${url}?fieldManager=${manager}${more}`, { contentType: APPLY, body });
const deployment = (spec: object) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'x' },
  spec: {
    selector: { matchLabels: { app: 'x' } },
    template: { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'i:1' }] } },
    ...spec,
  },
});
const managers = ({ json }: Answer): unknown[] =>
  (json.metadata.managedFields ?? []).map((entry: { manager: string; operation: string; subresource?: string }) =>
    [entry.manager, entry.operation, ...(entry.subresource === undefined ? [] : [entry.subresource])].join(' '),
  );

/** As etcd does: its own limit is 1.5 MiB. */
function refuseLargerThan(storage: Storage, bytes: number): void {
  const check = (value: Buffer): void => {
    if (value.length > bytes) throw new EtcdError('invalid-argument', 'request-too-large', 'too large');
  };
  const { create, update } = { create: storage.create.bind(storage), update: storage.update.bind(storage) };
  vi.spyOn(storage, 'create').mockImplementation(async (key, value, options) => {
    check(value);
    return create(key, value, options);
  });
  vi.spyOn(storage, 'update').mockImplementation((key, tryUpdate, options) =>
    update(
      key,
      async current => {
        const updated = await tryUpdate(current);
        check(updated.value);
        return updated;
      },
      options,
    ),
  );
}

describe('server-side apply', () => {
  it('creates what is not there, and says who manages what', async () => {
    const created = await apply('one', map({ a: '1' }));
    expect([created.status, created.json.data, created.json.metadata.managedFields]).toEqual([
      201,
      { a: '1' },
      [
        {
          manager: 'one',
          operation: 'Apply',
          apiVersion: 'v1',
          time: '2030-01-01T00:00:00Z',
          fieldsType: 'FieldsV1',
          fieldsV1: { 'f:data': { 'f:a': {} } },
        },
      ],
    ]);
    expect((await api.ask('GET', `${MAPS}/x`)).json).toEqual(created.json);
  });

  it('writes nothing where nothing changed', async () => {
    const created = await apply('one', map({ a: '1' }));
    const again = await apply('one', map({ a: '1' }));
    expect([again.status, again.json]).toEqual([200, created.json]);
  });

  it('takes away what the applier gave up, and leaves what others have', async () => {
    await apply('one', map({ a: '1', b: '1' }));
    await apply('two', map({ b: '1', c: '1' }));
    expect((await apply('one', map({}))).json.data).toEqual({ b: '1', c: '1' });
    expect((await apply('two', map({}))).json.data).toBeUndefined();
  });

  it('is refused what another manages, and told what and who', async () => {
    await apply('one', map({ a: '1', b: '1' }));
    await api.ask('PATCH', `${MAPS}/x?fieldManager=two`, { contentType: MERGE, body: { data: { c: '1' } } });
    expect((await apply('three', map({ a: '2', b: '2', c: '2' }))).json).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message:
        'Apply failed with 3 conflicts: conflicts with "one":\n- .data.a\n- .data.b\nconflicts with "two" using v1:\n- .data.c',
      details: {
        causes: [
          { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.a' },
          { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.b' },
          { reason: 'FieldManagerConflict', message: 'conflict with "two" using v1', field: '.data.c' },
        ],
      },
    });
    expect((await apply('three', map({ a: '2' }))).json.message).toBe(
      'Apply failed with 1 conflict: conflict with "one": .data.a',
    );
  });

  it('takes it by force, and shares what is the same', async () => {
    await apply('one', map({ a: '1', b: '1' }));
    const forced = await apply('two', map({ a: '2', b: '1' }), '&force=true');
    expect(forced.json.data).toEqual({ a: '2', b: '1' });
    const fields = forced.json.metadata.managedFields.map((entry: { manager: string; fieldsV1: object }) => [
      entry.manager,
      entry.fieldsV1,
    ]);
    expect(fields).toEqual([
      ['one', { 'f:data': { 'f:b': {} } }],
      ['two', { 'f:data': { 'f:a': {}, 'f:b': {} } }],
    ]);
  });

  it('conflicts with whoever set fields by an update, and takes those that nobody has from before it', async () => {
    await api.ask('POST', `${MAPS}?fieldManager=creator`, { body: map({ a: '1' }) });
    expect((await apply('one', map({ a: '2' }))).json.message).toBe(
      'Apply failed with 1 conflict: conflict with "creator" using v1: .data.a',
    );
    await api.ask('PATCH', `${MAPS}/x`, { contentType: MERGE, body: { metadata: { managedFields: [{}] } } });
    const applied = await apply('one', map({ b: '1' }));
    expect([applied.json.data, managers(applied)]).toEqual([
      { a: '1', b: '1' },
      ['one Apply', 'before-first-apply Update'],
    ]);
  });

  it('merges elements by their keys, and finds the defaults of missing ones', async () => {
    const ports = (...list: object[]) =>
      deployment({
        template: {
          metadata: { labels: { app: 'x' } },
          spec: { containers: [{ name: 'c', image: 'i:1', ports: list }] },
        },
      });
    const url = `${DEPLOYMENTS}/x`;
    await apply('one', ports({ containerPort: 80 }), '', url);
    const { json } = await apply('two', ports({ containerPort: 80, protocol: 'UDP' }), '', url);
    expect(json.spec.template.spec.containers[0].ports).toEqual([
      { containerPort: 80, protocol: 'TCP' },
      { containerPort: 80, protocol: 'UDP' },
    ]);
  });

  it('of a status changes that alone, and does not create what is not there', async () => {
    const url = `${DEPLOYMENTS}/x/status`;
    const status = { ...deployment({ replicas: 9 }), status: { replicas: 3 } };
    expect((await apply('one', status, '', url)).json).toMatchObject({ code: 404, reason: 'NotFound' });
    await apply('one', deployment({}), '', `${DEPLOYMENTS}/x`);
    const applied = await apply('two', status, '', url);
    expect([applied.json.spec.replicas, applied.json.status.replicas, managers(applied)]).toEqual([
      1,
      3,
      ['one Apply', 'two Apply status'],
    ]);
  });

  it('of a scale takes the number from whoever had it in the object', async () => {
    await apply('one', deployment({ replicas: 1 }), '', `${DEPLOYMENTS}/x`);
    const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'x' }, spec: { replicas: 5 } };
    const url = `${DEPLOYMENTS}/x/scale`;
    expect((await apply('two', scale, '', url)).json.message).toBe(
      'Apply failed with 1 conflict: conflict with "one": .spec.replicas',
    );
    expect((await apply('two', scale, '&force=true', url)).json.spec.replicas).toBe(5);
    const after = await api.ask('GET', `${DEPLOYMENTS}/x`);
    expect([after.json.spec.replicas, managers(after)]).toEqual([5, ['two Apply scale', 'one Apply']]);
    expect((await apply('one', deployment({ replicas: 1 }), '', `${DEPLOYMENTS}/x`)).json.message).toBe(
      'Apply failed with 1 conflict: conflict with "two" with subresource "scale": .spec.replicas',
    );
  });

  it('of a dry run stores nothing', async () => {
    expect((await apply('one', map({ a: '1' }), '&dryRun=All')).status).toBe(201);
    expect((await api.ask('GET', `${MAPS}/x`)).status).toBe(404);
  });

  it('reads YAML', async () => {
    const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\ndata:\n  a: "1"\n';
    expect((await apply('one', yaml)).json.data).toEqual({ a: '1' });
  });

  it('keeps what client-side apply would go on from', async () => {
    const key = 'kubectl.kubernetes.io/last-applied-configuration';
    const client = map({ a: '1', b: '1' });
    const created = map({ a: '1', b: '1' }, { annotations: { [key]: `${JSON.stringify(client)}\n` } });
    await api.ask('POST', `${MAPS}?fieldManager=kubectl-client-side-apply`, { body: created });
    expect((await apply('other', map({ a: '2' }))).status).toBe(409);
    const applied = await apply('kubectl', map({ a: '2' }));
    expect([applied.status, applied.json.data, applied.json.metadata.annotations[key]]).toEqual([
      200,
      { a: '2', b: '1' },
      '{"apiVersion":"v1","data":{"a":"2"},"kind":"ConfigMap","metadata":{"name":"x"}}\n',
    ]);
  });
});

describe('what cannot be applied', () => {
  beforeEach(() => apply('one', map({ a: '1' })));
  const x = (body: object | string, more = ''): Promise<Answer> => apply('two', body, more);

  it.each([
    [
      'without a manager',
      () => apply('', map({})),
      422,
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    ],
    ['managers', () => x(map({}, { managedFields: [] })), 400, 'metadata.managedFields must be nil'],
    ['another kind', () => x({ ...map({}), kind: 'Secret' }), 400, 'invalid object type: /v1, Kind=Secret'],
    [
      'another version',
      () => x({ ...map({}), apiVersion: 'apps/v1' }),
      400,
      'invalid object type: apps/v1, Kind=ConfigMap',
    ],
    ['nothing', () => x(''), 400, 'invalid object type: /, Kind='],
    [
      'another name',
      () => x(map({}, { name: 'y' })),
      400,
      'the name of the object (y) does not match the name on the URL (x)',
    ],
    [
      'another namespace',
      () => x(map({}, { namespace: 'b' })),
      400,
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
    ['an older version', () => x(map({}, { resourceVersion: '1' })), 409, /the object has been modified/],
    ['another life', () => x(map({}, { uid: 'u' })), 409, /Precondition failed: UID in precondition: u/],
    [
      'a field that there is not',
      () => x({ ...map({}), dada: {} }),
      500,
      'failed to create typed patch object (/x; /v1, Kind=ConfigMap): .dada: field not declared in schema',
    ],
    ['what is no YAML', () => x('a: [', ''), 400, /^error decoding YAML: error converting YAML to JSON: yaml: /],
    [
      'a list',
      () => x('[]'),
      400,
      'error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}',
    ],
    [
      'a name twice, strictly',
      () =>
        x('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {b: "1", b: "2"}', '&fieldValidation=Strict'),
      400,
      'error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 4: key "b" already set in map',
    ],
  ])('%s', async (_, ask, code, message) => {
    const { json } = await ask();
    expect([json.code, json.message]).toEqual([
      code,
      typeof message === 'string' ? message : expect.stringMatching(message),
    ]);
  });

  it('a name twice is warned of where the request wants that', async () => {
    const twice = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {b: "1", b: "2"}';
    const answer = await x(twice, '&fieldValidation=Warn');
    expect([answer.json.data, answer.warnings.join()]).toEqual([
      { a: '1', b: '2' },
      expect.stringContaining('already set in map'),
    ]);
  });

  it('a quantity that is none', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'x' },
      spec: { containers: [{ name: 'c', image: 'i', resources: { limits: { cpu: 'much' } } }] },
    };
    expect((await apply('one', pod, '', '/api/v1/namespaces/a/pods/x')).json).toMatchObject({
      code: 500,
      message: expect.stringMatching(
        /^failed to convert new object \(\/x; \/v1, Kind=Pod\) to proper version: unable to convert unstructured object to \/v1, Kind=Pod: quantities must match/,
      ),
    });
  });

  it('an object with a uid that is not there', async () => {
    expect((await apply('one', map({}, { name: 'z', uid: 'u' }), '', `${MAPS}/z`)).json).toMatchObject({
      code: 409,
      message:
        'Operation cannot be fulfilled on configmaps "z": uid mismatch: the provided object specified uid u, and no existing object was found',
    });
  });
});

describe('managers of what is written otherwise', () => {
  const patch = (manager: string, body: object, url = `${MAPS}/x`): Promise<Answer> =>
    api.ask('PATCH', `${url}?fieldManager=${manager}`, { contentType: MERGE, body });

  it('are those that changed a field last', async () => {
    await api.ask('POST', `${MAPS}?fieldManager=one`, { body: map({ a: '1', b: '1' }) });
    const { json } = await patch('two', { data: { a: '2' } });
    expect(json.metadata.managedFields).toMatchObject([
      { manager: 'one', fieldsV1: { 'f:data': { '.': {}, 'f:b': {} } } },
      { manager: 'two', fieldsV1: { 'f:data': { 'f:a': {} } } },
    ]);
  });

  it('lose what is removed, and are gone when they have nothing', async () => {
    await api.ask('POST', `${MAPS}?fieldManager=one`, { body: map({ a: '1' }) });
    await patch('two', { data: { b: '1' } });
    expect(managers(await patch('three', { data: { b: null } }))).toEqual(['one Update']);
  });

  it('have their names from User-Agent where none is said', async () => {
    const userAgent = 'kubectl-edit/v1.36.0 (linux/amd64)';
    await api.ask('POST', `${MAPS}?fieldManager=one`, { body: map({ a: '1' }) });
    expect(managers(await api.ask('PUT', `${MAPS}/x`, { body: map({ a: '2', b: '1' }), userAgent }))).toEqual([
      'kubectl-edit Update',
      'one Update',
    ]);
    expect(managers(await api.ask('POST', MAPS, { body: map({ a: '1' }, { name: 'y' }) }))).toEqual(['unknown Update']);
  });

  it('of a subresource stand apart', async () => {
    await api.ask('POST', `${DEPLOYMENTS}?fieldManager=one`, { body: deployment({}) });
    const { json } = await patch('two', { status: { replicas: 1 } }, `${DEPLOYMENTS}/x/status`);
    expect(json.metadata.managedFields).toMatchObject([
      { manager: 'one' },
      { manager: 'two', subresource: 'status', fieldsV1: { 'f:status': { 'f:replicas': {} } } },
    ]);
  });

  it('are no more than ten by update: the oldest become one', async () => {
    await api.ask('POST', `${MAPS}?fieldManager=m00`, { body: map({ k: '0' }) });
    for (let i = 1; i <= 11; i += 1)
      await patch(`m${String(i).padStart(2, '0')}`, { data: { [`k${String(i)}`]: '1' } });
    expect(managers(await api.ask('GET', `${MAPS}/x`))).toEqual([
      'ancient-changes Update',
      ...Array.from({ length: 9 }, (_, i) => `m${String(i + 3).padStart(2, '0')} Update`),
    ]);
  });

  it.each([
    ['an empty list', []],
    ['one empty entry', [{}]],
  ])('are all gone after %s', async (_, managedFields) => {
    await api.ask('POST', `${MAPS}?fieldManager=one`, { body: map({ a: '1' }) });
    expect(managers(await patch('two', { metadata: { managedFields } }))).toEqual([]);
  });

  it.each([
    ['an operation that there is not', { operation: 'Take' }],
    ['no version', { apiVersion: '' }],
    ['no type of fields', { fieldsType: '' }],
    ['another type of fields', { fieldsType: 'FieldsV2' }],
    ['fields that are none', { fieldsV1: { a: {} } }],
  ])('stay as they are where a client sends %s', async (_, wrong) => {
    const { json } = await api.ask('POST', `${MAPS}?fieldManager=one`, { body: map({ a: '1' }) });
    const [entry] = json.metadata.managedFields;
    const answer = await patch('two', { metadata: { managedFields: [{ ...entry, manager: 'evil', ...wrong }] } });
    expect([answer.status, managers(answer)]).toEqual([200, ['one Update']]);
  });

  it('may be named by a client as it likes, within limits', async () => {
    const { json } = await api.ask('POST', `${MAPS}?fieldManager=one`, { body: map({ a: '1' }) });
    const [entry] = json.metadata.managedFields;
    const named = (manager: string) => patch('two', { metadata: { managedFields: [{ ...entry, manager }] } });
    expect(managers(await named('three'))).toEqual(['three Update']);
    expect((await named('x'.repeat(129))).json.message).toBe(
      'ConfigMap "x" is invalid: metadata.managedFields[0].manager: Too long: may not be more than 128 bytes',
    );
  });

  it('that are broken in the store keep nothing from being applied but by an update, which takes them away', async () => {
    await api.ask('POST', `${MAPS}?fieldManager=one`, { body: map({ a: '1' }) });
    const key = '/registry/configmaps/a/x';
    const stored = JSON.parse((await api.stored(key)).toString());
    stored.metadata.managedFields[0].operation = 'Take';
    await api.put(key, stored);
    expect((await apply('two', map({ a: '1' }))).json).toMatchObject({
      code: 500,
      message: 'failed to decode managed fields: operation must be `Apply` or `Update`',
    });
    expect(managers(await patch('two', { data: { b: '1' } }))).toEqual([]);
    expect((await apply('two', map({ a: '1' }))).status).toBe(200);
  });

  it('are left out where etcd would take the object but for them', async () => {
    const data = Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`k${String(i)}`, '1']));
    await api.ask('POST', `${MAPS}?fieldManager=one`, { body: map(data) });
    refuseLargerThan(api.storage, 400);
    const answer = await patch('two', { data: { k9: '1' } });
    expect([answer.status, answer.json.data.k9, managers(answer)]).toEqual([200, '1', []]);
    const created = await api.ask('POST', MAPS, { body: map(data, { name: 'y' }) });
    expect([created.status, managers(created)]).toEqual([201, []]);
  });

  it('whose version is served no more are gone at the next write', async () => {
    const { json } = await api.ask('POST', `${MAPS}?fieldManager=one`, { body: map({ a: '1' }) });
    const [entry] = json.metadata.managedFields;
    const old = { ...entry, apiVersion: 'v0', manager: 'old' };
    expect(managers(await patch('two', { metadata: { managedFields: [entry, old] } }))).toEqual(['one Update']);
  });
});
