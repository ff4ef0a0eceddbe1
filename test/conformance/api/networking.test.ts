import { expect, it } from 'vitest';
import { refusal } from '../../harness/api-client.ts';
import { describeApi, uniqueName } from './cluster.ts';
import { expectDiscovered, expectOperations } from './operations.ts';

describeApi('kinds of the network', cluster => {
  it('[sig-network] Ingress API should support creating Ingress API operations [Conformance]', async () => {
    await expectDiscovered(cluster().admin, 'networking.k8s.io', 'v1', ['ingresses', 'ingresses/status']);
    const resource = cluster().of('Ingress', await cluster().namespace());
    await expectOperations({
      resource,
      everywhere: cluster().of('Ingress'),
      draft: {
        spec: {
          defaultBackend: { service: { name: 'default-backend', port: { number: 80 } } },
          rules: [
            {
              host: 'conformance.test',
              http: {
                paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }],
              },
            },
          ],
        },
      },
      meanwhile: async ({ metadata }) => {
        const { name = '' } = metadata;
        const status = { loadBalancer: { ingress: [{ ip: '169.1.1.1' }] } };
        const read = await resource.get(name, 'status');
        expect([read.kind, read.metadata.uid]).toEqual(['Ingress', metadata.uid]);
        const patch = { metadata: { annotations: { patchedstatus: 'true' } }, status };
        const patched = await resource.patch(name, 'merge-patch', patch, 'status');
        expect(patched.status).toEqual(status);
        expect(patched.metadata.annotations).toMatchObject({ patchedstatus: 'true' });
        const other = { loadBalancer: { ingress: [{ ip: '169.1.1.2' }] } };
        const updated = await resource.update({ ...patched, spec: {}, status: other }, 'status');
        expect(updated.status).toEqual(other);
        expect(updated.spec).toEqual(patched.spec);
      },
    });
  });

  it('[sig-network] IngressClass API should support creating IngressClass API operations [Conformance]', async () => {
    await expectDiscovered(cluster().admin, 'networking.k8s.io', 'v1', ['ingressclasses']);
    await expectOperations({
      resource: cluster().of('IngressClass'),
      draft: { spec: { controller: 'conformance.test/controller' } },
    });
  });

  it('[sig-network] ServiceCIDR and IPAddress API should support IPAddress API operations [Conformance]', async () => {
    await expectDiscovered(cluster().admin, 'networking.k8s.io', 'v1', ['ipaddresses']);
    const addresses = cluster().of('IPAddress');
    const parentRef = { group: 'mygroup', resource: 'myresources', namespace: 'foo', name: 'bar' };
    const draft = (name: string, type: string) => ({ metadata: { name, labels: { type } }, spec: { parentRef } });
    const labelSelector = 'type=broadcast';
    const watch = await addresses.watch({ labelSelector });
    const created = await addresses.create(draft('255.255.255.255', 'broadcast'));
    await addresses.create(draft('fe80::42:1dff:fe84:f9e2', 'link-local'));
    const patch = { metadata: { annotations: { patched: 'true' } } };
    const patched = await addresses.patch('255.255.255.255', 'merge-patch', patch);
    expect(patched.metadata.annotations).toEqual({ patched: 'true' });
    expect(Number(patched.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion));
    const annotations = { patched: 'true', updated: 'true' };
    const updated = await addresses.update({ ...patched, metadata: { ...patched.metadata, annotations } });
    expect(updated.metadata.annotations).toEqual(annotations);
    expect(await addresses.get('255.255.255.255')).toEqual(updated);
    expect(await addresses.names({ labelSelector })).toEqual(['255.255.255.255']);
    await addresses.delete('255.255.255.255');
    expect((await watch.take(4)).map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'MODIFIED', 'DELETED']);
    await addresses.deleteCollection({ labelSelector: 'type=link-local' });
    expect(await addresses.names({ labelSelector: 'type=link-local' })).toEqual([]);
    watch.close();
  });

  it('[sig-network] ServiceCIDR and IPAddress API should support ServiceCIDR API operations [Conformance]', async () => {
    await expectDiscovered(cluster().admin, 'networking.k8s.io', 'v1', ['servicecidrs', 'servicecidrs/status']);
    const ranges = cluster().of('ServiceCIDR');
    const found = await ranges.get('kubernetes');
    expect(found.spec?.cidrs).toEqual(['10.96.0.0/12']);
    expect(await ranges.get('kubernetes', 'status')).toMatchObject({
      kind: 'ServiceCIDR',
      metadata: { uid: found.metadata.uid },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    });
    expect(await ranges.names()).toContain('kubernetes');
    const watch = await ranges.watch({ fieldSelector: 'metadata.name=kubernetes' });
    expect((await watch.take(1)).map(({ type, object }) => [type, object.metadata.uid])).toEqual([
      ['ADDED', found.metadata.uid],
    ]);
    watch.close();
  });

  it('[sig-network] EndpointSlice should support creating EndpointSlice API operations [Conformance]', async () => {
    await expectDiscovered(cluster().admin, 'discovery.k8s.io', 'v1', ['endpointslices']);
    await expectOperations({
      resource: cluster().of('EndpointSlice', await cluster().namespace()),
      everywhere: cluster().of('EndpointSlice'),
      draft: {
        addressType: 'IPv4',
        endpoints: [{ addresses: ['10.1.2.3', '10.1.2.4'], conditions: { ready: true } }],
        ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
      },
    });
  });

  it('[sig-network] Endpoints should test the lifecycle of an Endpoint [Conformance]', async () => {
    const namespace = await cluster().namespace();
    const endpoints = cluster().of('Endpoints', namespace);
    const labels = { static: uniqueName('endpoint') };
    const labelSelector = `static=${labels.static}`;
    const watch = await endpoints.watch({ labelSelector });
    const created = await endpoints.create({
      metadata: { name: 'testservice', labels },
      subsets: [{ addresses: [{ ip: '10.0.0.24' }], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] }],
    });
    expect((await cluster().of('Endpoints').list({ labelSelector })).items).toEqual([created]);
    const more = { ...labels, service: 'updated' };
    const updated = await endpoints.update({ ...created, metadata: { ...created.metadata, labels: more } });
    expect(updated.metadata.labels).toEqual(more);
    const patch = {
      metadata: { labels: { service: 'patched' } },
      subsets: [{ addresses: [{ ip: '10.0.0.25' }], ports: [{ name: 'http-test', port: 8080 }] }],
    };
    const patched = await endpoints.patch('testservice', 'strategic-merge-patch', patch);
    expect(patched.metadata.labels).toEqual({ ...labels, service: 'patched' });
    expect(patched.subsets).toEqual([
      { addresses: [{ ip: '10.0.0.25' }], ports: [{ name: 'http-test', port: 8080, protocol: 'TCP' }] },
    ]);
    expect(await endpoints.get('testservice')).toEqual(patched);
    await endpoints.deleteCollection({ labelSelector });
    expect(await refusal(endpoints.get('testservice'))).toMatchObject({ code: 404, reason: 'NotFound' });
    const types = (await watch.take(4)).map(({ type }) => type);
    expect(types).toEqual(['ADDED', 'MODIFIED', 'MODIFIED', 'DELETED']);
    watch.close();
  });
});
