import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  compareModRevision,
  compareVersion,
  EtcdClient,
  opDelete,
  opGet,
  opPut,
  prefixEnd,
} from '../../src/etcd/client.ts';
import { EtcdError } from '../../src/etcd/errors.ts';
import { LeaseReuse } from '../../src/etcd/lease-reuse.ts';
import { UnaryChannel } from '../../src/etcd/unary-channel.ts';
import type { WatchBatch, WatchEvent, WatchOptions } from '../../src/etcd/watch.ts';
import { runCommand } from '../../src/linux/command.ts';
import { KVService, RangeRequest, RangeResponse } from '../../src/rpc/gen/etcd/kv.ts';
import { EtcdServer, freePorts } from '../harness/etcd.ts';
import { FakeClock } from '../harness/fake-clock.ts';
import { waitFor } from '../harness/wait-for.ts';

let server: EtcdServer;
let client: EtcdClient;
let prefix = '';
let test = 0;

beforeAll(async () => {
  server = await EtcdServer.start();
});
afterAll(() => server.remove());
beforeEach(() => {
  client = server.client();
  test += 1;
  prefix = `/registry/t${test}/`;
});
afterEach(() => client.close());

const text = (value: Buffer | undefined): string | undefined => value?.toString();
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    e => e,
  );

/** A watch whose events are collected; `close` ends it and gives what it threw. */
function collect(of: EtcdClient, options: Omit<WatchOptions, 'signal' | 'key' | 'end'>) {
  const stop = new AbortController();
  const events: WatchEvent[] = [];
  const batches: WatchBatch[] = [];
  let opened = 0;
  const ended = (async () => {
    const watch = of.watch({
      ...options,
      key: prefix,
      end: prefixEnd(prefix),
      signal: stop.signal,
      onOpen: () => {
        opened += 1;
      },
    });
    for await (const batch of watch) {
      batches.push(batch);
      events.push(...batch.events);
    }
  })().catch(error => error);
  return {
    events,
    batches,
    ended,
    opened: () => waitFor('the watch to be open', () => opened > 0),
    timesOpened: () => opened,
    saw: (count: number) =>
      waitFor(`${count} events`, saw => {
        saw(events.length);
        return events.length >= count;
      }),
    close: () => {
      stop.abort(new Error('closed by the test'));
      return ended;
    },
  };
}

describe('keys and values', () => {
  it('reads back what was put, by key, by range with limit and at an old revision', async () => {
    const first = await client.put(`${prefix}a`, Buffer.from('1'));
    await client.put(`${prefix}b`, Buffer.from([0, 255, 10]));
    await client.put(`${prefix}a`, Buffer.from('2'));
    const all = await client.range(prefix, { end: prefixEnd(prefix) });
    expect(all.kvs.map(kv => [kv.key.toString(), kv.value, kv.version])).toEqual([
      [`${prefix}a`, Buffer.from('2'), 2],
      [`${prefix}b`, Buffer.from([0, 255, 10]), 1],
    ]);
    expect(all.revision).toBe(first.revision + 2);
    const page = await client.range(prefix, { end: prefixEnd(prefix), limit: 1, revision: first.revision });
    expect([page.kvs.length, page.count, text(page.kvs[0]?.value)]).toEqual([1, 1, '1']);
    const gone = await client.delete(prefix, { end: prefixEnd(prefix) });
    expect(gone.deleted).toBe(2);
    expect((await client.range(`${prefix}a`)).kvs).toEqual([]);
  });

  it('carries a transaction out only when its compares hold', async () => {
    const key = `${prefix}k`;
    const made = await client.txn([compareModRevision(key, 0)], [opPut(key, Buffer.from('1'))], [opGet(key)]);
    expect(made.succeeded).toBe(true);
    const again = await client.txn([compareModRevision(key, 0)], [opPut(key, Buffer.from('x'))], [opGet(key)]);
    expect(again.succeeded).toBe(false);
    expect(again.responses[0]?.responseRange?.kvs[0]?.modRevision).toBe(made.revision);
    const gone = await client.txn([compareVersion(key, 1)], [opDelete(key)], []);
    expect(gone.responses[0]?.responseDeleteRange?.deleted).toBe(1);
  });

  it('tells compacted and future revisions apart', async () => {
    const { revision } = await client.put(`${prefix}a`, Buffer.from('1'));
    await client.put(`${prefix}a`, Buffer.from('2'));
    await client.compact(revision + 1);
    expect(await failure(client.range(prefix, { revision }))).toMatchObject({ fault: 'compacted' });
    expect(await failure(client.compact(revision))).toMatchObject({ fault: 'compacted' });
    expect(await failure(client.range(prefix, { revision: revision + 1000 }))).toMatchObject({
      fault: 'future-revision',
    });
  });

  it.each([
    ['1.5 MiB, over the limit of etcd', 1.5 * (1 << 20)],
    ['3 MiB, over the limit of its gRPC server', 3 << 20],
  ])('names a request that is too large: %s', async (_, bytes) => {
    expect(await failure(client.put(`${prefix}big`, Buffer.alloc(bytes)))).toMatchObject({
      fault: 'request-too-large',
    });
  });

  it('stops waiting when the signal aborts or the time is over, while etcd answers nothing', async () => {
    await client.range(prefix);
    server.freeze();
    try {
      const stop = new AbortController();
      const call = failure(client.range(prefix, { signal: stop.signal }));
      const reason = new Error('left');
      stop.abort(reason);
      expect(await call).toBe(reason);
      expect(await failure(client.range(prefix, { timeoutMs: 50 }))).toMatchObject({ code: 'deadline-exceeded' });
    } finally {
      server.thaw();
    }
  });
});

describe('fail-over', () => {
  it('goes to the next member when one is not there', async () => {
    const [dead] = await freePorts();
    const both = new EtcdClient({ endpoints: [`http://127.0.0.1:${dead}`, server.endpoint] });
    await both.put(`${prefix}a`, Buffer.from('1'));
    expect((await both.range(`${prefix}a`)).kvs.length).toBe(1);
    both.close();
  });

  it('says so within the retry time when none is there', async () => {
    const [dead] = await freePorts();
    const none = new EtcdClient({ endpoints: [`http://127.0.0.1:${dead}`], retryMs: 200 });
    const started = performance.now();
    expect(await failure(none.range('/a'))).toMatchObject({ code: 'unavailable' });
    expect(performance.now() - started).toBeLessThan(2_000);
    none.close();
  });

  it('reads over a restart of etcd without an error', async () => {
    await client.put(`${prefix}a`, Buffer.from('1'));
    await server.kill();
    const read = client.range(`${prefix}a`);
    await server.start();
    expect((await read).kvs.length).toBe(1);
  });
});

describe('a member that keeps silent', () => {
  let other: EtcdServer;
  let both: EtcdClient;
  beforeAll(async () => {
    other = await EtcdServer.start();
  });
  afterAll(() => other.remove());
  beforeEach(async () => {
    both = new EtcdClient({ endpoints: [server.endpoint, other.endpoint] });
    await both.range(prefix);
    server.freeze();
  });
  afterEach(() => {
    server.thaw();
    both.close();
  });

  it('costs the write that met it its time, and the writes after that nothing', async () => {
    const late = failure(both.put(`${prefix}a`, Buffer.from('1'), { timeoutMs: 200 }));
    expect(await late).toMatchObject({ code: 'deadline-exceeded' });
    const started = performance.now();
    await both.put(`${prefix}a`, Buffer.from('2'));
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('loses its watches to the next one when it does not take them', async () => {
    const watch = collect(both, { startRevision: 0, openMs: 200 });
    await watch.opened();
    await both.put(`${prefix}a`, Buffer.from('1'));
    await watch.saw(1);
    await watch.close();
  });
});

describe('the connection of calls', () => {
  it('is given up when it is not made in time, and nothing counts as sent', async () => {
    const silent = createServer();
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const channel = new UnaryChannel(`https://127.0.0.1:${port}`, {}, { connectMs: 100 });
    const call = { path: KVService.put.path, name: 'etcd Put', message: Buffer.alloc(0), timeoutMs: 5_000 };
    expect(await failure(channel.call({ ...call, signal: undefined }))).toMatchObject({
      code: 'unavailable',
      fault: 'not-sent',
    });
    channel.close();
    silent.close();
  });

  it('is replaced when its streams are used up, without a call being lost', async () => {
    const channel = new UnaryChannel(server.endpoint, undefined, { maxCalls: 3 });
    const message = Buffer.from(RangeRequest.encode(RangeRequest.fromPartial({ key: Buffer.from('/a') })).finish());
    const call = () =>
      channel.call({ path: KVService.range.path, name: 'etcd Range', message, timeoutMs: 2_000, signal: undefined });
    const answers = await Promise.all(Array.from({ length: 20 }, call));
    expect(answers.map(a => (RangeResponse.decode(a).header?.revision ?? 0) > 0)).toEqual(answers.map(() => true));
    channel.close();
    expect(await failure(call())).toMatchObject({ fault: 'not-sent', code: 'cancelled' });
  });
});

describe('watch', () => {
  it('gives creations, changes and deletions in order, with what was there before', async () => {
    const w = collect(client, { startRevision: 0, previous: true });
    await w.opened();
    await client.put(`${prefix}a`, Buffer.from('1'));
    await client.put(`${prefix}a`, Buffer.from('2'));
    await client.delete(`${prefix}a`);
    await w.saw(3);
    expect(
      w.events.map(e => [e.type, e.value.toString(), text(e.previous), e.createRevision === e.modRevision]),
    ).toEqual([
      ['put', '1', undefined, true],
      ['put', '2', '1', false],
      ['delete', '', '2', false],
    ]);
    expect(await w.close()).toMatchObject({ message: 'closed by the test' });
  });

  it('keeps the changes of one revision together, also where etcd sends them in fragments', async () => {
    const w = collect(client, { startRevision: 0 });
    await w.opened();
    const value = Buffer.alloc(250_000, 'x');
    for (let i = 0; i < 5; i += 1) await client.put(`${prefix}${i}`, value);
    await client.delete(prefix, { end: prefixEnd(prefix) });
    await w.saw(10);
    await w.close();
    expect(w.batches.at(-1)?.events.length).toBe(5);
    // from the start again: 1.2 MB come as fragments of one answer or several
    const late = collect(client, { startRevision: w.events[0]?.modRevision ?? 0, previous: true });
    await late.saw(10);
    await late.close();
    expect(late.events.map(e => [e.key, e.modRevision])).toEqual(w.events.map(e => [e.key, e.modRevision]));
  });

  it('loses and repeats nothing when etcd is killed while writes go on', async () => {
    const w = collect(client, { startRevision: 0 });
    await w.opened();
    const acknowledged: number[] = [];
    const stop = new AbortController();
    const writers = Array.from({ length: 4 }, async (_, n) => {
      for (let i = 0; !stop.signal.aborted; i += 1) {
        const done = await client.put(`${prefix}${n}-${i % 7}`, Buffer.from(String(i))).catch(() => undefined);
        acknowledged.push(...(done === undefined ? [] : [done.revision]));
      }
    });
    for (let kills = 0; kills < 3; kills += 1) {
      const before = acknowledged.length;
      await waitFor('200 more writes', () => acknowledged.length > before + 200);
      await server.kill();
      await server.start();
    }
    const before = acknowledged.length;
    await waitFor('100 more writes', () => acknowledged.length > before + 100);
    stop.abort();
    await Promise.all(writers);
    const last = await client.put(`${prefix}last`, Buffer.from('end'));
    await waitFor('the last event', () => w.events.at(-1)?.modRevision === last.revision);
    await w.close();
    // a kill may come before the watch was open again after the one before
    expect(w.timesOpened()).toBeGreaterThan(1);
    const seen = w.events.map(e => e.modRevision);
    const first = seen[0] ?? 0;
    expect(seen).toEqual(Array.from({ length: last.revision - first + 1 }, (_, i) => first + i));
    expect(acknowledged.filter(r => r < first)).toEqual([]);
  });

  it('ends with the first revision that is left when its start is compacted', async () => {
    const { revision } = await client.put(`${prefix}a`, Buffer.from('1'));
    const { revision: last } = await client.put(`${prefix}a`, Buffer.from('2'));
    await client.compact(last);
    const error = await collect(client, { startRevision: revision }).ended;
    expect(error).toBeInstanceOf(EtcdError);
    expect(error).toMatchObject({ fault: 'compacted', compactRevision: last });
  });

  it('ends with the reason of its signal while etcd is away', async () => {
    const w = collect(client, { startRevision: 0 });
    await w.opened();
    await server.kill();
    expect(await w.close()).toMatchObject({ message: 'closed by the test' });
    await server.start();
  });
});

describe('leases', () => {
  it('grants, tells, revokes, and says when one is gone', async () => {
    const { id } = await client.grantLease(60);
    await client.put(`${prefix}a`, Buffer.from('1'), { lease: id });
    expect(await client.leaseTimeToLive(id)).toMatchObject({ grantedSeconds: 60, keys: [`${prefix}a`] });
    await client.revokeLease(id);
    expect((await client.range(`${prefix}a`)).kvs).toEqual([]);
    expect(await client.leaseTimeToLive(id)).toBeUndefined();
    expect(await failure(client.revokeLease(id))).toMatchObject({ fault: 'lease-not-found', code: 'not-found' });
    expect(await failure(client.put(`${prefix}b`, Buffer.from('1'), { lease: id }))).toMatchObject({
      fault: 'lease-not-found',
    });
  });

  it('keeps one alive, and notices that it is gone', async () => {
    const { id } = await client.grantLease(1);
    const stop = new AbortController();
    const kept = failure(client.keepLeaseAlive(id, 1, stop.signal));
    const started = performance.now();
    await waitFor('the lease to outlive its time', async saw => {
      const left = await client.leaseTimeToLive(id);
      saw(left);
      if (left === undefined) throw new Error('the lease is gone');
      return performance.now() - started > 3_000;
    });
    await client.revokeLease(id);
    expect(await kept).toMatchObject({ fault: 'lease-not-found' });
  });

  it('serves many objects with one lease, until it is full or too old', async () => {
    const clock = new FakeClock();
    const reuse = new LeaseReuse(client, clock, { maxObjects: 3 });
    const ids = await Promise.all([1, 2, 3, 4].map(() => reuse.leaseFor(3600)));
    expect(new Set(ids.slice(0, 3)).size).toBe(1);
    expect(ids[3]).not.toBe(ids[0]);
    expect(await client.leaseTimeToLive(ids[0] ?? '')).toMatchObject({ grantedSeconds: 3660 });
    await clock.advance(59_000);
    expect(await reuse.leaseFor(3600)).toBe(ids[3]);
    await clock.advance(2_000);
    expect(await reuse.leaseFor(3600)).not.toBe(ids[3]);
  });
});

describe('cluster and maintenance', () => {
  it('tells members and status, defragments, has no alarms', async () => {
    const members = await client.members();
    expect(members).toMatchObject([{ name: 'one', clientUrls: [server.endpoint], isLearner: false }]);
    const status = await client.status(server.endpoint);
    expect(status).toMatchObject({ leader: members[0]?.id, isLearner: false });
    expect(status.version).toMatch(/^3\.\d+\.\d+/);
    await client.defragment(server.endpoint);
    expect(await client.alarms()).toEqual([]);
    await client.clearSpaceAlarm();
  });

  it('adds a learner, refuses to promote one that has not caught up, and removes it', async () => {
    const [port] = await freePorts();
    const member = await client.addMember([`http://127.0.0.1:${port}`], { learner: true });
    expect((await client.members()).find(m => m.id === member.id)).toMatchObject({ isLearner: true, name: '' });
    expect(await failure(client.promoteMember(member.id))).toMatchObject({ code: 'failed-precondition' });
    await client.removeMember(member.id);
    expect((await client.members()).length).toBe(1);
  });

  it('streams a snapshot that carries its own checksum', async () => {
    await client.put(`${prefix}a`, Buffer.alloc(100_000, 'x'));
    const pieces: Buffer[] = [];
    for await (const piece of client.snapshot(new AbortController().signal)) pieces.push(piece);
    const file = Buffer.concat(pieces);
    const database = file.subarray(0, -32);
    expect(database.length % 512).toBe(0);
    expect(createHash('sha256').update(database).digest()).toEqual(file.subarray(-32));
  });
});

describe('TLS', () => {
  it('speaks to an etcd that asks for client certificates, and fails without one', async () => {
    const folder = mkdtempSync('/dev/shm/gantry-etcd-pki-');
    const secure: EtcdServer[] = [];
    try {
      const tls = await certificates(folder);
      const one = await EtcdServer.start({ tls });
      secure.push(one);
      const known = one.client();
      await known.put('/registry/a', Buffer.from('1'));
      const watch = known.watch({ key: '/registry/a', startRevision: 1, signal: new AbortController().signal });
      expect((await watch.next()).value).toMatchObject({ events: [{ key: '/registry/a' }] });
      await watch.return(undefined);
      const misnamed = new EtcdClient({
        endpoints: [one.endpoint.replace('127.0.0.1', 'localhost')],
        tls: { ca: readFileSync(tls.ca), cert: readFileSync(tls.cert), key: readFileSync(tls.key) },
        retryMs: 100,
      });
      expect(await failure(misnamed.range('/registry/a'))).toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('does not match certificate'),
      });
      misnamed.close();
      const stranger = new EtcdClient({
        endpoints: [one.endpoint],
        tls: { ca: readFileSync(tls.ca) },
        retryMs: 100,
        timeoutMs: 1_000,
      });
      expect(await failure(stranger.range('/registry/a'))).toMatchObject({ code: 'unavailable' });
      known.close();
      stranger.close();
    } finally {
      for (const one of secure) await one.remove();
      rmSync(folder, { recursive: true });
    }
  });
});

/** A CA and one certificate for 127.0.0.1 that serves both sides. */
async function certificates(folder: string): Promise<{ ca: string; cert: string; key: string }> {
  const path = (name: string): string => join(folder, name);
  const openssl = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await runCommand('openssl', args, { cwd: folder });
    expect(code, stderr.toString()).toBe(0);
  };
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl('req', '-x509', ...ec, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=etcd-ca', '-days', '1');
  await openssl('req', ...ec, '-keyout', 'one.key', '-out', 'one.csr', '-subj', '/CN=one');
  writeFileSync(path('ext'), 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n');
  await openssl(
    ...['x509', '-req', '-in', 'one.csr', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
    ...['-out', 'one.crt', '-days', '1', '-extfile', 'ext'],
  );
  return { ca: path('ca.crt'), cert: path('one.crt'), key: path('one.key') };
}
