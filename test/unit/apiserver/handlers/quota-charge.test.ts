import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PersistentVolumeClaim, ResourceQuota } from '../../../../src/api/types/gen/core-v1.ts';
import { MemoryStore } from '../../../../src/apiserver/storage/memory/memory-store.ts';
import { OptimisticStorage } from '../../../../src/apiserver/storage/optimistic-storage.ts';
import type { Storage } from '../../../../src/apiserver/storage/storage.ts';
import { GantryError } from '../../../../src/base/errors.ts';
import { HandlersOnStorage } from '../../../harness/handlers-on-storage.ts';
import { overridingStorage } from '../../../harness/overriding-storage.ts';
import { seededRandom } from '../../../harness/random.ts';

const QUOTAS = '/v1/resourcequotas';
const MAPS = '/v1/configmaps';
const CLAIMS = '/v1/persistentvolumeclaims';

let storage: Storage;
let servers: HandlersOnStorage[] = [];
beforeEach(() => {
  storage = new OptimisticStorage(new MemoryStore());
});
afterEach(async () => {
  await Promise.all(servers.map(server => server.stop()));
  servers = [];
});
const start = async (over = storage): Promise<HandlersOnStorage> => {
  const server = await HandlersOnStorage.start(over, { families: ['IPv4', 'IPv6'] });
  servers.push(server);
  return server;
};
/** Stores a quota with nothing used. */
const limit = async (server: HandlersOnStorage, name: string, hard: Record<string, string>): Promise<void> => {
  const used = Object.fromEntries(Object.keys(hard).map(key => [key, '0']));
  const quota = { kind: 'ResourceQuota', apiVersion: 'v1', metadata: { name, namespace: 'a' }, spec: { hard } };
  const key = server.resource(QUOTAS).key('a', name);
  await storage.create(key, Buffer.from(JSON.stringify({ ...quota, status: { hard, used } })));
  await Promise.all(servers.map(each => each.caughtUp()));
};
const map = (name: string) => ({ metadata: { name, namespace: 'a' } });
const used = async (server: HandlersOnStorage): Promise<Record<string, Record<string, string> | undefined>> => {
  const quotas = (await server.stored(QUOTAS)) as unknown as readonly ResourceQuota[];
  return Object.fromEntries(quotas.map(({ metadata, status }) => [metadata.name, status.used]));
};

describe('a write', () => {
  it('is charged to every quota of its namespace, at its own revision', async () => {
    const server = await start();
    await limit(server, 'first', { configmaps: '5' });
    await limit(server, 'second', { 'count/configmaps': '5' });
    const { metadata } = await server.create(MAPS, map('x'));
    expect(await used(server)).toEqual({ first: { configmaps: '1' }, second: { 'count/configmaps': '1' } });
    const quotas = await server.stored(QUOTAS);
    expect(quotas.map(quota => quota.metadata.resourceVersion)).toEqual([
      metadata.resourceVersion,
      metadata.resourceVersion,
    ]);
  });

  it('is charged to none where one of them refuses', async () => {
    const server = await start();
    await limit(server, 'first', { configmaps: '5' });
    await limit(server, 'second', { 'count/configmaps': '0' });
    await expect(server.create(MAPS, map('x'))).rejects.toMatchObject({
      reason: 'Forbidden',
      message:
        'configmaps "x" is forbidden: exceeded quota: second, requested: count/configmaps=1, used: count/configmaps=0, limited: count/configmaps=0',
    });
    expect((await used(server))['first']).toEqual({ configmaps: '0' });
  });

  it('is charged nothing where the object exists already, and in a dry run', async () => {
    const server = await start();
    await server.create(MAPS, map('x'));
    await limit(server, 'q', { configmaps: '5' });
    await expect(server.create(MAPS, map('x'))).rejects.toMatchObject({ fault: 'exists' });
    await server.create(MAPS, map('y'), { dryRun: true });
    expect(await used(server)).toEqual({ q: { configmaps: '0' } });
  });

  it('is refused in a dry run as otherwise', async () => {
    const server = await start();
    await limit(server, 'q', { configmaps: '0' });
    await expect(server.create(MAPS, map('y'), { dryRun: true })).rejects.toThrow('exceeded quota');
  });

  it('is refused where more quotas count it than go into one transaction with a service and all that it takes', async () => {
    const server = await start();
    await server.create('networking.k8s.io/v1/servicecidrs', {
      metadata: { name: 'kubernetes' },
      spec: { cidrs: ['10.96.0.0/24', 'fd00::/112'] },
    });
    for (let index = 0; index < 120; index += 1) await limit(server, `q-${index}`, { services: '9' });
    const spec = { type: 'NodePort', ipFamilyPolicy: 'RequireDualStack', ports: [{ port: 80 }] };
    await server.create('/v1/services', { metadata: { name: 'x', namespace: 'a' }, spec });
    expect(new Set(Object.values(await used(server)).map(each => each?.['services']))).toEqual(new Set(['1']));
    await limit(server, 'last', { services: '9' });
    for (const dryRun of [true, false])
      await expect(
        server.create('/v1/services', { metadata: { name: 'y', namespace: 'a' }, spec }, { dryRun }),
      ).rejects.toMatchObject({
        reason: 'Forbidden',
        message:
          'services "y" is forbidden: 121 quotas of namespace "a" count this, and at most 120 can; please merge some of these ResourceQuotas',
      });
    await server.create(MAPS, map('not-counted'));
  });

  it('is charged once, however often somebody else writes the object in between', async () => {
    const server = await start();
    const key = server.resource(CLAIMS).key('a', 'data');
    const claim = (turn: number) => ({
      kind: 'PersistentVolumeClaim',
      apiVersion: 'v1',
      metadata: { name: 'data', namespace: 'a', uid: 'u', annotations: { turn: String(turn) } },
      spec: {
        accessModes: ['ReadWriteOnce'],
        volumeMode: 'Filesystem',
        storageClassName: 'c',
        resources: { requests: { storage: '1Gi' } },
      },
      status: { phase: 'Bound' },
    });
    await storage.create(key, Buffer.from(JSON.stringify(claim(0))));
    await limit(server, 'q', { 'requests.storage': '5Gi' });
    let turns = 0;
    await server.update(CLAIMS, { namespace: 'a', name: 'data' }, async old => {
      turns += 1;
      const value = Buffer.from(JSON.stringify(claim(Math.min(turns, 3))));
      await storage.update(key, () => ({ value }));
      const { metadata, spec } = old as PersistentVolumeClaim;
      return { metadata, spec: { ...spec, resources: { requests: { storage: '3Gi' } } } };
    });
    expect(turns).toBeGreaterThan(2);
    expect(await used(server)).toEqual({ q: { 'requests.storage': '2Gi' } });
  });

  it('waits for no other namespace', async () => {
    let release = (): void => {};
    const held = new Promise<void>(resolve => {
      release = resolve;
    });
    const slow = overridingStorage(storage, {
      create: async (key, ...rest) => {
        if (key.includes('/configmaps/a/')) await held;
        return storage.create(key, ...rest);
      },
    });
    const server = await start(slow);
    await limit(server, 'q', { configmaps: '5' });
    const waiting = [server.create(MAPS, map('x')), server.create(MAPS, map('y'))];
    await server.create(MAPS, { metadata: { name: 'x', namespace: 'b' } });
    release();
    await Promise.all(waiting);
    expect(await used(server)).toEqual({ q: { configmaps: '2' } });
  });
});

describe('many writes at once', () => {
  it('are all charged, and none too many, on two servers', async () => {
    const [server, other] = [await start(), await start()];
    await limit(server, 'first', { configmaps: '30' });
    await limit(server, 'second', { 'count/configmaps': '100' });
    const tries = await Promise.allSettled(
      Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? server : other).create(MAPS, map(`x-${index}`))),
    );
    expect(tries.filter(each => each.status === 'fulfilled')).toHaveLength(30);
    const refused = tries.flatMap(each => (each.status === 'rejected' ? [String(each.reason)] : []));
    expect(refused.filter(reason => !reason.includes('exceeded quota'))).toEqual([]);
    expect(await used(server)).toEqual({ first: { configmaps: '30' }, second: { 'count/configmaps': '30' } });
  });

  it('leave the quotas saying what there is, whatever fails', async () => {
    const { seed } = seededRandom();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(5), fc.nat(1), fc.nat(2)), { maxLength: 30 }), async steps => {
        storage = new OptimisticStorage(new MemoryStore());
        let fault = 0;
        const inner = storage;
        const faulty = overridingStorage(inner, {
          create: async (...args) => {
            const now = fault;
            if (now === 1) throw new GantryError('unavailable', 'etcd is away');
            const made = await inner.create(...args);
            if (now === 2) throw new GantryError('unavailable', 'the answer was lost');
            return made;
          },
        });
        const server = await start();
        const both = [await start(faulty), await start(faulty)];
        await limit(server, 'q', { configmaps: '4' });
        const running = steps.map(async ([index, which, outcome]) => {
          fault = outcome;
          await (both[which] ?? server).create(MAPS, map(`x-${index}`)).catch(() => undefined);
        });
        await Promise.all(running);
        const stored = (await server.stored(MAPS)).length;
        expect(stored).toBeLessThanOrEqual(4);
        expect(await used(server)).toEqual({ q: { configmaps: String(stored) } });
        await Promise.all(servers.map(each => each.stop()));
        servers = [];
      }),
      { numRuns: 40, seed },
    );
  });
});
