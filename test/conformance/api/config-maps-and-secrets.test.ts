import { expect, it } from 'vitest';
import { refusal } from '../../harness/api-client.ts';
import { describeApi, uniqueName } from './cluster.ts';

const text = (value: string): string => Buffer.from(value).toString('base64');

describeApi('ConfigMaps and Secrets', cluster => {
  it('[sig-node] ConfigMap should fail to create ConfigMap with empty key [Conformance]', async () => {
    const maps = cluster().of('ConfigMap', await cluster().namespace());
    const status = await refusal(maps.create({ metadata: { name: 'empty-key' }, data: { '': 'value-1' } }));
    expect(status).toMatchObject({ code: 422, reason: 'Invalid', details: { causes: [{ field: 'data[]' }] } });
    expect(await maps.names()).toEqual([]);
  });

  it('[sig-node] Secrets should fail to create secret due to empty secret key [Conformance]', async () => {
    const secrets = cluster().of('Secret', await cluster().namespace());
    const status = await refusal(secrets.create({ metadata: { name: 'empty-key' }, data: { '': text('value-1') } }));
    expect(status).toMatchObject({ code: 422, reason: 'Invalid', details: { causes: [{ field: 'data[]' }] } });
    expect(await secrets.names()).toEqual([]);
  });

  it('[sig-node] ConfigMap should update ConfigMap successfully [Conformance] [NodeConformance]', async () => {
    const maps = cluster().of('ConfigMap', await cluster().namespace());
    const created = await maps.create({ metadata: { name: 'updated' } });
    expect(Number(created.metadata.resourceVersion)).toBeGreaterThan(0);
    const updated = await maps.update({ ...created, data: { data: 'value' } });
    expect(updated.data).toEqual({ data: 'value' });
    expect(await maps.get('updated')).toEqual(updated);
  });

  it('[sig-node] ConfigMap should run through a ConfigMap lifecycle [Conformance]', async () => {
    const namespace = await cluster().namespace();
    const maps = cluster().of('ConfigMap', namespace);
    const labels = { static: uniqueName('map') };
    const labelSelector = `static=${labels.static}`;
    const watch = await maps.watch({ labelSelector });
    const created = await maps.create({ metadata: { name: 'test-configmap', labels }, data: { valueName: 'value' } });
    const patch = { metadata: { labels: { change: 'patched' } }, data: { valueName: 'value1' } };
    const patched = await maps.patch('test-configmap', 'strategic-merge-patch', patch);
    expect(patched.data).toEqual({ valueName: 'value1' });
    expect(patched.metadata.labels).toEqual({ ...labels, change: 'patched' });
    expect(Number(patched.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion));
    expect((await cluster().of('ConfigMap').list({ labelSelector })).items).toEqual([patched]);
    await maps.deleteCollection({ labelSelector });
    expect(await maps.names({ labelSelector })).toEqual([]);
    const events = await watch.take(3);
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
    expect(events.slice(0, 2).map(({ object }) => object)).toEqual([created, patched]);
    watch.close();
  });

  it('[sig-node] Secrets should patch a secret [Conformance]', async () => {
    const secrets = cluster().of('Secret', await cluster().namespace());
    const labels = { static: uniqueName('secret') };
    const labelSelector = `static=${labels.static}`;
    const created = await secrets.create({
      metadata: { name: 'patched', labels },
      data: { key: text('value') },
      type: 'Opaque',
    });
    expect((await cluster().of('Secret').list({ labelSelector })).items).toEqual([created]);
    const patch = { metadata: { labels: { change: 'patched' } }, data: { key: text('value1') } };
    const patched = await secrets.patch('patched', 'strategic-merge-patch', patch);
    expect(patched.data).toEqual({ key: text('value1') });
    expect(Number(patched.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion));
    expect(await secrets.get('patched')).toEqual(patched);
    await secrets.deleteCollection({ labelSelector });
    expect((await cluster().of('Secret').list({ labelSelector })).items).toEqual([]);
  });

  it('[sig-storage] ConfigMap should be immutable if `immutable` field is set [Conformance]', async () => {
    const maps = cluster().of('ConfigMap', await cluster().namespace());
    await maps.create({ metadata: { name: 'immutable' }, data: { key: '1' } });
    const changed = await maps.update({ metadata: { name: 'immutable' }, data: { key: '2' } });
    const immutable = await maps.update({ ...changed, immutable: true });
    const refused = { code: 422, reason: 'Invalid' };
    const data = await refusal(maps.update({ ...immutable, data: { key: '3' } }));
    expect(data).toMatchObject({ ...refused, details: { causes: [{ field: 'data' }] } });
    const mutable = await refusal(maps.update({ ...immutable, immutable: false }));
    expect(mutable).toMatchObject({ ...refused, details: { causes: [{ field: 'immutable' }] } });
    const labelled = { ...immutable.metadata, labels: { label: 'changed' } };
    expect((await maps.update({ ...immutable, metadata: labelled })).metadata.labels).toEqual({ label: 'changed' });
    await maps.delete('immutable');
    expect(await maps.names()).toEqual([]);
  });

  it('[sig-storage] Secrets should be immutable if `immutable` field is set [Conformance]', async () => {
    const secrets = cluster().of('Secret', await cluster().namespace());
    await secrets.create({ metadata: { name: 'immutable' }, data: { key: text('1') } });
    const changed = await secrets.update({ metadata: { name: 'immutable' }, data: { key: text('2') } });
    const immutable = await secrets.update({ ...changed, immutable: true });
    const refused = { code: 422, reason: 'Invalid' };
    const data = await refusal(secrets.update({ ...immutable, data: { key: text('3') } }));
    expect(data).toMatchObject({ ...refused, details: { causes: [{ field: 'data' }] } });
    const mutable = await refusal(secrets.update({ ...immutable, immutable: false }));
    expect(mutable).toMatchObject({ ...refused, details: { causes: [{ field: 'immutable' }] } });
    const labelled = { ...immutable.metadata, labels: { label: 'changed' } };
    expect((await secrets.update({ ...immutable, metadata: labelled })).metadata.labels).toEqual({ label: 'changed' });
    await secrets.delete('immutable');
    expect(await secrets.names()).toEqual([]);
  });
});
