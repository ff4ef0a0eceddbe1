import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Service } from '../../src/api/types/gen/core-v1.ts';
import type { ServiceCIDR } from '../../src/api/types/gen/networking-v1.ts';
import { isNotFound } from '../../src/base/errors.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { SERVICE_CIDRS, SERVICES } from '../../src/controllers/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

describe('ranges of service addresses', () => {
  let server: TestApiServer;
  let manager: TestControllerManager;
  let connection: ApiConnection;
  let cidrs: ResourceClient<ServiceCIDR>;
  let services: ResourceClient<Service>;

  const ready = (name: string, status: 'True' | 'False'): Promise<ServiceCIDR> =>
    waitFor(`${name} to have Ready=${status}`, async saw => {
      const found = await cidrs.get('', name);
      saw({ found, log: manager.log.slice(-400) });
      const is = found.status.conditions?.some(each => each.type === 'Ready' && each.status === status) === true;
      return is && found;
    });

  beforeAll(async () => {
    server = await TestApiServer.start();
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    cidrs = new ResourceClient<ServiceCIDR>(connection, SERVICE_CIDRS);
    services = new ResourceClient<Service>(connection, SERVICES);
    manager = await TestControllerManager.start(kubeconfig, ['--leader-elect=false', '--controllers=service-cidr']);
  });

  afterAll(async () => {
    connection?.close();
    await manager?.stop();
    await server?.remove();
  });

  it('stay while a service has an address of them, over kill -9 of the controllers', async () => {
    await cidrs.create({ metadata: { name: 'extra' }, spec: { cidrs: ['192.168.99.0/28'] } } as unknown as ServiceCIDR);
    const made = await ready('extra', 'True');
    expect(made.metadata.finalizers).toEqual(['networking.k8s.io/service-cidr-finalizer']);
    const metadata = { name: 'taken', namespace: 'default' };
    const spec = { clusterIP: '192.168.99.5', ports: [{ port: 80 }] };
    await services.create({ metadata, spec } as unknown as Service);
    await cidrs.delete('', 'extra');
    const kept = await ready('extra', 'False');
    expect(kept.status.conditions).toMatchObject([{ reason: 'Terminating' }]);
    await manager.stop();
    await services.delete('default', 'taken');
    await manager.start();
    const gone = await waitFor('the range to go', async () => {
      try {
        await cidrs.get('', 'extra');
        return undefined;
      } catch (error) {
        return isNotFound(error) ? Date.now() : undefined;
      }
    });
    expect(gone - Date.parse(kept.metadata.deletionTimestamp ?? '')).toBeGreaterThanOrEqual(10_000);
  });

  it('have the finalizer where the server made them itself', async () => {
    const { metadata } = await waitFor('the default range', async () => {
      const found = await cidrs.get('', 'kubernetes');
      return found.metadata.finalizers !== undefined && found;
    });
    expect(metadata.finalizers).toEqual(['networking.k8s.io/service-cidr-finalizer']);
  });
});
