import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Service } from '../../../../src/api/types/gen/core-v1.ts';
import type { IPAddress } from '../../../../src/api/types/gen/networking-v1.ts';
import { ownIps, ownPorts } from '../../../../src/apiserver/resources/core/service/allocate.ts';
import { decodeNodePorts, NODE_PORTS_KEY } from '../../../../src/apiserver/resources/core/service/node-port-map.ts';
import { MemoryStore } from '../../../../src/apiserver/storage/memory/memory-store.ts';
import { OptimisticStorage } from '../../../../src/apiserver/storage/optimistic-storage.ts';
import type { Storage } from '../../../../src/apiserver/storage/storage.ts';
import { GantryError } from '../../../../src/base/errors.ts';
import { HandlersOnStorage, type HandlersOptions } from '../../../harness/handlers-on-storage.ts';
import { overridingStorage } from '../../../harness/overriding-storage.ts';
import { seededRandom } from '../../../harness/random.ts';

const SERVICES = '/v1/services';
const ADDRESSES = 'networking.k8s.io/v1/ipaddresses';
const CIDRS = 'networking.k8s.io/v1/servicecidrs';

let storage: Storage;
let servers: HandlersOnStorage[] = [];
beforeEach(() => {
  storage = new OptimisticStorage(new MemoryStore());
});
afterEach(async () => {
  await Promise.all(servers.map(server => server.stop()));
  servers = [];
});

const start = async (over = storage, options: HandlersOptions = {}): Promise<HandlersOnStorage> => {
  const server = await HandlersOnStorage.start(over, options);
  servers.push(server);
  return server;
};
/** A server over a cluster with one range. */
const cluster = async (cidr = '10.96.0.0/24', options: HandlersOptions = {}): Promise<HandlersOnStorage> => {
  const server = await start(storage, options);
  await server.create(CIDRS, { metadata: { name: 'kubernetes' }, spec: { cidrs: [cidr] } });
  await server.repair();
  return server;
};
const service = (name: string, spec: object = {}) => ({
  metadata: { name, namespace: 'default' },
  spec: { ports: [{ port: 80 }], ...spec },
});
const at = (name: string) => ({ namespace: 'default', name });
const withSpec = (spec: object) => (old: object) => ({ ...old, spec: { ...(old as Service).spec, ...spec } });

/** What is written down as taken, and what services hold: they must be the same. */
const books = async (server: HandlersOnStorage) => {
  const services = (await server.stored(SERVICES)) as unknown as readonly Service[];
  const addresses = (await server.stored(ADDRESSES)) as unknown as readonly IPAddress[];
  const ports = decodeNodePorts((await storage.get(NODE_PORTS_KEY)).value)?.ports ?? new Set();
  return {
    taken: {
      ips: addresses.map(a => `${a.metadata.name} ${a.spec.parentRef?.namespace}/${a.spec.parentRef?.name}`).toSorted(),
      ports: [...ports].toSorted(),
    },
    held: {
      ips: services
        .flatMap(each => ownIps(each).map(ip => `${ip} ${each.metadata.namespace}/${each.metadata.name}`))
        .toSorted(),
      ports: services.flatMap(ownPorts).toSorted(),
    },
  };
};
const expectBalance = async (server: HandlersOnStorage): Promise<void> => {
  const { taken, held } = await books(server);
  expect(taken).toEqual(held);
  expect(new Set(held.ips.map(line => line.split(' ')[0])).size).toBe(held.ips.length);
};

describe('the addresses of services', () => {
  it('are IPAddresses that refer to their services, written at the same revision', async () => {
    const server = await cluster();
    const made = (await server.create(SERVICES, service('web'))) as unknown as Service;
    const [address] = await server.stored(ADDRESSES);
    expect(address).toMatchObject({
      metadata: {
        name: made.spec.clusterIP,
        resourceVersion: made.metadata.resourceVersion,
        uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
        labels: {
          'ipaddress.kubernetes.io/ip-family': 'IPv4',
          'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
        },
      },
      spec: { parentRef: { resource: 'services', namespace: 'default', name: 'web' } },
    });
  });

  it('are of both families where a service wants both', async () => {
    const server = await start(storage, { families: ['IPv4', 'IPv6'] });
    await server.create(CIDRS, { metadata: { name: 'kubernetes' }, spec: { cidrs: ['10.96.0.0/24', 'fd00::/112'] } });
    await server.repair();
    await server.create(SERVICES, service('web', { ipFamilyPolicy: 'RequireDualStack' }));
    expect((await books(server)).taken.ips).toHaveLength(2);
    await server.update(SERVICES, at('web'), withSpec({ ipFamilyPolicy: 'SingleStack' }));
    expect((await books(server)).taken.ips).toHaveLength(1);
    await expectBalance(server);
  });

  it('go with the service, and are free for the next one at once, on another server too', async () => {
    const server = await cluster();
    const other = await start();
    await server.create(
      SERVICES,
      service('web', { type: 'NodePort', clusterIP: '10.96.0.9', ports: [{ port: 80, nodePort: 30080 }] }),
    );
    await other.caughtUp();
    await server.remove(SERVICES, 'default', 'web');
    const spec = { type: 'NodePort', clusterIP: '10.96.0.9', ports: [{ port: 80, nodePort: 30080 }] };
    expect(await other.create(SERVICES, service('next', spec))).toMatchObject({ spec: { clusterIP: '10.96.0.9' } });
    await expectBalance(server);
  });

  it('stay with a service that waits for a finalizer, and go with the last one', async () => {
    const server = await cluster();
    const kept = service('web', { type: 'NodePort' });
    await server.create(SERVICES, { ...kept, metadata: { ...kept.metadata, finalizers: ['a.b/c'] } });
    await server.remove(SERVICES, 'default', 'web');
    expect((await books(server)).taken.ips).toHaveLength(1);
    await server.update(SERVICES, at('web'), old => ({
      ...old,
      metadata: { ...(old as Service).metadata, finalizers: [] },
    }));
    expect((await books(server)).taken).toEqual({ ips: [], ports: [] });
  });

  it('change with the type of the service', async () => {
    const server = await cluster();
    await server.create(SERVICES, service('web', { type: 'NodePort' }));
    await server.update(SERVICES, at('web'), withSpec({ type: 'ClusterIP', ports: [{ port: 80 }] }));
    expect((await books(server)).taken.ports).toEqual([]);
    const external = { type: 'ExternalName', externalName: 'a.b', clusterIP: undefined, clusterIPs: undefined };
    await server.update(SERVICES, at('web'), withSpec(external));
    expect((await books(server)).taken.ips).toEqual([]);
    await server.update(SERVICES, at('web'), withSpec({ type: 'NodePort', externalName: undefined }));
    await expectBalance(server);
    expect((await books(server)).taken.ports).toHaveLength(1);
  });

  it('are not taken by a dry run', async () => {
    const server = await cluster();
    const dry = await server.create(SERVICES, service('web', { type: 'NodePort' }), { dryRun: true });
    expect(dry).toMatchObject({ spec: { clusterIP: expect.stringMatching(/^10\.96\.0\./) } });
    await server.create(SERVICES, service('old'));
    await server.update(SERVICES, at('old'), withSpec({ type: 'NodePort' }), { dryRun: true });
    expect((await books(server)).taken.ports).toEqual([]);
    await expectBalance(server);
  });

  it('are refused where another service has them, or somebody else', async () => {
    const server = await cluster();
    await server.create(SERVICES, service('web', { clusterIP: '10.96.0.9' }));
    const other = { group: 'gateway.networking.k8s.io', resource: 'gateways', namespace: 'a', name: 'b' };
    await server.create(ADDRESSES, { metadata: { name: '10.96.0.10' }, spec: { parentRef: other } });
    for (const clusterIP of ['10.96.0.9', '10.96.0.10'])
      await expect(server.create(SERVICES, service('other', { clusterIP }))).rejects.toMatchObject({
        reason: 'Invalid',
        message: `Service "other" is invalid: spec.clusterIPs: Invalid value: ["${clusterIP}"]: failed to allocate IP ${clusterIP}: provided IP is already allocated`,
      });
  });

  it('come from a second range when it is there and ready', async () => {
    const server = await cluster('10.96.0.0/30');
    await server.create(SERVICES, service('a'));
    await server.create(SERVICES, service('b'));
    await expect(server.create(SERVICES, service('c'))).rejects.toMatchObject({
      reason: 'InternalError',
      message: expect.stringContaining('failed to allocate a serviceIP for Service "c": range is full'),
    });
    await server.create(CIDRS, { metadata: { name: 'more' }, spec: { cidrs: ['10.97.0.0/28'] } });
    await server.caughtUp();
    expect(await server.create(SERVICES, service('c'))).toMatchObject({
      spec: { clusterIP: expect.stringMatching(/^10\.97\./) },
    });
  });
});

describe('two servers', () => {
  it('give no address and no port twice, whoever asks at the same time', async () => {
    const server = await cluster('10.96.0.0/24');
    const other = await start();
    const names = Array.from({ length: 120 }, (_, index) => `web-${index}`);
    const spec = { type: 'NodePort' };
    await Promise.all(
      names.map((name, index) => (index % 2 === 0 ? server : other).create(SERVICES, service(name, spec))),
    );
    await expectBalance(server);
    expect((await books(server)).held.ports).toHaveLength(120);
  });

  it('let one of all have an address that all ask for', async () => {
    const server = await cluster();
    const other = await start();
    const tries = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) =>
        (index % 2 === 0 ? server : other).create(SERVICES, service(`web-${index}`, { clusterIP: '10.96.0.9' })),
      ),
    );
    expect(tries.filter(each => each.status === 'fulfilled')).toHaveLength(1);
    await expectBalance(server);
  });

  it('use a range up to its last address', async () => {
    const server = await cluster('10.96.0.0/27');
    const other = await start();
    const tries = await Promise.allSettled(
      Array.from({ length: 40 }, (_, index) =>
        (index % 2 === 0 ? server : other).create(SERVICES, service(`web-${index}`)),
      ),
    );
    expect(tries.filter(each => each.status === 'fulfilled')).toHaveLength(30);
    await expectBalance(server);
  });
});

/** Calls that fail with `unavailable`: before they were carried out, or after, when only the answer was lost. */
function faulty(inner: Storage, fails: () => 'before' | 'after' | 'never'): Storage {
  const around =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const when = fails();
      if (when === 'before') throw new GantryError('unavailable', 'etcd is away');
      const result = await call(...args);
      if (when === 'after') throw new GantryError('unavailable', 'the answer was lost');
      return result;
    };
  return overridingStorage(inner, {
    create: around((...args: Parameters<Storage['create']>) => inner.create(...args)),
    update: around((...args: Parameters<Storage['update']>) => inner.update(...args)),
    delete: around((...args: Parameters<Storage['delete']>) => inner.delete(...args)),
  });
}

describe('a write whose outcome is not known', () => {
  it('leaves a stored service its addresses', async () => {
    const server = await cluster('10.96.0.0/30');
    const unlucky = await start(faulty(storage, () => 'after'));
    const failed = unlucky.create(SERVICES, service('web', { type: 'NodePort' }));
    await expect(failed).rejects.toThrow('the answer was lost');
    await server.caughtUp();
    await server.create(SERVICES, service('second', { type: 'NodePort' }));
    await expectBalance(server);
    await expect(server.create(SERVICES, service('third'))).rejects.toThrow('range is full');
  });

  it('never sets what is taken and what is held apart, whatever is done in what order', async () => {
    const seed = seededRandom().seed;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom('create', 'expose', 'hide', 'remove'), fc.nat(3), fc.nat(1), fc.nat(2)), {
          maxLength: 24,
        }),
        async steps => {
          storage = new OptimisticStorage(new MemoryStore());
          let fault: 'before' | 'after' | 'never' = 'never';
          const server = await cluster('10.96.0.0/29', { nodePorts: { first: 30000, last: 30002 } });
          const options = { nodePorts: { first: 30000, last: 30002 } };
          const both = [
            await start(
              faulty(storage, () => fault),
              options,
            ),
            await start(
              faulty(storage, () => fault),
              options,
            ),
          ];
          const running: Promise<unknown>[] = [];
          for (const [step, index, which, outcome] of steps) {
            fault = (['never', 'before', 'after'] as const)[outcome] ?? 'never';
            const one = both[which] ?? server;
            const name = `web-${index}`;
            const actions = {
              create: () => one.create(SERVICES, service(name)),
              expose: () => one.update(SERVICES, at(name), withSpec({ type: 'NodePort' })),
              hide: () => one.update(SERVICES, at(name), withSpec({ type: 'ClusterIP', ports: [{ port: 80 }] })),
              remove: () => one.remove(SERVICES, 'default', name),
            };
            running.push(actions[step as keyof typeof actions]().catch(() => undefined));
            await Promise.resolve();
          }
          await Promise.all(running);
          await expectBalance(server);
          await Promise.all(servers.map(each => each.stop()));
          servers = [];
        },
      ),
      { numRuns: 40, seed },
    );
  });
});

describe('node ports whose value is lost', () => {
  const NODE_PORT = { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] };
  const spoil = () => storage.update(NODE_PORTS_KEY, () => ({ value: Buffer.from('spoilt') }));
  it.each([
    ['deleted', () => storage.delete(NODE_PORTS_KEY)],
    ['spoilt', spoil],
  ])('are known from the services at the next write (%s)', async (_, lose) => {
    const server = await cluster();
    await server.create(SERVICES, service('web', NODE_PORT));
    await lose();
    await expect(server.create(SERVICES, service('next', NODE_PORT))).rejects.toThrow('already allocated');
    await lose();
    await server.create(SERVICES, service('next', { type: 'NodePort' }));
    expect((await books(server)).held.ports).toHaveLength(2);
    await expectBalance(server);
  });

  it.each([
    ['a deletion', (server: HandlersOnStorage) => server.remove(SERVICES, 'default', 'web')],
    [
      'a change of type',
      (server: HandlersOnStorage) =>
        server.update(SERVICES, at('web'), withSpec({ type: 'ClusterIP', ports: [{ port: 80 }] })),
    ],
  ])('are freed by %s', async (_, free) => {
    const server = await cluster();
    await server.create(SERVICES, service('web', NODE_PORT));
    await server.create(SERVICES, service('other', { type: 'NodePort' }));
    await storage.delete(NODE_PORTS_KEY);
    await free(server);
    expect((await books(server)).taken.ports).toHaveLength(1);
    await expectBalance(server);
  });

  it('are given once by two servers that write at the same time', async () => {
    const server = await cluster();
    const other = await start();
    await Promise.all(
      Array.from({ length: 5 }, (_, index) => server.create(SERVICES, service(`old-${index}`, { type: 'NodePort' }))),
    );
    await storage.delete(NODE_PORTS_KEY);
    await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        (index % 2 === 0 ? server : other).create(SERVICES, service(`w-${index}`, { type: 'NodePort' })),
      ),
    );
    expect(new Set((await books(server)).held.ports).size).toBe(45);
    await expectBalance(server);
  });
});

describe('a repair', () => {
  const drop = async (server: HandlersOnStorage): Promise<void> => {
    for (const address of await server.stored(ADDRESSES))
      await storage.delete(server.resource(ADDRESSES).key('', address.metadata.name ?? ''));
  };

  it('changes nothing where all is right', async () => {
    const server = await cluster();
    await server.create(SERVICES, service('web', { type: 'NodePort' }));
    const before = await storage.currentRevision();
    await server.repair();
    expect(await storage.currentRevision()).toBe(before);
  });

  it('writes down again what was lost', async () => {
    const server = await cluster();
    await server.create(SERVICES, service('web', { type: 'NodePort' }));
    const { held } = await books(server);
    await drop(server);
    await storage.delete(NODE_PORTS_KEY);
    await server.repair();
    expect((await books(server)).taken).toEqual(held);
  });

  it('frees what no service holds, and leaves alone what others made', async () => {
    const server = await cluster();
    await server.create(SERVICES, service('web', { type: 'NodePort', clusterIP: '10.96.0.9' }));
    const parentRef = { resource: 'services', namespace: 'default', name: 'web' };
    const labels = { 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' };
    await server.create(ADDRESSES, { metadata: { name: '10.96.0.77', labels }, spec: { parentRef } });
    await server.create(ADDRESSES, { metadata: { name: '10.96.0.78' }, spec: { parentRef } });
    await server.repair();
    expect((await server.stored(ADDRESSES)).map(address => address.metadata.name)).toEqual(['10.96.0.78', '10.96.0.9']);
  });

  it('gives an address its service back that refers to another', async () => {
    const server = await cluster();
    await server.create(ADDRESSES, {
      metadata: { name: '10.96.0.9' },
      spec: { parentRef: { resource: 'services', namespace: 'default', name: 'gone' } },
    });
    const key = server.resource(SERVICES).key('default', 'web');
    const stored = { ...service('web', { type: 'ClusterIP', clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'] }) };
    await storage.create(key, Buffer.from(JSON.stringify({ kind: 'Service', apiVersion: 'v1', ...stored })));
    await server.repair();
    await expectBalance(server);
  });

  it('makes the ports anew for another range', async () => {
    const server = await cluster();
    await server.create(SERVICES, service('web', { type: 'NodePort', ports: [{ port: 80, nodePort: 30001 }] }));
    const wider = await start(storage, { nodePorts: { first: 20000, last: 32767 } });
    await expect(wider.create(SERVICES, service('next', { type: 'NodePort' }))).rejects.toThrow('does not match');
    await wider.repair();
    const taken = wider.create(SERVICES, service('next', { type: 'NodePort', ports: [{ port: 80, nodePort: 30001 }] }));
    await expect(taken).rejects.toThrow('already allocated');
    await expectBalance(wider);
  });

  it('of two servers at the same time, beside writes, leaves all in balance', async () => {
    const server = await cluster();
    const other = await start();
    await server.create(SERVICES, service('web', { type: 'NodePort' }));
    await drop(server);
    const writes = Array.from({ length: 10 }, (_, index) =>
      other.create(SERVICES, service(`w-${index}`, { type: 'NodePort' })),
    );
    await Promise.all([server.repair(), other.repair(), ...writes, server.remove(SERVICES, 'default', 'web')]);
    await server.repair();
    await expectBalance(server);
  });
});
