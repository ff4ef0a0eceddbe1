import { expect, it } from 'vitest';
import type { EndpointSlice } from '../../../src/api/types/gen/discovery-v1.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { type Cluster, describeApi } from './cluster.ts';

const PORTS = [{ name: 'example', port: 80, protocol: 'TCP' as const }];

describeApi(
  'Endpoints and their controllers',
  cluster => {
    const slicesOf = async (namespace: string, service: string): Promise<readonly EndpointSlice[]> => {
      const labelSelector = `kubernetes.io/service-name=${service}`;
      return (await cluster().of('EndpointSlice', namespace).list({ labelSelector })).items;
    };

    it('[sig-network] EndpointsController should create and delete Endpoints for a Service with a selector that matches no pods [Conformance]', async () => {
      const { services, endpoints } = kindsOf(cluster(), await cluster().namespace());
      const name = 'example-empty-selector';
      await services.create({ metadata: { name }, spec: { selector: { 'does-not-match': 'anything' }, ports: PORTS } });
      const created = await waitFor('the Endpoints', () => endpoints.get(name));
      expect(created.subsets ?? []).toEqual([]);
      await services.delete(name);
      await waitFor('the Endpoints to go', async () => !(await endpoints.names()).includes(name));
    });

    it('[sig-network] EndpointSlice should create and delete EndpointSlices for a Service with a selector that matches no pods [Conformance]', async () => {
      const namespace = await cluster().namespace();
      const { services } = kindsOf(cluster(), namespace);
      const name = 'example-empty-selector';
      await services.create({ metadata: { name }, spec: { selector: { 'does-not-match': 'anything' }, ports: PORTS } });
      const slice = await waitFor('the slice', async () => (await slicesOf(namespace, name))[0]);
      const managedBy = slice.metadata.labels?.['endpointslice.kubernetes.io/managed-by'];
      expect([managedBy, slice.endpoints]).toEqual(['endpointslice-controller.k8s.io', []]);
      await services.delete(name);
      await waitFor('the slice to go with its service', async () => (await slicesOf(namespace, name)).length === 0);
    });

    it('[sig-network] EndpointSliceMirroring should mirror a custom Endpoints resource through create update and delete [Conformance]', async () => {
      const namespace = await cluster().namespace();
      const { services, endpoints } = kindsOf(cluster(), namespace);
      const name = 'example-custom-endpoints';
      await services.create({ metadata: { name }, spec: { ports: PORTS } });
      const subsets = (ip: string) => [{ ports: [{ port: 80 }], addresses: [{ ip }] }];
      const mirrors = (...expected: readonly (readonly [number, string])[]): Promise<true> =>
        waitFor(`the mirror of ${JSON.stringify(expected)}`, async saw => {
          const shown = (await slicesOf(namespace, name)).flatMap(({ ports, endpoints: held }) =>
            held.flatMap(({ addresses }) => addresses.map(address => [ports[0]?.port, address])),
          );
          saw(shown);
          return JSON.stringify(shown) === JSON.stringify(expected) || undefined;
        });
      const created = await endpoints.create({ metadata: { name }, subsets: subsets('10.1.2.3') });
      await mirrors([80, '10.1.2.3']);
      await endpoints.update({ ...created, subsets: subsets('10.2.3.4') });
      await mirrors([80, '10.2.3.4']);
      await endpoints.delete(name);
      await waitFor('the mirror to go', async () => (await slicesOf(namespace, name)).length === 0);
    });
  },
  [],
  ['endpoints', 'endpointslice', 'endpointslice-mirroring', 'garbage-collector'],
);

function kindsOf(cluster: Cluster, namespace: string) {
  return { services: cluster.of('Service', namespace), endpoints: cluster.of('Endpoints', namespace) };
}
