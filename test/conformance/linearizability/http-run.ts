import type { TestApiServer } from '../../harness/api-server.ts';
import type { EtcdServer } from '../../harness/etcd.ts';
import type { Random } from '../../harness/random.ts';
import { waitFor } from '../../harness/wait-for.ts';
import type { Sight, Told } from './history.ts';
import { type Answer, type ApiBody, PlainClient } from './http-api.ts';

const SOAK = process.env['GANTRY_SOAK'] !== undefined;
const KILLS = SOAK ? 25 : 5;
const WRITERS = 6;
export const READERS = 4;
const WATCHERS = 6;
const WRITES_BETWEEN_KILLS = 100;

/** Where etcd holds what the clients write. */
export const ROOT = '/registry/configmaps/';
const NAMES = ['lin-a/1', 'lin-a/2', 'lin-a/3', 'lin-a/4', 'lin-b/1', 'lin-b/2', 'lin-b/3', 'lin-b/4'] as const;
const NAMESPACES = ['lin-a', 'lin-b'] as const;
/** A page is smaller than what is there, so that lists go on with a token. */
const PAGE = 3;

interface Acknowledged {
  readonly key: string;
  /** Of a put: where it stands in history, with what. */
  readonly put?: { readonly revision: number; readonly mark: string };
  /** Of a deletion: the life that it ended. */
  readonly deletedUid?: string;
}
interface ListRead {
  readonly reader: number;
  readonly scope: string;
  readonly notBefore: number;
  readonly revision: number;
  readonly items: readonly (readonly [key: string, revision: number])[];
}
interface GetRead {
  readonly key: string;
  readonly notBefore: number;
  readonly found: number | undefined;
}
/** A stretch of a watch: from a revision (of a list, or where the last stretch broke off) on. */
interface Stretch {
  readonly after: number;
  readonly events: Told[];
  /** What a list gave that this stretch began with; undefined where it went on. */
  readonly listed?: readonly (readonly [key: string, revision: number])[];
}

const keyOf = (body: ApiBody): string => `${ROOT}${body.metadata?.namespace}/${body.metadata?.name}`;
const revisionOf = (body: ApiBody): number => Number(body.metadata?.resourceVersion);
const pathOf = (name: string): string => {
  const [namespace, object] = name.split('/');
  return `/api/v1/namespaces/${namespace}/configmaps/${object}`;
};
const collectionOf = (namespace: string): string => `/api/v1/namespaces/${namespace}/configmaps`;

type Victim = EtcdServer | TestApiServer;

/** In turns: a server, etcd, the other server, both servers, etcd and a server. */
function victimsOf(kill: number, etcd: EtcdServer, [first, second]: readonly [TestApiServer, TestApiServer]): Victim[] {
  const turns: readonly Victim[][] = [[first], [etcd], [second], [first, second], [etcd, first]];
  return turns[kill % turns.length] ?? [];
}

/** The work of the sixteen clients, with what each of them was told. */
export class Run {
  readonly acknowledged: Acknowledged[] = [];
  readonly lists: ListRead[] = [];
  readonly gets: GetRead[] = [];
  readonly watches: { readonly sight: Sight; readonly stretches: Stretch[] }[] = [];
  readonly unexpected: unknown[] = [];
  startRevision = 0;
  endRevision = 0;
  /** How often a watch began again with a list, because history was gone. */
  relists = 0;
  readonly #random: Random;
  readonly #servers: readonly [TestApiServer, TestApiServer];
  readonly #client: PlainClient;
  readonly #stop = new AbortController();
  #newestAcknowledged = 0;

  constructor(random: Random, servers: readonly [TestApiServer, TestApiServer]) {
    this.#random = random;
    this.#servers = servers;
    this.#client = new PlainClient(servers[0].credentials('admin', ['system:masters']));
  }

  async work(etcd: EtcdServer): Promise<this> {
    for (const name of NAMESPACES) await this.#mustCall('POST', '/api/v1/namespaces', { metadata: { name } });
    this.startRevision = revisionOf(await this.#mustCall('GET', '/api/v1/configmaps'));
    this.#newestAcknowledged = this.startRevision;
    const writers = Array.from({ length: WRITERS }, (_, n) => this.#write(n));
    const readers = Array.from({ length: READERS }, (_, n) => this.#read(n));
    const watchStop = new AbortController();
    const watchers = Array.from({ length: WATCHERS }, (_, n) => this.#watch(n, watchStop.signal));
    for (let kill = 0; kill < KILLS; kill += 1) {
      await this.#moreWrites(WRITES_BETWEEN_KILLS);
      const victims = victimsOf(kill, etcd, this.#servers);
      for (const victim of victims) await victim.kill();
      // one server that is left has to do alone for a while
      if (victims.length === 1 && victims[0] !== etcd) await this.#moreWrites(20);
      for (const victim of victims) await victim.start();
    }
    await this.#moreWrites(WRITES_BETWEEN_KILLS);
    this.#stop.abort();
    await Promise.all([...writers, ...readers]);
    this.endRevision = revisionOf(await this.#mustCall('GET', '/api/v1/configmaps'));
    await this.#watchersSaw(this.endRevision);
    watchStop.abort();
    await Promise.all(watchers);
    this.#client.close();
    return this;
  }

  async #moreWrites(count: number): Promise<void> {
    const before = this.acknowledged.length;
    await waitFor(
      `${count} more writes`,
      saw => {
        saw(this.unexpected.slice(-3));
        return this.acknowledged.length >= before + count;
      },
      { timeoutMs: 60_000 },
    );
  }

  /** A last write in every scope, which each watcher must have seen before its stream is ended. */
  async #watchersSaw(revision: number): Promise<void> {
    await waitFor(
      'every watcher to be told the last event of its scope',
      saw => {
        const behind = this.watches.filter(watch => newestOf(watch.stretches) < this.#lastOf(watch.sight, revision));
        saw(behind.map(watch => [watch.sight.scope, newestOf(watch.stretches)]));
        return behind.length === 0;
      },
      { timeoutMs: 30_000 },
    );
  }

  /** The newest acknowledged put that a sight shows for certain: what is odd may leave no trace. */
  #lastOf({ scope, matches }: Sight, until: number): number {
    const shown = this.acknowledged.filter(({ key, put }) => {
      if (put === undefined || put.revision > until) return false;
      const isIn = scope.endsWith('/') ? key.startsWith(scope) : key === scope;
      return isIn && matches(Buffer.from(JSON.stringify({ data: { mark: put.mark } })));
    });
    return Math.max(0, ...shown.map(({ put }) => put?.revision ?? 0));
  }

  #url(): string {
    return this.#random.pick(this.#servers as unknown as [TestApiServer, ...TestApiServer[]]).url;
  }

  async #mustCall(method: string, path: string, body?: object): Promise<ApiBody> {
    return waitFor(`${method} ${path}`, async saw => {
      const answer = await this.#client.call(this.#url(), method, path, body);
      saw(answer);
      return answer.kind === 'answered' && answer.status < 300 ? answer.body : undefined;
    });
  }

  /** True for an answer that says it was done. Others must be what an honest server may say meanwhile. */
  #isDone(answer: Answer): answer is Extract<Answer, { kind: 'answered' }> {
    if (answer.kind === 'broken') return false;
    if (answer.status < 300) return true;
    const isHonest = [404, 409, 500, 503, 504].includes(answer.status) && answer.body.kind === 'Status';
    if (!isHonest) this.unexpected.push(answer);
    return false;
  }

  async #write(writer: number): Promise<void> {
    let known: ApiBody | undefined;
    for (let count = 0; !this.#stop.signal.aborted; count += 1) {
      const name = this.#random.pick(NAMES);
      const mark = `${writer}-${count}`;
      const [namespace = '', object = ''] = name.split('/');
      const labels = { parity: count % 2 === 0 ? 'even' : 'odd' };
      const whole = { metadata: { name: object, namespace, labels }, data: { mark } };
      const choice = this.#random.next();
      const url = this.#url();
      if (choice < 0.3)
        known = this.#acknowledge(await this.#client.call(url, 'POST', collectionOf(namespace), whole), mark);
      else if (choice < 0.5) known = this.#acknowledge(await this.#client.call(url, 'PUT', pathOf(name), whole), mark);
      else if (choice < 0.7)
        known = this.#acknowledge(
          await this.#client.call(
            url,
            'PATCH',
            pathOf(name),
            { metadata: { labels }, data: { mark } },
            'application/merge-patch+json',
          ),
          mark,
        );
      else if (choice < 0.85 && known !== undefined)
        // by the version that this writer has seen last: often stale, and then refused
        known = this.#acknowledge(
          await this.#client.call(url, 'PUT', pathOf(`${known.metadata?.namespace}/${known.metadata?.name}`), {
            metadata: { ...known.metadata, labels },
            data: { mark },
          }),
          mark,
        );
      else {
        const answer = await this.#client.call(url, 'DELETE', pathOf(name));
        if (this.#isDone(answer))
          this.acknowledged.push({ key: ROOT + name, deletedUid: answer.body.details?.uid ?? '' });
      }
    }
  }

  #acknowledge(answer: Answer, mark: string): ApiBody | undefined {
    if (!this.#isDone(answer)) return undefined;
    const revision = revisionOf(answer.body);
    this.acknowledged.push({ key: keyOf(answer.body), put: { revision, mark } });
    this.#newestAcknowledged = Math.max(this.#newestAcknowledged, revision);
    return answer.body;
  }

  async #read(reader: number): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const notBefore = this.#newestAcknowledged;
      const choice = this.#random.next();
      const url = this.#url();
      if (choice < 0.4) {
        const name = this.#random.pick(NAMES);
        const answer = await this.#client.call(url, 'GET', pathOf(name));
        if (answer.kind === 'answered' && answer.status === 404)
          this.gets.push({ key: ROOT + name, notBefore, found: undefined });
        else if (this.#isDone(answer)) this.gets.push({ key: ROOT + name, notBefore, found: revisionOf(answer.body) });
      } else {
        const namespace = this.#random.pick(NAMESPACES);
        const scope = choice < 0.6 ? ROOT : `${ROOT}${namespace}/`;
        const path = choice < 0.6 ? '/api/v1/configmaps' : collectionOf(namespace);
        // a list from the cache as it is may be old, but has to be true of its moment
        if (choice > 0.9) await this.#readList(reader, scope, `${path}?resourceVersion=0`, 0);
        else if (choice > 0.75) await this.#readList(reader, scope, `${path}?limit=${PAGE}`, notBefore);
        else await this.#readList(reader, scope, path, notBefore);
      }
    }
  }

  async #readList(reader: number, scope: string, path: string, notBefore: number): Promise<void> {
    const items: [string, number][] = [];
    let next = path;
    for (;;) {
      const answer = await this.#client.call(this.#url(), 'GET', next);
      if (!this.#isDone(answer)) return;
      for (const item of answer.body.items ?? []) items.push([keyOf(item), revisionOf(item)]);
      const token = answer.body.metadata?.continue ?? '';
      const isCacheRead = path.endsWith('=0');
      if (token === '') {
        this.lists.push({
          reader: isCacheRead ? -1 : reader,
          scope,
          notBefore,
          revision: revisionOf(answer.body),
          items,
        });
        return;
      }
      next = `${path}&continue=${token}`;
    }
  }

  /** A reflector: a list, then watches from where the last one broke off; a list again when history is gone. */
  async #watch(n: number, signal: AbortSignal): Promise<void> {
    const [scope = ROOT, path = ''] =
      [
        [ROOT, '/api/v1/configmaps?'],
        [`${ROOT}lin-a/`, `${collectionOf('lin-a')}?`],
        [`${ROOT}lin-b/2`, `${collectionOf('lin-b')}?fieldSelector=metadata.name%3D2&`],
      ][n % 3] ?? [];
    const selects = n >= 3;
    const sight: Sight = { scope, matches: value => !selects || hasEvenMark(value) };
    const selector = selects ? 'labelSelector=parity%3Deven&' : '';
    const stretches: Stretch[] = [{ after: this.startRevision, events: [] }];
    this.watches.push({ sight, stretches });
    let at = this.startRevision;
    while (!signal.aborted) {
      const stretch = stretches.at(-1) as Stretch;
      const query = `${path}${selector}watch=1&allowWatchBookmarks=true&resourceVersion=${at}`;
      let isGone = false;
      for await (const event of this.#client.watch(this.#url(), query, signal)) {
        if (event.type === 'ERROR') {
          isGone = event.object.code === 410;
          if (!isGone && ![500, 503, 504].includes(event.object.code ?? 0)) this.unexpected.push(event);
          break;
        }
        const revision = revisionOf(event.object);
        if (revision < at || (revision === at && event.type !== 'BOOKMARK')) this.unexpected.push({ at, event });
        at = revision;
        if (event.type !== 'BOOKMARK')
          stretch.events.push({ type: event.type as Told['type'], key: keyOf(event.object), revision });
      }
      if (isGone) at = await this.#relist(`${path}${selector}`, stretches, signal, at);
    }
  }

  async #relist(path: string, stretches: Stretch[], signal: AbortSignal, at: number): Promise<number> {
    while (!signal.aborted) {
      const answer = await this.#client.call(this.#url(), 'GET', path);
      if (!this.#isDone(answer)) continue;
      const revision = revisionOf(answer.body);
      if (revision < at) this.unexpected.push({ relist: revision, at });
      const listed = (answer.body.items ?? []).map(item => [keyOf(item), revisionOf(item)] as const);
      stretches.push({ after: revision, events: [], listed });
      this.relists += 1;
      return revision;
    }
    return at;
  }
}

/** Of an object of this run: whether its writer had written an even number before. */
function hasEvenMark(value: Buffer): boolean {
  const { data } = JSON.parse(value.toString()) as ApiBody;
  return Number(data?.['mark']?.split('-')[1]) % 2 === 0;
}

function newestOf(stretches: readonly Stretch[]): number {
  const last = stretches.at(-1);
  return last?.events.at(-1)?.revision ?? last?.after ?? 0;
}
