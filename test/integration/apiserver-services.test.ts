import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Endpoints, Service } from '../../src/api/types/gen/core-v1.ts';
import type { IPAddress } from '../../src/api/types/gen/networking-v1.ts';
import { ownIps, ownPorts } from '../../src/apiserver/resources/core/service/allocate.ts';
import { decodeNodePorts, NODE_PORTS_KEY } from '../../src/apiserver/resources/core/service/node-port-map.ts';
import type { ApiClient, ListOf } from '../harness/api-client.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { waitFor } from '../harness/wait-for.ts';

const SERVICES = '/api/v1/namespaces/default/services';
const ADDRESSES = '/apis/networking.k8s.io/v1/ipaddresses';

let first: TestApiServer;
let second: TestApiServer;
beforeAll(async () => {
  first = await TestApiServer.start({ args: ['--advertise-address=192.0.2.1'] });
  second = await TestApiServer.start({ beside: first, args: ['--advertise-address=192.0.2.2'] });
});
afterAll(async () => {
  await second.remove();
  await first.remove();
});

const service = (name: string) => ({
  metadata: { name },
  spec: {
    type: 'NodePort',
    selector: { app: name },
    ports: [
      { name: 'web', port: 80 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  },
});

/** What is written down as taken, and what services hold. */
async function books(client: ApiClient) {
  const services = await client.get<ListOf<Service>>('/api/v1/services');
  const addresses = await client.get<ListOf<IPAddress>>(ADDRESSES);
  const etcd = first.etcd.client();
  const { kvs } = await etcd.range(NODE_PORTS_KEY);
  etcd.close();
  return {
    taken: {
      ips: addresses.items.map(each => `${each.metadata.name} ${each.spec.parentRef?.name}`).toSorted(),
      ports: [...(decodeNodePorts(kvs[0]?.value ?? Buffer.alloc(0))?.ports ?? [])].toSorted(),
    },
    held: {
      ips: services.items.flatMap(each => ownIps(each).map(ip => `${ip} ${each.metadata.name}`)).toSorted(),
      ports: services.items.flatMap(ownPorts).toSorted(),
    },
  };
}

/** Runs `work` for each of so many numbers, some at a time. */
async function each(count: number, atATime: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  await Promise.all(Array.from({ length: atATime }, worker));
}

async function endpoints(client: ApiClient): Promise<readonly string[]> {
  const { subsets } = await client.get<Endpoints>('/api/v1/namespaces/default/endpoints/kubernetes');
  return (subsets ?? []).flatMap(subset => (subset.addresses ?? []).map(address => address.ip));
}

const endpointsAre = (client: ApiClient, ...wanted: string[]) =>
  waitFor(
    `the endpoints ${wanted.join()}`,
    async saw => {
      const found = await endpoints(client);
      saw(found);
      return found.join() === wanted.join();
    },
    { timeoutMs: 60_000 },
  );

describe('two servers on one etcd', () => {
  it('stand both in the endpoints of the kubernetes service', async () => {
    const client = first.clientFor('admin', ['system:masters']);
    await endpointsAre(client, '192.0.2.1', '192.0.2.2');
    client.close();
  });

  it('give no address and no port twice, and lose none, when one is killed amid hundreds of writes', async () => {
    const client = first.clientFor('admin', ['system:masters']);
    let other = second.clientFor('admin', ['system:masters']);
    let killed: Promise<void> | undefined;
    const restart = async (): Promise<void> => {
      await second.kill();
      await second.start();
      other.close();
      other = second.clientFor('admin', ['system:masters']);
    };
    let created = 0;
    const refused: string[] = [];
    await each(400, 24, async index => {
      const name = `web-${index}`;
      const through = index % 2 === 0 ? client : other;
      // what the killed server did not answer may be stored or not: both are right
      await through.json('POST', SERVICES, { body: service(name) }).then(
        () => {
          created += 1;
        },
        error => {
          if (through === client) refused.push(String(error));
        },
      );
      if (index % 3 === 0) await through.request('DELETE', `${SERVICES}/${name}`).catch(() => undefined);
      if (index >= 150) killed ??= restart();
    });
    await killed;
    expect(refused).toEqual([]);
    expect(created).toBeGreaterThan(200);
    const { taken, held } = await books(client);
    expect(taken).toEqual(held);
    expect(new Set(held.ips.map(line => line.split(' ')[0])).size).toBe(held.ips.length);
    expect(new Set(held.ports).size).toBe(held.ports.length);
    other.close();
    client.close();
  });

  it('know the node ports from the services where somebody deletes what is written down of them', async () => {
    const clients = [first, second].map(server => server.clientFor('admin', ['system:masters']));
    const [client] = clients as [ApiClient];
    const before = (await books(client)).held.ports;
    const etcd = first.etcd.client();
    await etcd.delete(NODE_PORTS_KEY);
    etcd.close();
    const statuses = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const through = clients[index % 2] ?? client;
        return (await through.request('POST', SERVICES, { body: service(`anew-${index}`) })).status;
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([201]));
    const { taken, held } = await books(client);
    expect(taken).toEqual(held);
    expect([new Set(held.ports).size, held.ports.length]).toEqual([before.length + 40, before.length + 40]);
    for (const each of clients) each.close();
  });

  it('take a server that was killed out of the endpoints', async () => {
    const client = first.clientFor('admin', ['system:masters']);
    await endpointsAre(client, '192.0.2.1', '192.0.2.2');
    await second.kill();
    await endpointsAre(client, '192.0.2.1');
    await second.start();
    await endpointsAre(client, '192.0.2.1', '192.0.2.2');
    client.close();
  });

  it('take a server that is told to stop out of the endpoints before it has ended', async () => {
    const client = first.clientFor('admin', ['system:masters']);
    await endpointsAre(client, '192.0.2.1', '192.0.2.2');
    expect(await second.stop()).toBe(0);
    expect(await endpoints(client)).toEqual(['192.0.2.1']);
    await second.start();
    await endpointsAre(client, '192.0.2.1', '192.0.2.2');
    client.close();
  });

  it('give the addresses of a deleted service to the next that asks for them', async () => {
    const client = first.clientFor('admin', ['system:masters']);
    const other = second.clientFor('admin', ['system:masters']);
    // of the parts that nobody is given who asks for none: the services above hold hundreds of the others
    const fixed = { clusterIP: '10.96.0.3', type: 'NodePort', ports: [{ port: 80, nodePort: 30012 }] };
    const make = (through: ApiClient, name: string) =>
      through.request('POST', SERVICES, { body: { metadata: { name }, spec: fixed } });
    expect((await make(client, 'one')).status).toBe(201);
    const refused = await make(other, 'two');
    expect([refused.status, refused.text]).toEqual([422, expect.stringContaining('provided IP is already allocated')]);
    await client.request('DELETE', `${SERVICES}/one`);
    expect((await make(other, 'two')).status).toBe(201);
    client.close();
    other.close();
  });
});
