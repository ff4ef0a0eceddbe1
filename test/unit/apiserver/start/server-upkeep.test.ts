import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Endpoints } from '../../../../src/api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../../../src/api/types/gen/discovery-v1.ts';
import { admissionPlugins } from '../../../../src/apiserver/handlers/admission-plugins.ts';
import { serverId } from '../../../../src/apiserver/start/identity-lease.ts';
import { ServerUpkeep } from '../../../../src/apiserver/start/server-upkeep.ts';
import { MemoryStore } from '../../../../src/apiserver/storage/memory/memory-store.ts';
import { OptimisticStorage } from '../../../../src/apiserver/storage/optimistic-storage.ts';
import type { Storage } from '../../../../src/apiserver/storage/storage.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';
import { HandlersOnStorage } from '../../../harness/handlers-on-storage.ts';
import { waitFor } from '../../../harness/wait-for.ts';

const SERVICES = '/v1/services';
const ENDPOINTS = '/v1/endpoints';
const SLICES = 'discovery.k8s.io/v1/endpointslices';
const LEASES = 'coordination.k8s.io/v1/leases';
const CIDRS = 'networking.k8s.io/v1/servicecidrs';

/** One server: its handlers and what it keeps. */
interface Server {
  readonly api: HandlersOnStorage;
  readonly upkeep: ServerUpkeep;
  /** Keeps until told to stop; resolves when it has said so to the others. */
  serve(): void;
  stop(): Promise<void>;
  /** Ends without a word, as kill -9 does. */
  die(): Promise<void>;
}

let clock: FakeClock;
let storage: Storage;
let servers: Server[] = [];
beforeEach(() => {
  clock = new FakeClock();
  storage = new OptimisticStorage(new MemoryStore(clock));
});
afterEach(async () => {
  for (const server of servers) await server.die();
  servers = [];
});

const make = async (advertiseAddress: string, serviceCidrs = ['10.96.0.0/16']): Promise<Server> => {
  const api = await HandlersOnStorage.start(storage, { clock, admission: admissionPlugins });
  const settings = {
    serviceCidrs,
    nodePorts: { first: 30000, last: 32767 },
    advertiseAddress,
    port: 6443,
    hostname: `host-${advertiseAddress}`,
  };
  const upkeep = new ServerUpkeep({ handlers: api.handlers, storage, settings, clock, log: api.handlers.log });
  const ending = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const server: Server = {
    api,
    upkeep,
    serve() {
      running = upkeep.run(ending.signal);
    },
    async stop() {
      ending.abort(new Error('stopped'));
      await running;
      await upkeep.withdraw();
    },
    async die() {
      ending.abort(new Error('died'));
      await running;
      await api.stop();
    },
  };
  servers.push(server);
  return server;
};
const never = new AbortController().signal;
const started = async (address: string): Promise<Server> => {
  const server = await make(address);
  await server.upkeep.prepare(never);
  server.serve();
  return server;
};

const addressesIn = async ({ api }: Server): Promise<readonly string[]> => {
  const [endpoints] = (await api.stored(ENDPOINTS)) as unknown as readonly Endpoints[];
  return (endpoints?.subsets ?? []).flatMap(subset => (subset.addresses ?? []).map(address => address.ip));
};
const endpointsAre = async (server: Server, ...wanted: string[]): Promise<void> => {
  await waitFor(`the endpoints ${wanted.join()}`, async saw => {
    const found = await addressesIn(server);
    saw(found.join());
    return found.join() === wanted.join();
  });
};
const names = async ({ api }: Server, id: string): Promise<readonly (string | undefined)[]> =>
  (await api.stored(id)).map(object => object.metadata.name);

describe('a server that starts', () => {
  it('makes what every cluster has', async () => {
    const server = await started('192.0.2.1');
    await endpointsAre(server, '192.0.2.1');
    await waitFor('its service', async () => (await server.api.stored(SERVICES)).length > 0);
    await waitFor('its slice', async () => (await server.api.stored(SLICES)).length > 0);
    expect(await names(server, '/v1/namespaces')).toEqual(['default', 'kube-node-lease', 'kube-public', 'kube-system']);
    expect(await server.api.stored(CIDRS)).toMatchObject([
      {
        metadata: { name: 'kubernetes' },
        spec: { cidrs: ['10.96.0.0/16'] },
        status: { conditions: [{ type: 'Ready', status: 'True' }] },
      },
    ]);
    expect(await server.api.stored(SERVICES)).toMatchObject([
      {
        metadata: {
          name: 'kubernetes',
          namespace: 'default',
          labels: { provider: 'kubernetes', component: 'apiserver' },
        },
        spec: { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443, targetPort: 6443 }] },
      },
    ]);
    expect(await names(server, 'networking.k8s.io/v1/ipaddresses')).toEqual(['10.96.0.1']);
    const ports = [{ name: 'https', port: 6443, protocol: 'TCP' }];
    expect(await server.api.stored(SLICES)).toMatchObject([
      {
        metadata: { name: 'kubernetes', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['192.0.2.1'], conditions: { ready: true } }],
        ports,
      },
    ]);
    expect(await server.api.stored(ENDPOINTS)).toMatchObject([
      { metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }, subsets: [{ ports }] },
    ]);
  });

  it('does not mind another that starts at the same moment', async () => {
    const both = await Promise.all([make('192.0.2.1'), make('192.0.2.2')]);
    const prepared = Promise.all(both.map(server => server.upkeep.prepare(never))).then(() => true);
    // the one that lost a race waits a little
    await waitFor('both to be prepared', () => Promise.race([prepared, clock.advance(100).then(() => false)]));
    for (const server of both) server.serve();
    await waitFor('both to be published', async () => {
      await clock.advance(10_000);
      return (await addressesIn(both[0])).length === 2;
    });
    const [first] = both;
    expect(await names(first, SERVICES)).toEqual(['kubernetes']);
    expect(await names(first, 'networking.k8s.io/v1/ipaddresses')).toEqual(['10.96.0.1']);
  });

  it('takes a second range of addresses into the default ServiceCIDR', async () => {
    await started('192.0.2.1');
    const dual = await make('192.0.2.2', ['10.96.0.0/16', 'fd00::/112']);
    await dual.upkeep.prepare(never);
    expect(await dual.api.stored(CIDRS)).toMatchObject([{ spec: { cidrs: ['10.96.0.0/16', 'fd00::/112'] } }]);
  });

  it('publishes nothing where its address is loopback', async () => {
    const server = await started('127.0.0.1');
    await waitFor('the service', async () => (await names(server, SERVICES)).length === 1);
    await clock.advance(30_000);
    expect(await addressesIn(server)).toEqual([]);
  });
});

describe('what a server keeps', () => {
  it.each([
    ['service', SERVICES, 'default'],
    ['endpoints', ENDPOINTS, 'default'],
    ['slice', SLICES, 'default'],
  ])('is made again when it was deleted: the %s', async (_, id, namespace) => {
    const server = await started('192.0.2.1');
    await waitFor('the slice', async () => (await names(server, SLICES)).length === 1);
    await waitFor('the service', async () => (await names(server, SERVICES)).length === 1);
    await server.api.remove(id, namespace, 'kubernetes');
    expect(await names(server, id)).toEqual([]);
    await clock.advance(10_000);
    await waitFor('what was deleted', async () => (await names(server, id)).includes('kubernetes'));
  });

  it('is mended when somebody changed the endpoints', async () => {
    const server = await started('192.0.2.1');
    await endpointsAre(server, '192.0.2.1');
    await server.api.update(ENDPOINTS, { namespace: 'default', name: 'kubernetes' }, old => ({
      ...old,
      subsets: [{ addresses: [{ ip: '192.0.2.66' }], ports: [{ port: 1 }] }],
    }));
    await clock.advance(10_000);
    await endpointsAre(server, '192.0.2.1');
  });

  it('is written only when it changes', async () => {
    const server = await started('192.0.2.1');
    await waitFor('the slice', async () => (await names(server, SLICES)).length === 1);
    const before = [...(await server.api.stored(ENDPOINTS)), ...(await server.api.stored(SLICES))];
    await clock.advance(60_000);
    expect([...(await server.api.stored(ENDPOINTS)), ...(await server.api.stored(SLICES))]).toEqual(before);
  });
});

describe('a server that ends', () => {
  it('leaves the endpoints at once when it stops, with its lease', async () => {
    const [staying, leaving] = [await started('192.0.2.1'), await started('192.0.2.2')];
    await endpointsAre(staying, '192.0.2.1', '192.0.2.2');
    await waitFor('both leases', async () => (await names(staying, LEASES)).length === 2);
    await leaving.stop();
    expect(await addressesIn(staying)).toEqual(['192.0.2.1']);
    expect(await names(staying, LEASES)).toEqual([serverId('host-192.0.2.1', 6443)]);
  });

  it('leaves nothing in the endpoints when it was the last', async () => {
    const server = await started('192.0.2.1');
    await endpointsAre(server, '192.0.2.1');
    await server.stop();
    expect(await addressesIn(server)).toEqual([]);
  });

  it('is taken out of the endpoints by another when it dies: after 15 s its key is gone', async () => {
    const [staying, dying] = [await started('192.0.2.1'), await started('192.0.2.2')];
    await endpointsAre(staying, '192.0.2.1', '192.0.2.2');
    await dying.die();
    await clock.advance(5_000);
    expect(await addressesIn(staying)).toEqual(['192.0.2.1', '192.0.2.2']);
    await clock.advance(20_000);
    await endpointsAre(staying, '192.0.2.1');
  });

  it('is not published again by its own earlier key before it serves', async () => {
    const server = await started('192.0.2.1');
    await endpointsAre(server, '192.0.2.1');
    await server.die();
    const again = await make('192.0.2.1');
    await again.upkeep.prepare(never);
    expect(await addressesIn(again)).toEqual([]);
  });

  it('has its lease renewed while it runs, and removed by others an hour after it died', async () => {
    const staying = await started('192.0.2.1');
    const dying = await started('192.0.2.2');
    const lease = serverId('host-192.0.2.2', 6443);
    await waitFor('both leases', async () => (await names(staying, LEASES)).length === 2);
    expect(await staying.api.stored(LEASES)).toMatchObject([
      { metadata: { namespace: 'kube-system' }, spec: { leaseDurationSeconds: 3600 } },
      { metadata: { labels: { 'apiserver.kubernetes.io/identity': 'kube-apiserver' } } },
    ]);
    await dying.die();
    await clock.advance(3_500_000);
    expect(await names(staying, LEASES)).toContain(lease);
    await clock.advance(4_000_000);
    await waitFor('the lease to be gone', async () => !(await names(staying, LEASES)).includes(lease));
    expect(await names(staying, LEASES)).toEqual([serverId('host-192.0.2.1', 6443)]);
    // two hours of upkeep are some seconds of work
  }, 60_000);
});

it('shows IPv6 servers in a slice of their own type', async () => {
  const server = await started('2001:db8::1');
  await endpointsAre(server, '2001:db8::1');
  await waitFor('the slice', async () => (await names(server, SLICES)).length === 1);
  const [slice] = (await server.api.stored(SLICES)) as unknown as readonly EndpointSlice[];
  expect(slice).toMatchObject({ addressType: 'IPv6', endpoints: [{ addresses: ['2001:db8::1'] }] });
});
