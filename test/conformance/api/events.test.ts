import { expect, it } from 'vitest';
import { refusal } from '../../harness/api-client.ts';
import { describeApi, uniqueName } from './cluster.ts';

describeApi('Events', cluster => {
  it('[sig-instrumentation] Events should manage the lifecycle of an event [Conformance]', async () => {
    const namespace = await cluster().namespace();
    const events = cluster().of('Event', namespace);
    const labels = { test: uniqueName('event') };
    const everywhere = cluster().of('Event');
    const created = await events.create({
      metadata: { name: 'event-test', labels },
      involvedObject: { namespace },
      message: 'This is a test event',
      reason: 'Test',
      type: 'Normal',
      count: 1,
    });
    expect((await everywhere.list({ labelSelector: `test=${labels.test}` })).items).toEqual([created]);
    const message = 'This is a test event - patched';
    await events.patch('event-test', 'strategic-merge-patch', { message });
    const patched = await events.get('event-test');
    expect(patched.message).toBe(message);
    // an update that does not say which version it changes
    const series = { count: 100, lastObservedTime: '2017-09-19T13:49:16.000000Z' };
    const { resourceVersion, ...metadata } = patched.metadata;
    await events.update({ ...patched, metadata, series });
    const { metadata: read, ...updated } = await events.get('event-test');
    // who manages what changes with it, as upstream's test allows
    const { managedFields } = patched.metadata;
    expect({ ...updated, metadata: { ...read, resourceVersion, managedFields } }).toEqual({ ...patched, series });
    await events.delete('event-test');
    expect(await everywhere.names({ labelSelector: `test=${labels.test}` })).toEqual([]);
  });

  it('[sig-instrumentation] Events should delete a collection of events [Conformance]', async () => {
    const namespace = await cluster().namespace();
    const events = cluster().of('Event', namespace);
    const names = ['test-event-1', 'test-event-2', 'test-event-3'];
    for (const name of names)
      await events.create({
        metadata: { name, labels: { set: 'true' } },
        involvedObject: { namespace },
        message: `This is ${name}`,
        reason: 'Test',
        type: 'Normal',
        count: 1,
      });
    expect(await events.names({ labelSelector: 'set=true' })).toEqual(names);
    await events.deleteCollection({ labelSelector: 'set=true' });
    expect(await events.names({ labelSelector: 'set=true' })).toEqual([]);
  });

  const inNewVersion = (namespace: string, name: string, labels: Readonly<Record<string, string>>) => ({
    metadata: { name, labels },
    eventTime: '2017-09-19T13:49:16.000000Z',
    note: `This is ${name}`,
    reason: 'Test',
    type: 'Normal',
    action: 'Do',
    reportingController: 'test-controller',
    reportingInstance: 'test-node',
    regarding: { namespace },
  });

  it('[sig-instrumentation] Events API should ensure that an event can be fetched, patched, deleted, and listed [Conformance]', async () => {
    const namespace = await cluster().namespace();
    const events = cluster().of('EventV1', namespace);
    const created = await events.create(inNewVersion(namespace, 'event-test', { constant: 'true' }));
    expect(created).toMatchObject({ apiVersion: 'events.k8s.io/v1', note: 'This is event-test' });
    expect((await events.list()).items).toEqual([created]);
    expect((await cluster().of('EventV1').list({ labelSelector: 'constant=true' })).items).toEqual([created]);
    // the same event under the names of both versions
    const asCore = await cluster().of('Event', namespace).list({ fieldSelector: 'source=test-controller' });
    expect(asCore.items.map(({ metadata, message }) => [metadata.name, message])).toEqual([
      ['event-test', 'This is event-test'],
    ]);
    expect(await events.names({ fieldSelector: 'reportingController=test-controller' })).toEqual(['event-test']);

    const series = { count: 2, lastObservedTime: '2017-09-19T13:49:11.000000Z' };
    const patched = await events.patch('event-test', 'strategic-merge-patch', { series });
    expect(Number(patched.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion));
    const { resourceVersion, managedFields } = patched.metadata;
    const metadata = { ...created.metadata, resourceVersion, managedFields };
    expect(patched).toEqual({ ...created, metadata, series });
    const more = { count: 100, lastObservedTime: '2017-09-19T13:49:16.000000Z' };
    const updated = await events.update({ ...patched, series: more });
    expect(await events.get('event-test')).toEqual(updated);
    expect(updated.series).toEqual(more);
    await events.delete('event-test');
    expect(await events.names()).toEqual([]);
    expect(await refusal(cluster().of('Event', namespace).get('event-test'))).toMatchObject({ code: 404 });
  });

  it('[sig-instrumentation] Events API should delete a collection of events [Conformance]', async () => {
    const namespace = await cluster().namespace();
    const events = cluster().of('EventV1', namespace);
    const names = ['test-event-1', 'test-event-2', 'test-event-3'];
    for (const name of names) await events.create(inNewVersion(namespace, name, { set: 'true' }));
    expect(await events.names({ labelSelector: 'set=true' })).toEqual(names);
    await events.deleteCollection({ labelSelector: 'set=true' });
    expect(await events.names({ labelSelector: 'set=true' })).toEqual([]);
  });
});
