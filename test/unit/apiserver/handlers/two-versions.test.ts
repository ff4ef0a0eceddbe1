import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeProtobuf, encodeProtobuf } from '../../../../src/api/protobuf/object.ts';
import { decodeWatchFrames } from '../../../../src/api/protobuf/watch-frame.ts';
import { builtinTable } from '../../../../src/api/schema/builtin.ts';
import { MemoryApi, PROTOBUF } from '../../../harness/memory-api.ts';

const CORE = '/api/v1/namespaces/a/events';
const EVENTS = '/apis/events.k8s.io/v1/namespaces/a/events';
const HPA1 = '/apis/autoscaling/v1/namespaces/a/horizontalpodautoscalers';
const HPA2 = '/apis/autoscaling/v2/namespaces/a/horizontalpodautoscalers';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

let api: MemoryApi;
beforeEach(async () => {
  api = await MemoryApi.start();
});
afterEach(() => api.stop());

const event = (more: object = {}) => ({
  kind: 'Event',
  apiVersion: 'events.k8s.io/v1',
  metadata: { name: 'e' },
  eventTime: '2030-01-01T00:00:00.000000Z',
  reportingController: 'test.io/c',
  reportingInstance: 'c-1',
  action: 'Doing',
  reason: 'Done',
  regarding: { kind: 'Pod', namespace: 'a', name: 'p' },
  note: 'it is done',
  type: 'Normal',
  ...more,
});
const coreEvent = (more: object = {}) => ({
  kind: 'Event',
  apiVersion: 'v1',
  metadata: { name: 'old', namespace: 'a' },
  involvedObject: { kind: 'Pod', namespace: 'a', name: 'p' },
  reason: 'Old',
  message: 'of before',
  source: { component: 'kubelet', host: 'n1' },
  firstTimestamp: '2030-01-01T00:00:00Z',
  lastTimestamp: '2030-01-01T00:01:00Z',
  count: 3,
  type: 'Warning',
  ...more,
});

describe('an event', () => {
  it('made in the newer group is stored as the core group has it, and read in both', async () => {
    const made = await api.ask('POST', EVENTS, { body: event() });
    expect(made.status).toBe(201);
    expect(made.json).toMatchObject({
      ...event(),
      metadata: { name: 'e', namespace: 'a', resourceVersion: expect.anything() },
    });
    expect(made.json).not.toHaveProperty('involvedObject');
    expect(JSON.parse((await api.stored('/registry/events/a/e')).toString())).toMatchObject({
      apiVersion: 'v1',
      message: 'it is done',
      involvedObject: { name: 'p' },
      reportingComponent: 'test.io/c',
    });
    expect((await api.ask('GET', `${CORE}/e`)).json).toMatchObject({ apiVersion: 'v1', message: 'it is done' });
    expect((await api.ask('GET', `${EVENTS}/e`)).json).toEqual(made.json);
  });

  it('made in the core group is read in the newer one', async () => {
    expect((await api.ask('POST', CORE, { body: coreEvent() })).status).toBe(201);
    expect((await api.ask('GET', `${EVENTS}/old`)).json).toMatchObject({
      apiVersion: 'events.k8s.io/v1',
      regarding: { kind: 'Pod', namespace: 'a', name: 'p' },
      note: 'of before',
      deprecatedSource: { component: 'kubelet', host: 'n1' },
      deprecatedFirstTimestamp: '2030-01-01T00:00:00Z',
      deprecatedLastTimestamp: '2030-01-01T00:01:00Z',
      deprecatedCount: 3,
      type: 'Warning',
    });
  });

  it('is listed in the version of the list, in JSON and protobuf', async () => {
    await api.ask('POST', CORE, { body: coreEvent() });
    await api.ask('POST', EVENTS, { body: event() });
    const { json } = await api.ask('GET', EVENTS);
    expect([json.kind, json.apiVersion]).toEqual(['EventList', 'events.k8s.io/v1']);
    expect(json.items.map((e: { note: string }) => e.note)).toEqual(['it is done', 'of before']);
    const { bytes } = await api.ask('GET', EVENTS, { accept: PROTOBUF });
    const list = decodeProtobuf(bytes, (apiVersion, kind) => {
      expect([apiVersion, kind]).toEqual(['events.k8s.io/v1', 'EventList']);
      return builtinTable.struct('events/v1.EventList');
    });
    expect(list['items']).toMatchObject([{ note: 'it is done' }, { note: 'of before', deprecatedCount: 3 }]);
  });

  it('is watched in the version of each watch, in the form that each wants', async () => {
    const [core, newer] = [await api.watch(`${CORE}?watch=1`), await api.watch(`${EVENTS}?watch=1`)];
    const binary = await api.watch(`${EVENTS}?watch=1&timeoutSeconds=1`, `${PROTOBUF};stream=watch`);
    await api.ask('POST', EVENTS, { body: event() });
    expect(await core.events(1)).toMatchObject([
      { type: 'ADDED', object: { apiVersion: 'v1', message: 'it is done' } },
    ]);
    expect(await newer.events(1)).toMatchObject([
      { type: 'ADDED', object: { apiVersion: 'events.k8s.io/v1', note: 'it is done' } },
    ]);
    await api.clock.advance(1000);
    await binary.ended;
    const [frame] = decodeWatchFrames(binary.takeBytes(), 1 << 20).frames;
    expect(
      decodeProtobuf(frame?.object ?? Buffer.alloc(0), () => builtinTable.struct('events/v1.Event')),
    ).toMatchObject({
      apiVersion: 'events.k8s.io/v1',
      note: 'it is done',
    });
    await Promise.all([core.close(), newer.close()]);
  });

  it('has the same row in both versions, and the object of the version', async () => {
    await api.ask('POST', EVENTS, { body: event() });
    const [core, newer] = await Promise.all(
      [CORE, EVENTS].map(async url => (await api.ask('GET', `${url}?includeObject=Object`, { accept: TABLE })).json),
    );
    expect(newer.columnDefinitions).toEqual(core.columnDefinitions);
    expect(newer.rows[0].cells).toEqual(core.rows[0].cells);
    expect([core.rows[0].object.message, newer.rows[0].object.note]).toEqual(['it is done', 'it is done']);
  });

  it.each([
    [EVENTS, 'regarding.name=p', 2],
    [EVENTS, 'regarding.kind=Pod,regarding.namespace=a', 2],
    [EVENTS, 'reportingController=test.io/c', 1],
    [EVENTS, 'reason=Old', 1],
    [EVENTS, 'type=Warning,metadata.name=old', 1],
    [CORE, 'involvedObject.name=p', 2],
    [CORE, 'reportingComponent=test.io/c', 1],
    [CORE, 'source=kubelet', 1],
  ])('is chosen in %s by %s', async (url, selector, count) => {
    await api.ask('POST', CORE, { body: coreEvent() });
    await api.ask('POST', EVENTS, { body: event() });
    const { json } = await api.ask('GET', `${url}?fieldSelector=${encodeURIComponent(selector)}`);
    expect(json.items).toHaveLength(count);
  });

  it.each([
    [EVENTS, 'involvedObject.name'],
    [EVENTS, 'source'],
    [EVENTS, 'reportingComponent'],
    [CORE, 'regarding.name'],
    [CORE, 'reportingController'],
  ])('cannot be chosen in %s by %s', async (url, field) => {
    const { json } = await api.ask('GET', `${url}?fieldSelector=${field}%3Dp`);
    expect([json.code, json.message]).toEqual([400, expect.stringContaining(`field label not supported: ${field}`)]);
  });

  it.each([
    ['eventTime', { eventTime: null }, 'eventTime: Required value'],
    ['deprecatedCount', { deprecatedCount: 2 }, 'count: Invalid value: "": needs to be unset'],
    ['deprecatedSource', { deprecatedSource: { host: 'n' } }, 'source: Invalid value: "": needs to be unset'],
    ['type', { type: 'Other' }, 'type: Invalid value: "": has invalid value: Other'],
    ['reportingController', { reportingController: '' }, 'reportingController: Required value'],
    [
      'series',
      { series: { count: 1, lastObservedTime: '2030-01-01T00:00:00.000000Z' } },
      'series.count: Invalid value: "": should be at least 2',
    ],
  ])('is refused in the newer group for its %s', async (_, more, message) => {
    const { json } = await api.ask('POST', EVENTS, { body: event(more) });
    expect([json.code, json.message]).toEqual([422, expect.stringMatching(/^Event "e" is invalid: /)]);
    expect(json.message).toContain(message);
  });

  it('may be in the core group what it may not be in the newer one', async () => {
    expect((await api.ask('POST', CORE, { body: coreEvent({ type: 'Other' }) })).status).toBe(201);
  });

  it('is changed in the newer group in its series alone, and under the names of that group', async () => {
    await api.ask('POST', EVENTS, { body: event() });
    const series = { count: 2, lastObservedTime: '2030-01-01T00:00:01.000000Z' };
    const contentType = 'application/merge-patch+json';
    expect((await api.ask('PATCH', `${EVENTS}/e`, { contentType, body: { series } })).json).toMatchObject({ series });
    const { json } = await api.ask('PATCH', `${EVENTS}/e`, { contentType, body: { note: 'other' } });
    expect([json.code, json.message]).toEqual([
      422,
      expect.stringContaining('message: Invalid value: "other": field is immutable'),
    ]);
    expect((await api.ask('PATCH', `${CORE}/e`, { contentType, body: { message: 'other' } })).json.message).toBe(
      'other',
    );
  });

  it('is updated and made by PUT in the newer group', async () => {
    const made = await api.ask('PUT', `${EVENTS}/e`, { body: event() });
    expect([made.status, made.json.note]).toEqual([201, 'it is done']);
    const again = await api.ask('PUT', `${EVENTS}/e`, { body: made.json });
    expect([again.status, again.json]).toEqual([200, made.json]);
  });

  it('with fields of the other group is refused where the client is strict', async () => {
    const { json } = await api.ask('POST', `${EVENTS}?fieldValidation=Strict`, { body: { ...event(), message: 'x' } });
    expect([json.code, json.message]).toEqual([400, expect.stringContaining('unknown field "message"')]);
  });

  it('is shown by a dry run as the version has it', async () => {
    const { json } = await api.ask('POST', `${EVENTS}?dryRun=All`, { body: event() });
    expect([json.note, json.message]).toEqual(['it is done', undefined]);
  });

  it.each([
    ['JSON', (json: object) => Buffer.from(JSON.stringify(json))],
    [
      'protobuf',
      (json: object) => encodeProtobuf(builtinTable.struct('events/v1.Event'), { deprecatedSource: {}, ...json }),
    ],
  ])('that a server has stored in the newer version, as %s, is read in both', async (_, bytes) => {
    await api.put('/registry/events/a/e', bytes({ ...event(), metadata: { name: 'e', namespace: 'a' } }));
    expect((await api.ask('GET', `${CORE}/e`)).json).toMatchObject({ apiVersion: 'v1', message: 'it is done' });
    expect((await api.ask('GET', `${EVENTS}/e`)).json).toMatchObject({ note: 'it is done' });
  });

  it('vanishes in both groups an hour after it was made', async () => {
    await api.ask('POST', EVENTS, { body: event() });
    await api.clock.advance(3_600_001);
    expect((await api.ask('GET', `${CORE}/e`)).status).toBe(404);
  });
});

const autoscaler = (version: string, spec: object) => ({
  kind: 'HorizontalPodAutoscaler',
  apiVersion: `autoscaling/${version}`,
  metadata: { name: 'h' },
  spec: { scaleTargetRef: { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' }, maxReplicas: 5, ...spec },
});

describe('an autoscaler', () => {
  it('made in v1 is stored as v2 with the defaults of both', async () => {
    const made = await api.ask('POST', HPA1, { body: autoscaler('v1', { targetCPUUtilizationPercentage: 50 }) });
    expect([made.status, made.json.apiVersion, made.json.spec]).toEqual([
      201,
      'autoscaling/v1',
      { ...autoscaler('v1', {}).spec, minReplicas: 1, targetCPUUtilizationPercentage: 50 },
    ]);
    expect((await api.ask('GET', `${HPA2}/h`)).json.spec.metrics).toEqual([
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
    ]);
    expect(JSON.parse((await api.stored('/registry/horizontalpodautoscalers/a/h')).toString()).apiVersion).toBe(
      'autoscaling/v2',
    );
  });

  it('made in v2 is written back by a client of v1 without a loss', async () => {
    const memory = {
      type: 'Resource',
      resource: { name: 'memory', target: { type: 'Utilization', averageUtilization: 60 } },
    };
    const behavior = { scaleDown: { policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }] } };
    const before = (await api.ask('POST', HPA2, { body: autoscaler('v2', { metrics: [memory], behavior }) })).json;
    const { json } = await api.ask('GET', `${HPA1}/h`);
    const changed = await api.ask('PUT', `${HPA1}/h`, { body: { ...json, spec: { ...json.spec, maxReplicas: 9 } } });
    expect([changed.status, changed.json.spec.maxReplicas]).toEqual([200, 9]);
    const after = (await api.ask('GET', `${HPA2}/h`)).json;
    expect(after.spec).toEqual({ ...before.spec, maxReplicas: 9 });
    expect(after.metadata.annotations).toBeUndefined();
  });

  it('patched in v1 is changed in v2', async () => {
    await api.ask('POST', HPA2, { body: autoscaler('v2', {}) });
    const contentType = 'application/strategic-merge-patch+json';
    const patched = await api.ask('PATCH', `${HPA1}/h`, {
      contentType,
      body: { spec: { targetCPUUtilizationPercentage: 33 } },
    });
    expect(patched.json.spec.targetCPUUtilizationPercentage).toBe(33);
    const { spec } = (await api.ask('GET', `${HPA2}/h`)).json;
    expect(spec.metrics[0].resource.target.averageUtilization).toBe(33);
  });

  it('gets its status written in v1', async () => {
    await api.ask('POST', HPA1, { body: autoscaler('v1', {}) });
    const contentType = 'application/merge-patch+json';
    const status = { currentReplicas: 2, desiredReplicas: 3, currentCPUUtilizationPercentage: 40 };
    const patched = await api.ask('PATCH', `${HPA1}/h/status`, {
      contentType,
      body: { status, spec: { maxReplicas: 99 } },
    });
    expect([patched.json.status, patched.json.spec.maxReplicas]).toEqual([status, 5]);
    expect((await api.ask('GET', `${HPA2}/h/status`)).json.status).toMatchObject({
      currentReplicas: 2,
      desiredReplicas: 3,
      currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 40 } } }],
    });
  });

  it('does not store the annotations that v1 carries fields of v2 in', async () => {
    const annotations = { 'autoscaling.alpha.kubernetes.io/metrics': '[]', mine: 'x' };
    const { json } = await api.ask('POST', HPA2, {
      body: { ...autoscaler('v2', {}), metadata: { name: 'h', annotations } },
    });
    expect(json.metadata.annotations).toEqual({ mine: 'x' });
  });

  it('gets the defaults of v2 for a behavior that came through v1', async () => {
    const annotations = {
      'autoscaling.alpha.kubernetes.io/behavior':
        '{"ScaleUp":{"Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":5}]}}',
    };
    await api.ask('POST', HPA1, { body: { ...autoscaler('v1', {}), metadata: { name: 'h', annotations } } });
    expect((await api.ask('GET', `${HPA2}/h`)).json.spec.behavior).toEqual({
      scaleUp: {
        stabilizationWindowSeconds: 0,
        selectPolicy: 'Max',
        policies: [{ type: 'Pods', value: 1, periodSeconds: 5 }],
      },
      scaleDown: { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] },
    });
  });

  it('is refused in the words of both versions', async () => {
    const { json } = await api.ask('POST', HPA1, { body: autoscaler('v1', { minReplicas: 9 }) });
    expect([json.code, json.message]).toEqual([
      422,
      'HorizontalPodAutoscaler.autoscaling "h" is invalid: spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`',
    ]);
  });

  it('is watched in each version, bookmarks too', async () => {
    const watch = await api.watch(
      `${HPA1}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
    );
    expect(await watch.events(1)).toMatchObject([{ type: 'BOOKMARK', object: { apiVersion: 'autoscaling/v1' } }]);
    await api.ask('POST', HPA2, { body: autoscaler('v2', {}) });
    expect(await watch.events(1)).toMatchObject([
      { type: 'ADDED', object: { apiVersion: 'autoscaling/v1', spec: { targetCPUUtilizationPercentage: 80 } } },
    ]);
    await watch.close();
  });
});
