import { expect, it } from 'vitest';
import type { Service } from '../../../src/api/types/gen/core-v1.ts';
import type { Draft } from '../../harness/api-client.ts';
import { describeApi, uniqueName } from './cluster.ts';

/** An address that is on no machine: published by the server as its own, reached by nobody here. */
const ADVERTISED = '192.0.2.10';

describeApi(
  'Services, and that of the API server',
  cluster => {
    it('[sig-network] API Server should provide secure master service [Conformance]', async () => {
      const service = await cluster().of('Service', 'default').get('kubernetes');
      expect(service.spec?.ports).toMatchObject([{ name: 'https', port: 443, protocol: 'TCP' }]);
    });

    it('[sig-network] API Server should have Endpoints and EndpointSlices pointing to API Server [Conformance]', async () => {
      const { port } = cluster().server;
      const endpoints = await cluster().of('Endpoints', 'default').get('kubernetes');
      expect(endpoints.subsets).toEqual([
        { addresses: [{ ip: ADVERTISED }], ports: [{ name: 'https', port, protocol: 'TCP' }] },
      ]);
      const labelSelector = 'kubernetes.io/service-name=kubernetes';
      const { items } = await cluster().of('EndpointSlice', 'default').list({ labelSelector });
      expect(
        items.map(slice => [slice.addressType, slice.endpoints.map(({ addresses }) => addresses), slice.ports]),
      ).toEqual([['IPv4', [[ADVERTISED]], [{ name: 'https', port, protocol: 'TCP' }]]]);
    });

    it('[sig-network] Services should find a service from listing all namespaces [Conformance]', async () => {
      const { items } = await cluster().of('Service').list();
      const found = items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
      expect(found).toContain('default/kubernetes');
    });

    it('[sig-network] Services should complete a service status lifecycle [Conformance]', async () => {
      const services = cluster().of('Service', await cluster().namespace());
      const labels = { static: uniqueName('service') };
      const labelSelector = `static=${labels.static}`;
      const { metadata } = await cluster().of('Service').list({ labelSelector });
      const watch = await services.watch({ labelSelector, resourceVersion: metadata.resourceVersion ?? '' });
      const created = await services.create({
        metadata: { name: 'test-service', labels },
        spec: {
          type: 'LoadBalancer',
          ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 80 }],
          loadBalancerClass: 'example.com/internal-vip',
        },
      });
      expect((await services.get('test-service', 'status')).status).toEqual({ loadBalancer: {} });
      const loadBalancer = { ingress: [{ ip: '203.0.113.1' }] };
      const patch = { metadata: { annotations: { patchedstatus: 'true' } }, status: { loadBalancer } };
      const patched = await services.patch('test-service', 'merge-patch', patch, 'status');
      expect(patched.metadata.annotations).toEqual({ patchedstatus: 'true' });
      expect(patched.status?.loadBalancer).toMatchObject(loadBalancer);
      const condition = { type: 'StatusUpdate', status: 'True', reason: 'Test', message: 'set by a test' };
      const conditions = [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }];
      const updated = await services.update({ ...patched, status: { ...patched.status, conditions } }, 'status');
      expect(updated.status?.conditions).toEqual(conditions);
      expect(updated.spec).toEqual(created.spec);
      const relabelled = { metadata: { labels: { change: 'patched' } } };
      const last = await services.patch('test-service', 'strategic-merge-patch', relabelled);
      expect(last.metadata.labels).toEqual({ ...labels, change: 'patched' });
      await services.delete('test-service');
      const events = await watch.take(5);
      expect(events.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'MODIFIED', 'MODIFIED', 'DELETED']);
      expect(events.slice(0, 4).map(({ object }) => object)).toEqual([created, patched, updated, last]);
      watch.close();
    });

    it('[sig-network] Services should delete a collection of services [Conformance]', async () => {
      const services = cluster().of('Service', await cluster().namespace());
      const draft = (name: string, test: string, port: number): Draft<Service> => ({
        metadata: { name, labels: { test } },
        spec: { type: 'ClusterIP', ports: [{ name: 'http', protocol: 'TCP', port, targetPort: port }] },
      });
      await services.create(draft('svc-a', 'delete', 8001));
      await services.create(draft('svc-b', 'delete', 8002));
      await services.create(draft('svc-c', 'keep', 8003));
      expect(await services.names()).toEqual(['svc-a', 'svc-b', 'svc-c']);
      await services.deleteCollection({ labelSelector: 'test=delete' });
      expect(await services.names()).toEqual(['svc-c']);
    });
  },
  [`--advertise-address=${ADVERTISED}`],
);
