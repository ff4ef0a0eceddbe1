import { expect, it } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '../../../src/api/types/gen/core-v1.ts';
import type { ApiObject, Draft } from '../../harness/api-client.ts';
import { refusal } from '../../harness/api-client.ts';
import type { ResourceClient } from '../../harness/resource-client.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { describeApi, uniqueName } from './cluster.ts';
import { expectDiscovered, expectOperations } from './operations.ts';

/** An object's life: created, read, patched, found by its label, deleted; then another that is updated and goes with its collection. */
async function expectLifecycle<T extends ApiObject>(resource: ResourceClient<T>, draft: Draft<T>): Promise<void> {
  const named = (name: string) => ({ ...draft, metadata: { name } }) as Draft<T>;
  const first = uniqueName('first');
  const created = await resource.create(named(first));
  expect(Number(created.metadata.resourceVersion)).toBeGreaterThan(0);
  expect(await resource.get(first)).toEqual(created);
  const patch = { metadata: { labels: { [first]: 'patched' } } };
  const patched = await resource.patch(first, 'strategic-merge-patch', patch);
  expect(patched.metadata.labels).toEqual({ [first]: 'patched' });
  expect(Number(patched.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion));
  expect(await resource.names({ labelSelector: `${first}=patched` })).toEqual([first]);
  await resource.delete(first);
  await waitFor('it to be let go', async () => (await resource.names({ labelSelector: first })).length === 0);
  expect(await refusal(resource.get(first))).toMatchObject({ code: 404, reason: 'NotFound' });

  const second = uniqueName('second');
  const replacement = await resource.create(named(second));
  const labels = { [second]: 'updated' };
  const updated = await resource.update({ ...replacement, metadata: { ...replacement.metadata, labels } } as Draft<T>);
  expect(updated.metadata.labels).toEqual(labels);
  await resource.deleteCollection({ labelSelector: `${second}=updated` });
  const left = (): Promise<string[]> => resource.names({ labelSelector: `${second}=updated` });
  await waitFor('the collection to be let go', async () => (await left()).length === 0);
}

/** Volumes, claims and classes of attributes stay until their controller has seen that nobody uses them. */
const PROTECTION = ['persistentvolumeclaim', 'persistentvolume', 'volumeattributesclass'].map(
  kind => `${kind}-protection`,
);

const volume = (storageClassName: string): Draft<PersistentVolume['spec']> => ({
  accessModes: ['ReadWriteOnce'],
  capacity: { storage: '2Gi' },
  csi: { driver: 'conformance.test', volumeHandle: uniqueName('volume') },
  persistentVolumeReclaimPolicy: 'Retain',
  storageClassName,
});

const claim = (storageClassName: string): Draft<PersistentVolumeClaim['spec']> => ({
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage: '2Gi' } },
  storageClassName,
});

describeApi(
  'kinds of storage',
  cluster => {
    it('[sig-storage] StorageClasses CSI Conformance should run through the lifecycle of a StorageClass [Conformance]', async () => {
      await expectLifecycle(cluster().of('StorageClass'), { provisioner: 'conformance.test/provisioner' });
    });

    it('[sig-storage] VolumeAttributesClass [FeatureGate:VolumeAttributesClass] should run through the lifecycle of a VolumeAttributesClass [Conformance]', async () => {
      await expectLifecycle(cluster().of('VolumeAttributesClass'), {
        driverName: 'conformance.test',
        parameters: { iops: '500', throughput: '50MiB/s' },
      });
    });

    it('[sig-storage] CSINodes CSI Conformance should run through the lifecycle of a csinode [Conformance]', async () => {
      await expectLifecycle(cluster().of('CSINode'), { spec: { drivers: [] } });
    });

    it('[sig-storage] CSIInlineVolumes should run through the lifecycle of a CSIDriver [Conformance]', async () => {
      const drivers = cluster().of('CSIDriver');
      const test = uniqueName('inline');
      const draft = (name: string, volumeLifecycleModes: string[]) => ({
        metadata: { name, labels: { test } },
        spec: { volumeLifecycleModes, fsGroupPolicy: 'ReadWriteOnceWithFSType' },
      });
      const ephemeral = draft(`${test}-a`, ['Ephemeral']);
      const created = await drivers.create(ephemeral);
      await drivers.create(draft(`${test}-b`, ['Persistent', 'Ephemeral']));
      expect(await refusal(drivers.create(ephemeral))).toMatchObject({ code: 409, reason: 'AlreadyExists' });
      expect(await drivers.get(`${test}-a`)).toEqual(created);
      const patch = { metadata: { labels: { change: 'patched' } } };
      const patched = await drivers.patch(`${test}-b`, 'strategic-merge-patch', patch);
      expect(patched.metadata.labels).toEqual({ test, change: 'patched' });
      const labels = { test, change: 'updated' };
      const updated = await drivers.update({ ...patched, metadata: { ...patched.metadata, labels } });
      expect(updated.metadata.labels).toEqual(labels);
      expect(await drivers.names({ labelSelector: `test=${test}` })).toEqual([`${test}-a`, `${test}-b`]);
      await drivers.delete(`${test}-a`);
      expect(await refusal(drivers.get(`${test}-a`))).toMatchObject({ code: 404, reason: 'NotFound' });
      await drivers.deleteCollection({ labelSelector: `test=${test},change=updated` });
      expect(await drivers.names({ labelSelector: `test=${test}` })).toEqual([]);
    });

    it('[sig-storage] CSIStorageCapacity should support CSIStorageCapacities API operations [Conformance]', async () => {
      await expectDiscovered(cluster().admin, 'storage.k8s.io', 'v1', ['csistoragecapacities']);
      await expectOperations({
        resource: cluster().of('CSIStorageCapacity', await cluster().namespace()),
        everywhere: cluster().of('CSIStorageCapacity'),
        draft: { storageClassName: 'conformance.test', capacity: '5Gi' },
      });
    });

    it('[sig-storage] VolumeAttachment Conformance should run through the lifecycle of a VolumeAttachment [Conformance]', async () => {
      await expectLifecycle(cluster().of('VolumeAttachment'), {
        spec: { attacher: 'conformance.test', nodeName: 'a-node', source: { persistentVolumeName: 'a-volume' } },
      });
    });

    it('[sig-storage] VolumeAttachment Conformance should apply changes to a volumeattachment status [Conformance]', async () => {
      const attachments = cluster().of('VolumeAttachment');
      const name = uniqueName('attachment');
      const created = await attachments.create({
        metadata: { name },
        spec: { attacher: 'conformance.test', nodeName: 'a-node', source: { persistentVolumeName: 'a-volume' } },
      });
      await attachments.patch(name, 'merge-patch', { metadata: { labels: { [name]: 'patched' } } });
      expect((await attachments.get(name, 'status')).status).toEqual({ attached: false });
      const patched = await attachments.patch(name, 'merge-patch', { status: { attached: true } }, 'status');
      expect(patched.status).toEqual({ attached: true });
      const updated = await attachments.update({ ...patched, status: { attached: false } }, 'status');
      expect(updated.status).toEqual({ attached: false });
      expect(updated.spec).toEqual(created.spec);
      await attachments.delete(name);
      expect(await attachments.names({ labelSelector: `${name}=patched` })).toEqual([]);
    });

    it('[sig-storage] PersistentVolumes CSI Conformance should run through the lifecycle of a PV and a PVC [Conformance]', async () => {
      const className = uniqueName('class');
      await expectLifecycle(cluster().of('PersistentVolume'), { spec: volume(className) });
      const namespace = await cluster().namespace();
      await expectLifecycle(cluster().of('PersistentVolumeClaim', namespace), { spec: claim(className) });
      expect(await cluster().of('PersistentVolumeClaim', namespace).names()).toEqual([]);
    });

    it('[sig-storage] PersistentVolumes CSI Conformance should apply changes to a pv/pvc status [Conformance]', async () => {
      const className = uniqueName('class');
      const volumes = cluster().of('PersistentVolume');
      const claims = cluster().of('PersistentVolumeClaim', await cluster().namespace());
      await volumes.create({ metadata: { name: className }, spec: volume(className) });
      await claims.create({ metadata: { name: className }, spec: claim(className) });
      expect((await volumes.get(className, 'status')).status).toMatchObject({ phase: 'Pending' });
      expect((await claims.get(className, 'status')).status).toMatchObject({ phase: 'Pending' });

      const condition = { type: 'StatusPatched', status: 'True', reason: 'Patched', message: 'set by a test' };
      const patchedClaim = await claims.patch(
        className,
        'merge-patch',
        { status: { conditions: [condition] } },
        'status',
      );
      expect(patchedClaim.status?.conditions).toMatchObject([condition]);
      const conditions = [...(patchedClaim.status?.conditions ?? []), { ...condition, type: 'StatusUpdated' }];
      const updatedClaim = await claims.update(
        { ...patchedClaim, status: { ...patchedClaim.status, conditions } },
        'status',
      );
      expect(updatedClaim.status?.conditions?.map(({ type }) => type)).toEqual(['StatusPatched', 'StatusUpdated']);

      const status = { message: 'StatusPatched', reason: 'Patched' };
      const patchedVolume = await volumes.patch(className, 'merge-patch', { status }, 'status');
      expect(patchedVolume.status).toMatchObject(status);
      const other = { ...patchedVolume.status, message: 'StatusUpdated', reason: 'Updated' };
      const updatedVolume = await volumes.update({ ...patchedVolume, status: other }, 'status');
      expect(updatedVolume.status).toMatchObject(other);
    });
  },
  [],
  PROTECTION,
);
