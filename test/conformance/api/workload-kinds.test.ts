import { expect, it } from 'vitest';
import { refusal } from '../../harness/api-client.ts';
import { describeApi, uniqueName } from './cluster.ts';

const template = (image: string) => ({ spec: { containers: [{ name: 'nginx', image }] } });

describeApi('PodTemplates and PriorityClasses', cluster => {
  it('[sig-node] PodTemplates should run the lifecycle of PodTemplates [Conformance]', async () => {
    const templates = cluster().of('PodTemplate', await cluster().namespace());
    const labels = { static: uniqueName('template') };
    const labelSelector = `static=${labels.static}`;
    const created = await templates.create({
      metadata: { name: 'nginx-pod-template', labels },
      template: template('a'),
    });
    expect(await templates.get('nginx-pod-template')).toEqual(created);
    expect((await cluster().of('PodTemplate').list({ labelSelector })).items).toEqual([created]);
    const patch = { metadata: { labels: { podtemplate: 'patched' } } };
    const patched = await templates.patch('nginx-pod-template', 'strategic-merge-patch', patch);
    expect(patched.metadata.labels).toEqual({ ...labels, podtemplate: 'patched' });
    expect(Number(patched.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion));
    await templates.delete('nginx-pod-template');
    expect((await cluster().of('PodTemplate').list({ labelSelector })).items).toEqual([]);
  });

  it('[sig-node] PodTemplates should delete a collection of pod templates [Conformance]', async () => {
    const templates = cluster().of('PodTemplate', await cluster().namespace());
    const names = ['test-podtemplate-1', 'test-podtemplate-2', 'test-podtemplate-3'];
    for (const name of names)
      await templates.create({ metadata: { name, labels: { set: 'true' } }, template: template('a') });
    expect(await templates.names({ labelSelector: 'set=true' })).toEqual(names);
    await templates.deleteCollection({ labelSelector: 'set=true' });
    expect(await templates.names({ labelSelector: 'set=true' })).toEqual([]);
  });

  it('[sig-node] PodTemplates should replace a pod template [Conformance]', async () => {
    const templates = cluster().of('PodTemplate', await cluster().namespace());
    const created = await templates.create({ metadata: { name: 'replaced' }, template: template('a') });
    expect(created.metadata.annotations).toBeUndefined();
    const annotations = { updated: 'true' };
    const updated = await templates.update({ ...created, metadata: { ...created.metadata, annotations } });
    expect(updated.metadata.annotations).toEqual(annotations);
    expect(await templates.get('replaced')).toEqual(updated);
  });

  it('[sig-scheduling] SchedulerPreemption PriorityClass endpoints verify PriorityClass endpoints can be operated with different HTTP methods [Conformance] [Serial]', async () => {
    const classes = cluster().of('PriorityClass');
    const test = uniqueName('class');
    const draft = (name: string, value: number) => ({ metadata: { name: `${test}-${name}`, labels: { test } }, value });
    const first = await classes.create(draft('p1', 1));
    const second = await classes.create(draft('p2', 2));
    const refused = { code: 422, reason: 'Invalid', details: { causes: [{ field: 'value' }] } };
    const patched = classes.patch(`${test}-p1`, 'strategic-merge-patch', { value: 10 });
    expect(await refusal(patched)).toMatchObject(refused);
    expect(await refusal(classes.update({ ...second, value: 20 }))).toMatchObject(refused);
    const description = 'updated description';
    await classes.patch(`${test}-p1`, 'strategic-merge-patch', { description });
    await classes.update({ ...second, description });
    expect(await classes.names({ labelSelector: `test=${test}` })).toEqual([`${test}-p1`, `${test}-p2`]);
    for (const before of [first, second]) {
      const after = await classes.get(before.metadata.name ?? '');
      expect([after.value, after.description]).toEqual([before.value, description]);
      expect(Number(after.metadata.resourceVersion)).toBeGreaterThan(Number(before.metadata.resourceVersion));
    }
    await classes.deleteCollection({ labelSelector: `test=${test}` });
    expect(await classes.names({ labelSelector: `test=${test}` })).toEqual([]);
  });
});
