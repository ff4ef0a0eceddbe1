import { expect, it } from 'vitest';
import { refusal } from '../../harness/api-client.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { describeApi, uniqueName } from './cluster.ts';

const BUNDLE = 'kube-root-ca.crt';

describeApi(
  'what namespaces are given, and what goes with them',
  cluster => {
    it('[sig-api-machinery] Namespaces should ensure that all services are removed when a namespace is deleted [Conformance] [Serial]', async () => {
      const namespaces = cluster().of('Namespace');
      const name = uniqueName('nsdeletetest');
      const { metadata } = await namespaces.create({ metadata: { name } });
      await waitFor('the default service account', () => cluster().of('ServiceAccount', name).get('default'));
      const services = cluster().of('Service', name);
      await services.create({
        metadata: { name: 'test-service' },
        spec: { selector: { foo: 'bar', baz: 'blah' }, ports: [{ port: 80, targetPort: 80 }] },
      });
      await namespaces.delete(name);
      await waitFor('the namespace to go', async () => !(await namespaces.names()).includes(name));
      const again = await namespaces.create({ metadata: { name } });
      expect(again.metadata.uid).not.toBe(metadata.uid);
      expect(await refusal(services.get('test-service'))).toMatchObject({ code: 404, reason: 'NotFound' });
    });

    it('[sig-auth] ServiceAccounts should guarantee kube-root-ca.crt exist in any namespace [Conformance]', async () => {
      const maps = cluster().of('ConfigMap', await cluster().namespace());
      const published = await waitFor('the bundle', () => maps.get(BUNDLE));
      expect(published.data?.['ca.crt']).toMatch(/^-----BEGIN CERTIFICATE-----\n/);
      await maps.delete(BUNDLE, { gracePeriodSeconds: 0 });
      const republished = await waitFor('a new bundle', () => maps.get(BUNDLE));
      expect(republished.metadata.uid).not.toBe(published.metadata.uid);
      const emptied = await maps.update({ metadata: { name: BUNDLE }, data: { 'ca.crt': '' } });
      expect(emptied.data).toEqual({ 'ca.crt': '' });
      await waitFor('the bundle to be set right', async saw => {
        const { data } = await maps.get(BUNDLE);
        saw(data);
        return data?.['ca.crt'] === published.data?.['ca.crt'];
      });
    });
  },
  [],
  ['namespace-controller', 'serviceaccount-controller', 'root-ca-certificate-publisher-controller'],
);
