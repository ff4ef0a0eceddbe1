import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCompactor } from '../../../src/apiserver/storage/compactor.ts';
import { StorageError, storageFault } from '../../../src/apiserver/storage/errors.ts';
import type { OptimisticStorage } from '../../../src/apiserver/storage/optimistic-storage.ts';
import type { Change, ListOptions, StoredList, StoredObject } from '../../../src/apiserver/storage/storage.ts';
import { overridingStorage } from '../../harness/overriding-storage.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { etcdImplementation, type Implementation, memoryImplementation } from './implementations.ts';

const PODS = '/registry/pods/';
const bytes = (text: string): Buffer => Buffer.from(text);
const pod = (name: string, uid = `uid-${name}`): Buffer =>
  bytes(JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'a', uid } }));
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    e => e,
  );
const keys = (list: StoredList): string[] => list.items.map(i => i.key.slice(PODS.length));

describe.each<[string, () => Implementation]>([
  ['memory', memoryImplementation],
  ['etcd', etcdImplementation],
])('storage on %s', (_, make) => {
  const implementation = make();
  let storage: OptimisticStorage;
  beforeAll(() => implementation.open());
  afterAll(() => implementation.close());
  beforeEach(async () => {
    await implementation.reset();
    storage = implementation.storage();
  });

  const fill = async (...names: string[]): Promise<StoredObject[]> => {
    const made: StoredObject[] = [];
    for (const name of names) made.push(await storage.create(`${PODS}${name}`, pod(name)));
    return made;
  };

  /** Forgets what is older than the newest revision. */
  const compact = async (): Promise<number> => {
    const first = await storage.compactStep({ version: 0, revision: 0 });
    const state = first.version > 1 ? await storage.compactStep(first) : first;
    const done = await storage.compactStep(state);
    return (await storage.compactStep(done)).revision;
  };

  describe('create and get', () => {
    it('gives back what was stored with the revision of the write', async () => {
      const made = await storage.create(`${PODS}a/x`, pod('x'));
      expect(await storage.get(`${PODS}a/x`)).toEqual(made);
      expect((await storage.create(`${PODS}a/y`, pod('y'))).revision).toBe(made.revision + 1);
    });

    it('creates once', async () => {
      await fill('a/x');
      const error = await failure(storage.create(`${PODS}a/x`, pod('x')));
      expect(storageFault(error)).toBe('exists');
      expect(error).toMatchObject({ code: 'already-exists', message: expect.stringContaining('key exists, Code: 2') });
    });

    it('lets one of many creators win', async () => {
      const tries = await Promise.allSettled(Array.from({ length: 10 }, () => storage.create(`${PODS}a/x`, pod('x'))));
      expect(tries.filter(t => t.status === 'fulfilled').length).toBe(1);
    });

    it('says not found', async () => {
      expect(await failure(storage.get(`${PODS}a/x`))).toMatchObject({ fault: 'not-found', code: 'not-found' });
    });

    it('does not answer with less than the wished revision', async () => {
      const [made] = await fill('a/x');
      const revision = made?.revision ?? 0;
      expect((await storage.get(`${PODS}a/x`, { minRevision: revision })).revision).toBe(revision);
      expect(await failure(storage.get(`${PODS}a/x`, { minRevision: revision + 100 }))).toMatchObject({
        fault: 'too-large-revision',
        message: `Too large resource version: ${revision + 100}, current: ${revision}`,
      });
    });
  });

  describe('update', () => {
    it('writes what the function makes of the present version', async () => {
      const [made] = await fill('a/x');
      const updated = await storage.update(`${PODS}a/x`, current => {
        expect(current).toEqual(made);
        return { value: bytes('{"n":2}') };
      });
      expect(updated.revision).toBe((made?.revision ?? 0) + 1);
      expect(await storage.get(`${PODS}a/x`)).toEqual(updated);
    });

    it('counts to a hundred with ten writers, whatever the conflicts', async () => {
      await storage.create(`${PODS}a/n`, bytes('0'));
      const add = () => storage.update(`${PODS}a/n`, c => ({ value: bytes(String(Number(c?.value) + 1)) }));
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          for (let i = 0; i < 10; i += 1) await add();
        }),
      );
      expect((await storage.get(`${PODS}a/n`)).value.toString()).toBe('100');
    });

    it('does not write an equal value', async () => {
      const [made] = await fill('a/x');
      expect(await storage.update(`${PODS}a/x`, () => ({ value: pod('a/x') }))).toEqual(made);
      expect(await storage.currentRevision()).toBe(made?.revision);
    });

    it('does not believe a stale origin: neither its equal value nor its refusal', async () => {
      const [stale] = await fill('a/x');
      const newest = await storage.update(`${PODS}a/x`, () => ({ value: bytes('{"n":2}') }));
      const seen: (number | undefined)[] = [];
      const again = await storage.update(
        `${PODS}a/x`,
        current => {
          seen.push(current?.revision);
          return { value: pod('a/x') };
        },
        stale === undefined ? {} : { origin: stale },
      );
      expect(again.revision).toBe(newest.revision + 1);
      expect(seen).toEqual([stale?.revision, newest.revision]);
      const refused = await storage.update(
        `${PODS}a/x`,
        current => {
          if (current?.revision !== again.revision) throw new Error('refused');
          return { value: bytes('{"n":3}') };
        },
        stale === undefined ? {} : { origin: stale },
      );
      expect(refused.revision).toBe(again.revision + 1);
    });

    it('believes a refusal on an origin that is the newest', async () => {
      const [made] = await fill('a/x');
      let calls = 0;
      const refused = storage.update(
        `${PODS}a/x`,
        () => {
          calls += 1;
          throw new Error('refused');
        },
        made === undefined ? {} : { origin: made },
      );
      expect(await failure(refused)).toMatchObject({ message: 'refused' });
      expect(calls).toBe(1);
    });

    it('creates where it may, and else says not found', async () => {
      const make = (current: StoredObject | undefined) => ({ value: bytes(current === undefined ? '1' : '2') });
      expect(await failure(storage.update(`${PODS}a/x`, make))).toMatchObject({ fault: 'not-found' });
      const made = await storage.update(`${PODS}a/x`, make, { createIfMissing: true });
      expect(made.value.toString()).toBe('1');
    });

    it('holds to preconditions, with the text of upstream', async () => {
      const [made] = await fill('a/x');
      const update = (uid: string, resourceVersion: string) =>
        storage.update(`${PODS}a/x`, () => ({ value: bytes('{}') }), { preconditions: { uid, resourceVersion } });
      expect(await failure(update('other', String(made?.revision)))).toMatchObject({
        fault: 'precondition',
        message:
          'StorageError: invalid object, Code: 4, Key: /registry/pods/a/x, ResourceVersion: 0, AdditionalErrorMsg: ' +
          'Precondition failed: UID in precondition: other, UID in object meta: uid-a/x',
      });
      expect(await failure(update('uid-a/x', '1'))).toMatchObject({ fault: 'precondition' });
      expect((await update('uid-a/x', String(made?.revision))).value.toString()).toBe('{}');
    });

    it('stops between two tries when its signal aborts', async () => {
      await storage.create(`${PODS}a/n`, bytes('0'));
      const stop = new AbortController();
      const endless = storage.update(
        `${PODS}a/n`,
        async current => {
          await storage.update(`${PODS}a/n`, c => ({ value: bytes(`${String(c?.value)}x`) }));
          stop.abort(new Error('left'));
          return { value: bytes(`${String(current?.value)}y`) };
        },
        { signal: stop.signal },
      );
      expect(await failure(endless)).toMatchObject({ message: 'left' });
    });
  });

  describe('delete', () => {
    it('returns what it deleted, with the revision of the deletion', async () => {
      const [made] = await fill('a/x');
      const deleted = await storage.delete(`${PODS}a/x`);
      expect(deleted).toEqual({ ...made, revision: (made?.revision ?? 0) + 1 });
      expect(await failure(storage.get(`${PODS}a/x`))).toMatchObject({ fault: 'not-found' });
      expect(await failure(storage.delete(`${PODS}a/x`))).toMatchObject({ fault: 'not-found' });
    });

    it('asks validation again about the newest version before it believes a refusal', async () => {
      const [stale] = await fill('a/x');
      const newest = await storage.update(`${PODS}a/x`, () => ({ value: bytes('{"n":2}') }));
      const seen: number[] = [];
      const deleted = await storage.delete(`${PODS}a/x`, {
        ...(stale === undefined ? {} : { origin: stale }),
        validate: current => {
          seen.push(current.revision);
          if (current.revision !== newest.revision) throw new Error('refused');
        },
      });
      expect(seen).toEqual([stale?.revision, newest.revision]);
      expect(deleted.value.toString()).toBe('{"n":2}');
    });

    it('holds to preconditions and keeps what it refused', async () => {
      const [made] = await fill('a/x');
      expect(await failure(storage.delete(`${PODS}a/x`, { preconditions: { uid: 'other' } }))).toMatchObject({
        fault: 'precondition',
      });
      expect(await storage.get(`${PODS}a/x`)).toEqual(made);
      await storage.delete(`${PODS}a/x`, { preconditions: { uid: 'uid-a/x' } });
    });
  });

  describe('list', () => {
    it('is sorted by key and ends at its prefix', async () => {
      await fill('b/y', 'a/x', 'a/y');
      await storage.create('/registry/podtemplates/a/x', pod('x'));
      const list = await storage.list(PODS);
      expect(keys(list)).toEqual(['a/x', 'a/y', 'b/y']);
      expect(list.revision).toBe(await storage.currentRevision());
      expect(keys(await storage.list(`${PODS}a/`))).toEqual(['a/x', 'a/y']);
      expect((await storage.list('/registry/none/')).items).toEqual([]);
    });

    it('gives more than one read of the store holds', async () => {
      await Promise.all(
        Array.from({ length: 1201 }, (_, i) => storage.create(`${PODS}a/${String(i).padStart(4, '0')}`, bytes('{}'))),
      );
      const list = await storage.list(PODS);
      expect(list.items.length).toBe(1201);
      expect(list.continue).toBeUndefined();
    });

    it('goes on by pages at the revision of the first, with how many remain', async () => {
      await fill('a/1', 'a/2', 'a/3', 'a/4', 'a/5');
      const first = await storage.list(PODS, { limit: 2 });
      expect([keys(first), first.remainingItemCount]).toEqual([['a/1', 'a/2'], 3]);
      expect(JSON.parse(Buffer.from(first.continue ?? '', 'base64url').toString())).toEqual({
        v: 'meta.k8s.io/v1',
        rv: first.revision,
        start: 'a/2\0',
      });
      await storage.delete(`${PODS}a/3`);
      await storage.create(`${PODS}a/2b`, pod('2b'));
      const second = await storage.list(PODS, { limit: 2, continue: first.continue ?? '' });
      expect([keys(second), second.remainingItemCount, second.revision]).toEqual([['a/3', 'a/4'], 1, first.revision]);
      const third = await storage.list(PODS, { limit: 2, continue: second.continue ?? '' });
      expect([keys(third), third.remainingItemCount, third.continue]).toEqual([['a/5'], undefined, undefined]);
    });

    it('fills pages of a selector and does not say how many remain', async () => {
      await fill(...Array.from({ length: 30 }, (_, i) => `a/${String(i).padStart(2, '0')}`));
      const matches = (o: StoredObject): boolean => /[05]$/.test(o.key);
      const first = await storage.list(PODS, { limit: 2, matches });
      expect([keys(first), first.remainingItemCount]).toEqual([['a/00', 'a/05'], undefined]);
      const all: string[] = keys(first);
      let token = first.continue;
      while (token !== undefined) {
        const page = await storage.list(PODS, { limit: 2, matches, continue: token });
        all.push(...keys(page));
        token = page.continue;
      }
      expect(all).toEqual(['a/00', 'a/05', 'a/10', 'a/15', 'a/20', 'a/25']);
    });

    it.each<[string, (revision: number) => ListOptions, string[]]>([
      [
        'Exact gives the state at that revision',
        r => ({ resourceVersion: String(r), resourceVersionMatch: 'Exact' }),
        ['a/1'],
      ],
      ['a limit without a match is exact too', r => ({ resourceVersion: String(r), limit: 10 }), ['a/1']],
      ['no match and no limit is at least', r => ({ resourceVersion: String(r) }), ['a/1', 'a/2']],
      [
        'NotOlderThan',
        r => ({ resourceVersion: String(r), resourceVersionMatch: 'NotOlderThan', limit: 5 }),
        ['a/1', 'a/2'],
      ],
      ['0 is any', () => ({ resourceVersion: '0' }), ['a/1', 'a/2']],
    ])('%s', async (_, options, expected) => {
      const [first] = await fill('a/1', 'a/2');
      expect(keys(await storage.list(PODS, options(first?.revision ?? 0)))).toEqual(expected);
    });

    it.each<[string, (revision: number) => ListOptions]>([
      ['Exact', r => ({ resourceVersion: String(r), resourceVersionMatch: 'Exact' })],
      ['NotOlderThan', r => ({ resourceVersion: String(r), resourceVersionMatch: 'NotOlderThan' })],
    ])('says that a revision of the future is too large: %s', async (_, options) => {
      await fill('a/1');
      const now = await storage.currentRevision();
      expect(await failure(storage.list(PODS, options(now + 50)))).toMatchObject({
        fault: 'too-large-revision',
        message: `Too large resource version: ${now + 50}, current: ${now}`,
      });
    });

    it('gives an expired page a token that goes on with the newest state', async () => {
      await fill('a/1', 'a/2', 'a/3');
      const first = await storage.list(PODS, { limit: 1 });
      await storage.delete(`${PODS}a/2`);
      await compact();
      const error = await failure(storage.list(PODS, { limit: 1, continue: first.continue ?? '' }));
      expect(error).toBeInstanceOf(StorageError);
      expect(error).toMatchObject({
        fault: 'expired',
        message: expect.stringMatching(
          /^The provided continue parameter is too old to display a consistent list result\./,
        ),
      });
      const token = (error as StorageError).continue ?? '';
      expect(JSON.parse(Buffer.from(token, 'base64url').toString())).toMatchObject({ rv: -1, start: 'a/1\0' });
      const rest = await storage.list(PODS, { limit: 1, continue: token });
      expect(keys(rest)).toEqual(['a/3']);
      expect(rest.revision).toBeGreaterThan(first.revision);
    });

    it('says that a compacted revision is too old', async () => {
      const [first] = await fill('a/1', 'a/2');
      await compact();
      const exact = storage.list(PODS, { resourceVersion: String(first?.revision), resourceVersionMatch: 'Exact' });
      expect(await failure(exact)).toMatchObject({
        fault: 'expired',
        message: 'The resourceVersion for the provided list is too old.',
      });
    });
  });

  describe('watch', () => {
    /** Changes after a revision, until `count` are there. */
    const take = async (prefix: string, afterRevision: number, count: number): Promise<Change[]> => {
      const stop = new AbortController();
      const changes: Change[] = [];
      for await (const batch of storage.watch(prefix, { afterRevision, signal: stop.signal })) {
        expect(batch.changes.at(-1)?.revision).toBe(batch.revision);
        changes.push(...batch.changes);
        if (changes.length >= count) break;
      }
      return changes;
    };

    it('gives what came after a revision, then what comes, below its prefix alone', async () => {
      const [first] = await fill('a/1', 'a/2');
      await storage.create('/registry/other/x', pod('x'));
      const watching = take(PODS, first?.revision ?? 0, 3);
      await storage.update(`${PODS}a/1`, () => ({ value: bytes('{}') }));
      await storage.delete(`${PODS}a/1`);
      const changes = await watching;
      expect(changes.map(c => [c.type, c.key.slice(PODS.length), c.created, c.value.length > 0])).toEqual(
        [
          ['put', 'a/2', true, true],
          ['put', 'a/1', false, true],
          ['delete', 'a/1', false, false],
        ].slice(0, changes.length),
      );
      expect(changes.map(c => c.revision)).toEqual([...changes.map(c => c.revision)].sort((a, b) => a - b));
    });

    it('shows a creation after a deletion as one', async () => {
      const [first] = await fill('a/1');
      await storage.delete(`${PODS}a/1`);
      await fill('a/1');
      const changes = await take(PODS, first?.revision ?? 0, 2);
      expect(changes.map(c => [c.type, c.created])).toEqual([
        ['delete', false],
        ['put', true],
      ]);
    });

    it('ends as expired when its start is compacted', async () => {
      const [first] = await fill('a/1', 'a/2', 'a/3');
      await compact();
      expect(await failure(take(PODS, first?.revision ?? 0, 1))).toMatchObject({
        fault: 'expired',
        message: 'The resourceVersion for the provided watch is too old.',
      });
    });

    it('ends with the reason of its signal', async () => {
      const stop = new AbortController();
      const watching = (async () => {
        for await (const _ of storage.watch(PODS, { afterRevision: 0, signal: stop.signal })) expect(_).toBeDefined();
      })();
      stop.abort(new Error('left'));
      expect(await failure(watching)).toMatchObject({ message: 'left' });
    });
  });

  describe('objects that vanish', () => {
    it('go after their time, all of one lease, and are seen to go', async () => {
      const before = await storage.currentRevision();
      await Promise.all([1, 2].map(i => storage.create(`${PODS}a/${i}`, pod(String(i)), { ttlSeconds: 1 })));
      await storage.create(`${PODS}a/stays`, pod('stays'));
      await implementation.passTime(2);
      await waitFor('both to be gone', async () => (await storage.list(PODS)).items.length === 1, {
        timeoutMs: 10_000,
      });
      const gone: Change[] = [];
      for await (const batch of storage.watch(PODS, { afterRevision: before, signal: new AbortController().signal })) {
        gone.push(...batch.changes.filter(c => c.type === 'delete'));
        if (gone.length === 2) break;
      }
      expect(gone.map(c => c.key).sort()).toEqual([`${PODS}a/1`, `${PODS}a/2`]);
    });

    it('stay when they are written without a time in between', async () => {
      await storage.create(`${PODS}a/1`, pod('1'), { ttlSeconds: 1 });
      await storage.create(`${PODS}a/2`, pod('2'), { ttlSeconds: 1 });
      await storage.update(`${PODS}a/1`, () => ({ value: bytes('{}') }));
      await implementation.passTime(2);
      await waitFor('the other to be gone', async () => (await storage.list(PODS)).items.length === 1, {
        timeoutMs: 10_000,
      });
      expect((await storage.get(`${PODS}a/1`)).value.toString()).toBe('{}');
    });
  });

  describe('compaction', () => {
    it('forgets at the second step what was old at the first, and only one of two servers does it', async () => {
      const [first] = await fill('a/1');
      const start = await storage.compactStep({ version: 0, revision: 0 });
      // a server that comes later knows nothing and learns
      const other = implementation.storage();
      const learned = await other.compactStep({ version: 0, revision: 0 });
      const second = await storage.compactStep(start.version === learned.version ? start : learned);
      await fill('a/2');
      const list = (revision: number) =>
        storage.list(PODS, { resourceVersion: String(revision), resourceVersionMatch: 'Exact' });
      expect(second.version).toBe(learned.version + 1);
      expect(await failure(list((first?.revision ?? 0) - 1))).toMatchObject({ fault: 'expired' });
      expect((await list(second.revision)).items.length).toBe(1);
      expect(await other.compactStep(learned)).toMatchObject({ version: second.version });
    });

    it('runs by interval, ends with its signal and goes on after a failure', async () => {
      const stop = new AbortController();
      const errors: string[] = [];
      let fail = true;
      const flaky = overridingStorage(storage, {
        compactStep(...args) {
          if (!fail) return storage.compactStep(...args);
          fail = false;
          return Promise.reject(new Error('etcd is away'));
        },
      });
      const [first] = await fill('a/1', 'a/2');
      const running = runCompactor(flaky, stop.signal, { intervalMs: 5, onError: message => errors.push(message) });
      await waitFor('the first revision to be forgotten', async () => {
        const list = storage.list(PODS, { resourceVersion: String(first?.revision), resourceVersionMatch: 'Exact' });
        return storageFault(await failure(list)) === 'expired';
      });
      stop.abort();
      await running;
      expect(errors).toEqual(['compaction failed: etcd is away']);
    });
  });
});
