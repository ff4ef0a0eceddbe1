import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Node } from '../../src/api/types/gen/core-v1.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { NODES } from '../../src/controllers/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

const COUNT = 60;

describe('the networks of nodes', () => {
  let server: TestApiServer;
  let manager: TestControllerManager;
  let connection: ApiConnection;
  let nodes: ResourceClient<Node>;

  beforeAll(async () => {
    server = await TestApiServer.start();
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    nodes = new ResourceClient<Node>(connection, NODES);
    manager = await TestControllerManager.start(server.kubeconfigFor('system:kube-controller-manager', []), [
      '--leader-elect=false',
      '--use-service-account-credentials=true',
      '--controllers=nodeipam',
      '--allocate-node-cidrs=true',
      // room for as many nodes as there are, and no more
      '--cluster-cidr=10.244.0.0/18,fd00:10:244::/56',
      '--service-cluster-ip-range=10.244.60.0/22,fd00:20::/108',
    ]);
  });

  afterAll(async () => {
    connection?.close();
    await manager?.stop();
    await server?.remove();
  });

  it('are each given once, over kill -9 in the middle, and none of services', async () => {
    const names = Array.from({ length: COUNT }, (_, index) => `n${index}`);
    const all = Promise.all(names.map(name => nodes.create({ metadata: { name } } as Node)));
    const given = async (): Promise<readonly (readonly string[])[]> =>
      (await nodes.list('')).items.flatMap(({ spec: { podCIDRs } }) => (podCIDRs === undefined ? [] : [podCIDRs]));
    await waitFor('some to be given', async () => (await given()).length > 3, { pauseMs: 1 });
    await manager.stop();
    await all;
    await manager.start();
    const cidrs = await waitFor('all of them', async saw => {
      const found = await given();
      saw({ count: found.length, log: manager.log.slice(-600) });
      return found.length === COUNT && found;
    });
    expect(cidrs.every(({ length }) => length === 2)).toBe(true);
    expect(new Set(cidrs.flat()).size).toBe(2 * COUNT);
    expect(cidrs.flat().filter(cidr => /^10\.244\.6[0-3]\./.test(cidr))).toEqual([]);
    await nodes.delete('', 'n7');
    await nodes.create({ metadata: { name: 'last' } } as Node);
    await waitFor('what one leaves to be given', async () => (await nodes.get('', 'last')).spec.podCIDRs?.length === 2);
  });

  it('are refused with what is wrong where the flags do not fit', async () => {
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    const refused = await TestControllerManager.start(kubeconfig, [
      '--allocate-node-cidrs=true',
      '--cluster-cidr=10.0.0.0/25',
    ]);
    expect(await refused.ended()).toBe(1);
    expect(refused.log).toContain('--cluster-cidr: a /25 has no room for the /24 of a node');
  });
});
