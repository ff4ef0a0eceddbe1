import { expect, it } from 'vitest';
import type { ResourceList, ResourceQuota, Service } from '../../../src/api/types/gen/core-v1.ts';
import { refusal } from '../../harness/api-client.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { describeApi } from './cluster.ts';

const CLASS = 'gold.storageclass.storage.k8s.io';
const HARD = {
  pods: '5',
  services: '10',
  'services.nodeports': '1',
  'services.loadbalancers': '1',
  replicationcontrollers: '10',
  resourcequotas: '1',
  cpu: '1',
  memory: '500Mi',
  configmaps: '10',
  secrets: '10',
  persistentvolumeclaims: '10',
  'requests.storage': '10Gi',
  'ephemeral-storage': '50Gi',
  [`${CLASS}/persistentvolumeclaims`]: '10',
  [`${CLASS}/requests.storage`]: '10Gi',
  'count/replicasets.apps': '5',
  'requests.example.com/dongle': '3',
};

describeApi(
  'Quotas that are counted',
  cluster => {
    const makeQuota = async (namespace: string, more: object = {}): Promise<void> => {
      const quotas = cluster().of('ResourceQuota', namespace);
      await quotas.create({ metadata: { name: 'test-quota' }, spec: { hard: { ...HARD, ...more } } });
    };
    const uses = (namespace: string, used: ResourceList): Promise<ResourceQuota> =>
      waitFor(`the quota to say ${JSON.stringify(used)}`, async saw => {
        const quota = await cluster().of('ResourceQuota', namespace).get('test-quota');
        saw(quota.status);
        return Object.entries(used).every(([name, amount]) => quota.status?.used?.[name] === amount)
          ? quota
          : undefined;
      });
    const service = (name: string, type: string, more: object = {}) =>
      ({ metadata: { name }, spec: { type, ports: [{ port: 80, targetPort: 80 }], ...more } }) as unknown as Service;

    it('[sig-api-machinery] ResourceQuota should create a ResourceQuota and ensure its status is promptly calculated. [Conformance]', async () => {
      const namespace = await cluster().namespace();
      await makeQuota(namespace);
      const { status } = await uses(namespace, { resourcequotas: '1' });
      expect(status.hard).toEqual(HARD);
      expect(Object.keys(status.used ?? {}).toSorted()).toEqual(Object.keys(HARD).toSorted());
    });

    it('[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a service. [Conformance]', async () => {
      const namespace = await cluster().namespace();
      await makeQuota(namespace);
      await uses(namespace, { resourcequotas: '1' });
      const services = cluster().of('Service', namespace);
      await services.create(service('test-service', 'ClusterIP'));
      await services.create(service('test-service-np', 'NodePort'));
      const tooMany = services.create(
        service('test-service-lb', 'LoadBalancer', { allocateLoadBalancerNodePorts: true }),
      );
      expect(await refusal(tooMany)).toMatchObject({ code: 403, reason: 'Forbidden' });
      await uses(namespace, { resourcequotas: '1', services: '2', 'services.nodeports': '1' });
      await services.delete('test-service');
      await services.delete('test-service-np');
      await uses(namespace, { resourcequotas: '1', services: '0', 'services.nodeports': '0' });
    });

    it('[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a secret. [Conformance]', async () => {
      const namespace = await cluster().namespace();
      const secrets = cluster().of('Secret', namespace);
      const found = (await secrets.list()).items.length;
      await makeQuota(namespace, { secrets: String(found + 1) });
      await uses(namespace, { resourcequotas: '1', secrets: String(found) });
      await secrets.create({ metadata: { name: 'test-secret' }, data: { 'data-1': 'dmFsdWUtMQ==' } });
      await uses(namespace, { secrets: String(found + 1) });
      await secrets.delete('test-secret');
      await uses(namespace, { secrets: String(found) });
    });

    it('[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a configMap. [Conformance]', async () => {
      const namespace = await cluster().namespace();
      const maps = cluster().of('ConfigMap', namespace);
      const found = (await maps.list()).items.length;
      await makeQuota(namespace, { configmaps: String(found + 1) });
      await uses(namespace, { resourcequotas: '1', configmaps: String(found) });
      await maps.create({ metadata: { name: 'test-configmap' }, data: { a: 'b' } });
      await uses(namespace, { resourcequotas: '1', configmaps: String(found + 1) });
      await maps.delete('test-configmap');
      await uses(namespace, { configmaps: String(found) });
    });
  },
  [],
  ['resourcequota'],
);
