import { expect, it } from 'vitest';
import type { Answered, ApiObject, Draft } from '../../harness/api-client.ts';
import type { ResourceClient } from '../../harness/resource-client.ts';
import { describeApi } from './cluster.ts';
import { expectDiscovered, expectOperations } from './operations.ts';

const request = { name: 'req-0', exactly: { deviceClassName: 'dra.example.com' } };

/** A change of an object in both ways: by an update, and by a strategic merge patch. */
async function expectChange<T extends ApiObject>(
  resource: ResourceClient<T>,
  object: Answered<T>,
  change: Draft<T>,
): Promise<void> {
  const { name = '' } = object.metadata;
  const patched = await resource.patch(name, 'strategic-merge-patch', change);
  expect(patched).toMatchObject(change);
  const restored = await resource.update({
    ...object,
    metadata: { ...object.metadata, resourceVersion: patched.metadata.resourceVersion },
  } as unknown as Draft<T>);
  const updated = await resource.update({
    ...restored,
    ...change,
    metadata: { ...restored.metadata, ...change.metadata },
  });
  expect(updated).toMatchObject(change);
}

describeApi('kinds of dynamic resource allocation', cluster => {
  it('[sig-node] [DRA] CRUD Tests resource.k8s.io/v1 DeviceClass [Conformance]', async () => {
    await expectDiscovered(cluster().admin, 'resource.k8s.io', 'v1', ['deviceclasses']);
    const resource = cluster().of('DeviceClass');
    const selecting = (expression: string) => ({ spec: { selectors: [{ cel: { expression } }] } });
    await expectOperations({
      resource,
      draft: selecting('false'),
      meanwhile: object => expectChange(resource, object, selecting('1 == 0')),
    });
  });

  it('[sig-node] [DRA] CRUD Tests resource.k8s.io/v1 ResourceClaim [Conformance]', async () => {
    await expectDiscovered(cluster().admin, 'resource.k8s.io', 'v1', ['resourceclaims', 'resourceclaims/status']);
    const resource = cluster().of('ResourceClaim', await cluster().namespace());
    await expectOperations({
      resource,
      everywhere: cluster().of('ResourceClaim'),
      draft: { spec: { devices: { requests: [request] } } },
      meanwhile: async object => {
        const { name = '' } = object.metadata;
        await resource.patch(name, 'json-patch', [{ op: 'add', path: '/metadata/labels/patched', value: 'json' }]);
        for (const type of ['merge-patch', 'strategic-merge-patch'] as const) {
          const patched = await resource.patch(name, type, { metadata: { labels: { patched: type } } });
          expect(patched.metadata.labels).toMatchObject({ patched: type });
        }
        // an allocation of nothing is one, too
        const status = { allocation: {} };
        const nothing = { status: { allocation: null } };
        for (const type of ['merge-patch', 'strategic-merge-patch'] as const) {
          expect((await resource.patch(name, type, { status }, 'status')).status).toMatchObject(status);
          expect((await resource.patch(name, type, nothing, 'status')).status).toEqual({});
        }
        const add = [{ op: 'add', path: '/status/allocation', value: {} }];
        expect((await resource.patch(name, 'json-patch', add, 'status')).status).toMatchObject(status);
        const released = await resource.patch(name, 'merge-patch', nothing, 'status');
        expect((await resource.update({ ...released, status }, 'status')).status).toMatchObject(status);
      },
    });
  });

  it('[sig-node] [DRA] CRUD Tests resource.k8s.io/v1 ResourceClaimTemplate [Conformance]', async () => {
    await expectDiscovered(cluster().admin, 'resource.k8s.io', 'v1', ['resourceclaimtemplates']);
    const resource = cluster().of('ResourceClaimTemplate', await cluster().namespace());
    await expectOperations({
      resource,
      everywhere: cluster().of('ResourceClaimTemplate'),
      draft: { spec: { spec: { devices: { requests: [request] } } } },
      meanwhile: object => expectChange(resource, object, { metadata: { labels: { changed: 'true' } } }),
    });
  });

  it('[sig-node] [DRA] CRUD Tests resource.k8s.io/v1 ResourceSlice [Conformance]', async () => {
    await expectDiscovered(cluster().admin, 'resource.k8s.io', 'v1', ['resourceslices']);
    const resource = cluster().of('ResourceSlice');
    const spec = {
      driver: 'dra.example.com',
      pool: { name: 'cluster', generation: 1, resourceSliceCount: 1 },
      nodeName: 'no-such-node',
    };
    await expectOperations({
      resource,
      draft: { spec },
      meanwhile: object => expectChange(resource, object, { spec: { ...spec, devices: [{ name: 'device-0' }] } }),
    });
  });
});
