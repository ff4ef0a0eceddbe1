import { describe, expect, it } from 'vitest';
import { EtcdStore } from '../../../src/apiserver/storage/etcd/etcd-store.ts';
import { OptimisticStorage } from '../../../src/apiserver/storage/optimistic-storage.ts';
import type { Change } from '../../../src/apiserver/storage/storage.ts';
import { TestApiServer } from '../../harness/api-server.ts';
import { EtcdServer } from '../../harness/etcd.ts';
import { seededRandom } from '../../harness/random.ts';
import { SlowLink } from '../../harness/slow-link.ts';
import { isFreshRead, stateAt, toldTo } from './history.ts';
import type { ApiBody } from './http-api.ts';
import { READERS, ROOT, Run } from './http-run.ts';

/**
 * Sixteen clients with seeded random reads, writes and watches over HTTPS on two servers of one etcd, while servers and etcd are killed with -9 in
 * turns. Afterwards etcd's own history judges: nothing acknowledged is lost, no event is lost, repeated or out of order, resourceVersions only
 * grow within a watch, no consistent read is older than what had been acknowledged before it began. The same seed makes the same
 * decisions, not the same interleaving.
 */
const SOAK = process.env['GANTRY_SOAK'] !== undefined;
const SEEDS = (process.env['GANTRY_SEED'] ?? (SOAK ? '1,2,3,4,5,6' : '1')).split(',').map(Number);
/** Each connection from etcd is late by up to this, so that a watch lags behind what other calls have seen. */
const LINK_DELAY_MS = 15;

describe('linearizability over HTTP', () => {
  it.each(SEEDS)(
    'holds with two servers and kill -9 of servers and of etcd, seed %i',
    async seed => {
      const etcd = await EtcdServer.start();
      const random = seededRandom(seed);
      const port = Number(new URL(etcd.endpoint).port);
      const links = await Promise.all([1, 2].map(() => SlowLink.to(port, random, LINK_DELAY_MS)));
      const servers: TestApiServer[] = [];
      try {
        for (const link of links) {
          const etcdEndpoint = `http://127.0.0.1:${link.port}`;
          const [beside] = servers;
          servers.push(await TestApiServer.start({ etcd, etcdEndpoint, ...(beside === undefined ? {} : { beside }) }));
        }
        const [first, second] = servers as [TestApiServer, TestApiServer];
        const run = await new Run(random, [first, second]).work(etcd);
        judge(run, await readHistory(etcd, run.startRevision, run.endRevision));
      } finally {
        for (const server of servers) await server.remove();
        for (const link of links) await link.close();
        await etcd.remove();
      }
    },
    SOAK ? 1_800_000 : 240_000,
  );
});

/** All that happened, told by one unbroken watch of etcd after the fact. */
async function readHistory(etcd: EtcdServer, after: number, until: number): Promise<Change[]> {
  const client = etcd.client();
  const stop = new AbortController();
  const history: Change[] = [];
  try {
    const storage = new OptimisticStorage(new EtcdStore(client));
    // one key behind all others ends the watch, for history alone tells nobody that it is over
    await storage.create(`${ROOT}lin-z/end`, Buffer.from('{}'));
    for await (const batch of storage.watch(ROOT, { afterRevision: after, signal: stop.signal })) {
      history.push(...batch.changes.filter(change => change.revision <= until));
      if (batch.revision > until) break;
    }
    return history;
  } finally {
    stop.abort();
    client.close();
  }
}

function judge(run: Run, history: readonly Change[]): void {
  expect(run.unexpected).toEqual([]);
  const byRevision = new Map(history.map(change => [change.revision, change]));
  const objects = new Map(
    history
      .filter(change => change.type === 'put')
      .map(change => [change.revision, JSON.parse(change.value.toString()) as ApiBody]),
  );
  const lost = run.acknowledged.filter(({ key, put, deletedUid }) => {
    if (put !== undefined)
      return byRevision.get(put.revision)?.key !== key || objects.get(put.revision)?.data?.['mark'] !== put.mark;
    const lived = history.findLast(
      change => change.key === key && objects.get(change.revision)?.metadata?.uid === deletedUid,
    );
    const next = history.find(change => change.key === key && change.revision > (lived?.revision ?? Infinity));
    return next?.type !== 'delete';
  });
  expect(lost).toEqual([]);

  for (const { sight, stretches } of run.watches) {
    const due = toldTo(history, sight);
    for (const [index, stretch] of stretches.entries()) {
      const last = stretch.events.at(-1)?.revision ?? stretch.after;
      // a stretch that another one follows may have been cut anywhere; none has a gap within
      const expected = due.filter(event => event.revision > stretch.after && event.revision <= last);
      expect(stretch.events, `${sight.scope}, stretch ${index}`).toEqual(expected);
      const state = stateAt(history, stretch.after, sight.scope).filter(([, revision]) =>
        sight.matches(byRevision.get(revision)?.value ?? Buffer.from('{}')),
      );
      expect(stretch.listed ?? state).toEqual(state);
    }
  }

  expect(run.lists.filter(list => list.revision < list.notBefore)).toEqual([]);
  for (const list of run.lists) expect(list.items).toEqual(stateAt(history, list.revision, list.scope));
  for (let reader = 0; reader < READERS; reader += 1) {
    const revisions = run.lists.filter(list => list.reader === reader).map(list => list.revision);
    expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
  }
  expect(run.gets.filter(get => !isFreshRead(history, get.key, get.notBefore, get.found))).toEqual([]);
  const events = run.watches.flatMap(watch => watch.stretches).flatMap(stretch => stretch.events);
  console.log(
    `${run.acknowledged.length} writes, ${run.lists.length} lists, ${run.gets.length} gets, ${events.length} events, ${run.relists} watches begun anew`,
  );
  // it was no empty run
  expect(run.lists.length).toBeGreaterThan(50);
  expect(run.gets.length).toBeGreaterThan(50);
  expect(events.length).toBeGreaterThan(500);
}
