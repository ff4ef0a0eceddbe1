import { expect, it } from 'vitest';
import { refusal } from '../../harness/api-client.ts';
import { describeApi, uniqueName } from './cluster.ts';

const condition = (type: string) => ({ type, status: 'True', reason: 'Test', message: `${type} by a test` });

describeApi('Namespaces and what limits them', cluster => {
  it('[sig-api-machinery] Namespaces should patch a Namespace [Conformance] [Serial]', async () => {
    const namespaces = cluster().of('Namespace');
    const name = uniqueName('patched');
    const created = await namespaces.create({ metadata: { name } });
    const patch = { metadata: { labels: { testLabel: 'testValue' } } };
    const patched = await namespaces.patch(name, 'strategic-merge-patch', patch);
    expect(Number(patched.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion));
    expect((await namespaces.get(name)).metadata.labels).toEqual({
      'kubernetes.io/metadata.name': name,
      testLabel: 'testValue',
    });
  });

  it('[sig-api-machinery] Namespaces should apply an update to a Namespace [Conformance] [Serial]', async () => {
    const namespaces = cluster().of('Namespace');
    const name = await cluster().namespace();
    const current = await namespaces.get(name);
    const labels = { ...current.metadata.labels, [name]: 'updated' };
    const updated = await namespaces.update({ ...current, metadata: { ...current.metadata, labels } });
    expect(updated.metadata.labels).toEqual({ 'kubernetes.io/metadata.name': name, [name]: 'updated' });
  });

  it('[sig-api-machinery] Namespaces should apply changes to a namespace status [Conformance] [Serial]', async () => {
    const namespaces = cluster().of('Namespace');
    const name = await cluster().namespace();
    const read = await namespaces.get(name, 'status');
    expect(read.status.phase).toBe('Active');
    const patch = { metadata: { annotations: { patched: name } }, status: { conditions: [condition('StatusPatch')] } };
    const patched = await namespaces.patch(name, 'merge-patch', patch, 'status');
    expect(patched.metadata.annotations).toEqual({ patched: name });
    expect(patched.status.conditions).toMatchObject([condition('StatusPatch')]);
    const conditions = [...(patched.status.conditions ?? []), condition('StatusUpdate')];
    const updated = await namespaces.update({ ...patched, status: { ...patched.status, conditions } }, 'status');
    expect(updated.status.conditions).toMatchObject([condition('StatusPatch'), condition('StatusUpdate')]);
    expect(updated.status.phase).toBe('Active');
  });

  it('[sig-api-machinery] Namespaces should apply a finalizer to a Namespace [Conformance] [Serial]', async () => {
    const namespaces = cluster().of('Namespace');
    const name = await cluster().namespace();
    const current = await namespaces.get(name);
    expect(current.spec.finalizers).toEqual(['kubernetes']);
    const finalizers = ['kubernetes', 'conformance.test/finalizer'];
    const added = await namespaces.update({ ...current, spec: { finalizers } }, 'finalize');
    expect(added.spec.finalizers).toEqual(finalizers);
    const removed = await namespaces.update({ ...added, spec: { finalizers: ['kubernetes'] } }, 'finalize');
    expect(removed.spec.finalizers).toEqual(['kubernetes']);
    expect(await namespaces.get(name)).toEqual(removed);
  });

  it('[sig-api-machinery] ResourceQuota should be able to update and delete ResourceQuota. [Conformance]', async () => {
    const quotas = cluster().of('ResourceQuota', await cluster().namespace());
    const metadata = { name: 'test-quota' };
    await quotas.create({ metadata, spec: { hard: { cpu: '1', memory: '500Mi' } } });
    expect((await quotas.get('test-quota')).spec?.hard).toEqual({ cpu: '1', memory: '500Mi' });
    const updated = await quotas.update({ metadata, spec: { hard: { cpu: '2', memory: '1Gi' } } });
    expect(updated.spec?.hard).toEqual({ cpu: '2', memory: '1Gi' });
    expect(await quotas.get('test-quota')).toEqual(updated);
    await quotas.delete('test-quota');
    expect(await refusal(quotas.get('test-quota'))).toMatchObject({ code: 404, reason: 'NotFound' });
  });

  it('[sig-api-machinery] ResourceQuota should manage the lifecycle of a ResourceQuota [Conformance]', async () => {
    const quotas = cluster().of('ResourceQuota', await cluster().namespace());
    const name = uniqueName('quota');
    const labelSelector = `quota=${name}`;
    const created = await quotas.create({
      metadata: { name, labels: { quota: name } },
      spec: { hard: { cpu: '1', memory: '500Mi' } },
    });
    expect(await quotas.get(name)).toEqual(created);
    expect((await cluster().of('ResourceQuota').list({ labelSelector })).items).toEqual([created]);
    const patch = { metadata: { labels: { [name]: 'patched' } }, spec: { hard: { memory: '750Mi' } } };
    const patched = await quotas.patch(name, 'strategic-merge-patch', patch);
    expect(patched.metadata.labels).toEqual({ quota: name, [name]: 'patched' });
    expect(patched.spec?.hard).toEqual({ cpu: '1', memory: '750Mi' });
    expect(Number(patched.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion));
    await quotas.deleteCollection({ labelSelector });
    expect(await refusal(quotas.get(name))).toMatchObject({ code: 404, reason: 'NotFound' });
  });

  it('[sig-api-machinery] ResourceQuota should apply changes to a resourcequota status [Conformance]', async () => {
    const quotas = cluster().of('ResourceQuota', await cluster().namespace());
    const name = uniqueName('quota');
    const labelSelector = `quota=${name}`;
    const watch = await quotas.watch({ labelSelector });
    const created = await quotas.create({
      metadata: { name, labels: { quota: name } },
      spec: { hard: { cpu: '500m', memory: '500Mi' } },
    });
    const updated = await quotas.update({ ...created, status: { hard: created.spec?.hard } }, 'status');
    expect(updated.status?.hard).toEqual(created.spec?.hard);
    const hard = { cpu: '1', memory: '1Gi' };
    const respecified = await quotas.patch(name, 'strategic-merge-patch', { spec: { hard } });
    expect([respecified.spec?.hard, respecified.status?.hard]).toEqual([hard, created.spec?.hard]);
    const patched = await quotas.patch(name, 'strategic-merge-patch', { status: { hard } }, 'status');
    expect(patched.status?.hard).toEqual(hard);
    expect(await quotas.get(name, 'status')).toEqual(patched);
    const other = { hard: { cpu: '2', memory: '2Gi' } };
    const again = await quotas.patch(name, 'merge-patch', { spec: other, status: other }, 'status');
    expect([again.spec?.hard, again.status?.hard]).toEqual([hard, other.hard]);
    const told = (await watch.take(5)).map(({ object }) => object);
    expect(told).toEqual([created, updated, respecified, patched, again]);
    watch.close();
  });

  it('[sig-scheduling] LimitRange should list, patch and delete a LimitRange by collection [Conformance]', async () => {
    const ranges = cluster().of('LimitRange', await cluster().namespace());
    const others = cluster().of('LimitRange', await cluster().namespace());
    const name = uniqueName('range');
    const amounts = (cpu: string, memory: string) => ({ cpu, memory, 'ephemeral-storage': '100Gi' });
    const limit = {
      type: 'Container',
      min: amounts('50m', '100Mi'),
      max: amounts('500m', '500Mi'),
      default: amounts('500m', '500Mi'),
      defaultRequest: amounts('100m', '200Mi'),
    };
    const draft = { metadata: { name, labels: { test: name, [name]: 'created' } }, spec: { limits: [limit] } };
    const created = await ranges.create(draft);
    await others.create(draft);
    const everywhere = cluster().of('LimitRange');
    expect(await everywhere.names({ labelSelector: `test=${name}` })).toEqual([name, name]);
    const min = { ...limit.min, cpu: '9m', memory: '49Mi' };
    const patch = { metadata: { labels: { [name]: 'patched' } }, spec: { limits: [{ ...limit, min }] } };
    const patched = await ranges.patch(name, 'strategic-merge-patch', patch);
    expect(patched.metadata.labels).toEqual({ test: name, [name]: 'patched' });
    expect(patched.spec?.limits?.map(item => item.min)).toEqual([min]);
    expect(Number(patched.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion));
    await ranges.deleteCollection({ labelSelector: `${name}=patched` });
    expect(await ranges.names()).toEqual([]);
    expect(await everywhere.names({ labelSelector: `test=${name}` })).toEqual([name]);
  });
});
