import { setImmediate as immediate } from 'node:timers/promises';
import type { ObjectMeta, OwnerReference } from '../../src/api/types/gen/meta-v1.ts';
import type { ApiAnswer, ApiCall, ApiStream } from '../../src/client/connection.ts';
import type { Random } from './random.ts';

type Mutable<T> = { -readonly [field in keyof T]: T[field] };

interface Stored {
  readonly plural: string;
  readonly metadata: Mutable<ObjectMeta>;
}

export interface WorldKind {
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** What a world serves, all of the core group. Notes take no strategic patch, as custom resources. */
export const WORLD_KINDS: readonly [WorldKind, ...WorldKind[]] = [
  { plural: 'maps', kind: 'Map', namespaced: true },
  { plural: 'notes', kind: 'Note', namespaced: true },
  { plural: 'classes', kind: 'Class', namespaced: false },
];

const WAITING = ['orphan', 'foregroundDeletion'];

/**
 * An API server in memory that keeps metadata alone, as far as a garbage collector needs it, in place of an ApiConnection. Every answer and every event of a
 * watch comes when `step` says so, in a random order; only the events of one watch keep theirs.
 */
export class MetadataWorld {
  readonly objects = new Map<string, Stored>();
  /** Each object that a client deleted, with what it named as owners, and which of them were there to stay. */
  readonly deletions: { readonly uid: string; readonly kept: readonly string[] }[] = [];
  /** Kinds that discovery does not tell of. */
  readonly hidden = new Set<string>();
  readonly #random: Random;
  readonly #turns = new Set<() => void>();
  readonly #watches = new Set<{ readonly plural: string; readonly push: (event: object) => void }>();
  #version = 0;
  /** Requests and events so far, without discovery. */
  work = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** One of what waits goes on; false where nothing waits. */
  async step(): Promise<boolean> {
    const waiting = [...this.#turns];
    const [first, ...rest] = waiting;
    if (first !== undefined) {
      const chosen = this.#random.pick([first, ...rest]);
      this.#turns.delete(chosen);
      chosen();
    }
    await immediate();
    return first !== undefined;
  }

  /** What waits is forgotten: whoever waited is dead. */
  cutOff(): void {
    this.#turns.clear();
    this.#watches.clear();
  }

  create(plural: string, namespace: string, name: string, ownerReferences: readonly OwnerReference[]): string {
    const uid = `uid-${name}-${this.#version}`;
    const metadata = { name, uid, ownerReferences, ...(namespace === '' ? {} : { namespace }) };
    const stored = { plural, metadata };
    this.objects.set(pathOf(plural, namespace, name), stored);
    this.#tell('ADDED', stored);
    return uid;
  }

  has(plural: string, namespace: string, name: string): boolean {
    return this.objects.has(pathOf(plural, namespace, name));
  }

  byUid(uid: string): Stored | undefined {
    return [...this.objects.values()].find(object => object.metadata.uid === uid);
  }

  remove(uid: string, policy: string): void {
    const object = this.byUid(uid);
    if (object !== undefined) this.#delete(object, policy);
  }

  async call(call: ApiCall): Promise<ApiAnswer> {
    await this.#turn();
    const { method, path, body } = call;
    if (method === 'PATCH') return this.#patch(call);
    if (path === '/apis') return answer(200, { groups: [] });
    if (path === '/api/v1') return answer(200, { resources: this.#resources() });
    this.work += 1;
    const object = this.objects.get(path);
    if (object === undefined) return refusal(404, 'NotFound');
    const { metadata } = object;
    const told = body === undefined ? {} : JSON.parse(body.toString());
    if (method === 'DELETE') {
      const { uid, resourceVersion = metadata.resourceVersion } = told.preconditions;
      if (uid !== metadata.uid || resourceVersion !== metadata.resourceVersion) return refusal(409, 'Conflict');
      const kept = (metadata.ownerReferences ?? []).filter(reference => this.#keeps(object, reference));
      this.deletions.push({ uid, kept: kept.map(reference => reference.name) });
      this.#delete(object, told.propagationPolicy);
    }
    return answer(200, { metadata });
  }

  #patch({ path, body, headers = {} }: ApiCall): ApiAnswer {
    this.work += 1;
    const object = this.objects.get(path);
    if (object === undefined) return refusal(404, 'NotFound');
    const isStrategic = headers['content-type']?.includes('strategic') === true;
    if (isStrategic && object.plural === 'notes') return refusal(415, 'UnsupportedMediaType');
    const { metadata } = object;
    const { uid, resourceVersion, finalizers, ownerReferences } = JSON.parse(body?.toString() ?? '').metadata;
    const isOther = (uid ?? metadata.uid) !== metadata.uid;
    if (isOther || (resourceVersion ?? metadata.resourceVersion) !== metadata.resourceVersion)
      return refusal(409, 'Conflict');
    if (finalizers !== undefined) metadata.finalizers = finalizers;
    if (ownerReferences !== undefined)
      metadata.ownerReferences = isStrategic
        ? mergedReferences(metadata.ownerReferences ?? [], ownerReferences)
        : ownerReferences;
    this.#settle(object);
    return answer(200, { metadata });
  }

  async stream({ path, signal }: Pick<ApiCall, 'path' | 'signal'>): Promise<ApiStream> {
    await this.#turn();
    const plural = /\/(\w+)\?/.exec(path)?.[1] ?? '';
    const queue: object[] = [...this.objects.values()]
      .filter(object => object.plural === plural)
      .map(object => eventOf('ADDED', object));
    const annotations = { 'k8s.io/initial-events-end': 'true' };
    queue.push({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(this.#version), annotations } } });
    let wake = (): void => {};
    this.#watches.add({
      plural,
      push: event => {
        queue.push(event);
        wake();
      },
    });
    signal?.addEventListener('abort', () => wake());
    const turn = async (): Promise<void> => {
      await this.#turn();
      this.work += 1;
    };
    const pieces = async function* (): AsyncGenerator<Buffer> {
      while (signal?.aborted !== true) {
        const event = queue.shift();
        if (event === undefined) {
          await new Promise<void>(resolve => {
            wake = resolve;
          });
          continue;
        }
        await turn();
        yield Buffer.from(`${JSON.stringify(event)}\n`);
      }
    };
    return { status: 200, pieces: pieces() };
  }

  /** True where the reference is right, and its owner is there and does not wait for its dependents. */
  #keeps({ metadata }: Stored, reference: OwnerReference): boolean {
    const owner = this.byUid(reference.uid);
    if (owner === undefined || owner.metadata.name !== reference.name) return false;
    const { namespace = metadata.namespace, deletionTimestamp, finalizers = [] } = owner.metadata;
    const waits = deletionTimestamp !== undefined && finalizers.includes('foregroundDeletion');
    return namespace === metadata.namespace && !waits;
  }

  #turn(): Promise<void> {
    return new Promise(resolve => this.#turns.add(resolve));
  }

  #resources(): object[] {
    const verbs = ['get', 'list', 'watch', 'delete', 'patch'];
    return WORLD_KINDS.filter(({ plural }) => !this.hidden.has(plural)).map(({ plural, kind, namespaced }) => ({
      name: plural,
      kind,
      namespaced,
      verbs,
    }));
  }

  #delete(object: Stored, policy: string): void {
    const others = (object.metadata.finalizers ?? []).filter(each => !WAITING.includes(each));
    const wanted = { Orphan: ['orphan'], Foreground: ['foregroundDeletion'] }[policy] ?? [];
    object.metadata.finalizers = [...others, ...wanted];
    object.metadata.deletionTimestamp ??= '2030-01-01T00:00:00Z';
    this.#settle(object);
  }

  /** Writes a new version, or lets it go where it is deleted and nothing holds it. */
  #settle(object: Stored): void {
    const { namespace = '', name = '', deletionTimestamp, finalizers = [] } = object.metadata;
    const isGone = deletionTimestamp !== undefined && finalizers.length === 0;
    if (isGone) this.objects.delete(pathOf(object.plural, namespace, name));
    this.#tell(isGone ? 'DELETED' : 'MODIFIED', object);
  }

  #tell(type: string, object: Stored): void {
    this.#version += 1;
    object.metadata.resourceVersion = String(this.#version);
    for (const watch of this.#watches) if (watch.plural === object.plural) watch.push(eventOf(type, object));
  }
}

function pathOf(plural: string, namespace: string, name: string): string {
  return namespace === '' ? `/api/v1/${plural}/${name}` : `/api/v1/namespaces/${namespace}/${plural}/${name}`;
}

function mergedReferences(
  before: readonly OwnerReference[],
  patch: readonly (OwnerReference & { readonly $patch?: string })[],
): OwnerReference[] {
  const patched = new Map(patch.map(row => [row.uid, row]));
  return before
    .filter(reference => patched.get(reference.uid)?.$patch !== 'delete')
    .map(reference => ({ ...reference, ...patched.get(reference.uid) }));
}

function eventOf(type: string, { metadata }: Stored): object {
  return structuredClone({ type, object: { metadata } });
}

function answer(status: number, body: object): ApiAnswer {
  return { status, body: Buffer.from(JSON.stringify(body)) };
}

function refusal(code: number, reason: string): ApiAnswer {
  return answer(code, { kind: 'Status', code, reason, message: reason });
}
