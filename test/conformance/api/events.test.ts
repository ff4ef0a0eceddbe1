import { expect, it } from 'vitest';
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
    expect({ ...updated, metadata: { ...read, resourceVersion } }).toEqual({ ...patched, series });
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
});
