import { type ApiObject, keyOf } from './api-object.ts';

/** What an object was and is; one of them is missing where it came or went. */
export interface Change<T extends ApiObject> {
  readonly key: string;
  readonly before: T | undefined;
  readonly after: T | undefined;
}

/** The values under which an object is found in an index. One that it cannot be asked of (it throws) is found under none. */
export type IndexBy<T> = (object: T) => readonly string[];

/**
 * The objects of one kind by `namespace/name`, with indexes that are kept up to date. Objects are shared: nobody changes them in place. An array
 * that was given out does not change later.
 */
export class ObjectStore<T extends ApiObject> {
  readonly #objects = new Map<string, T>();
  readonly #namespaces = new Map<string, Map<string, T>>();
  readonly #indexes = new Map<string, { readonly by: IndexBy<T>; readonly entries: Map<string, Map<string, T>> }>();

  get size(): number {
    return this.#objects.size;
  }

  get(namespace: string, name: string): T | undefined {
    return this.#objects.get(namespace === '' ? name : `${namespace}/${name}`);
  }

  getByKey(key: string): T | undefined {
    return this.#objects.get(key);
  }

  /** All of a namespace, or all where it is empty. In no order that means anything. */
  list(namespace = ''): readonly T[] {
    return [...(namespace === '' ? this.#objects : (this.#namespaces.get(namespace) ?? new Map<string, T>())).values()];
  }

  /** May be added while objects are there. Adding the same name again is a mistake. */
  addIndex(name: string, by: IndexBy<T>): void {
    if (this.#indexes.has(name)) throw new Error(`there is an index ${name} already`);
    const index = { by, entries: new Map<string, Map<string, T>>() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects)
      for (const value of valuesOf(by, object)) put(index.entries, value, key, object);
  }

  hasIndex(name: string): boolean {
    return this.#indexes.has(name);
  }

  byIndex(name: string, value: string): readonly T[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new Error(`there is no index ${name}`);
    return [...(index.entries.get(value)?.values() ?? [])];
  }

  /** Keeps an object, or replaces the one of its key. Undefined where the very same version was there. */
  put(object: T): Change<T> | undefined {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    if (before !== undefined && isSameVersion(before, object)) return undefined;
    if (before !== undefined) this.#unlink(key, before);
    this.#objects.set(key, object);
    const { namespace = '' } = object.metadata;
    if (namespace !== '') put(this.#namespaces, namespace, key, object);
    for (const { by, entries } of this.#indexes.values())
      for (const value of valuesOf(by, object)) put(entries, value, key, object);
    return { key, before, after: object };
  }

  /** `last` is what the object was when it went, where that is known. */
  remove(key: string, last?: T): Change<T> | undefined {
    const before = this.#objects.get(key);
    if (before === undefined) return undefined;
    this.#objects.delete(key);
    this.#unlink(key, before);
    return { key, before: last ?? before, after: undefined };
  }

  /** These are all, from now on. Returns what that changed. */
  replace(objects: readonly T[]): Change<T>[] {
    const changes: Change<T>[] = [];
    const wanted = new Set(objects.map(keyOf));
    for (const key of [...this.#objects.keys()].filter(each => !wanted.has(each))) {
      const change = this.remove(key);
      if (change !== undefined) changes.push(change);
    }
    for (const object of objects) {
      const change = this.put(object);
      if (change !== undefined) changes.push(change);
    }
    return changes;
  }

  #unlink(key: string, object: T): void {
    const { namespace = '' } = object.metadata;
    if (namespace !== '') drop(this.#namespaces, namespace, key);
    for (const { by, entries } of this.#indexes.values())
      for (const value of valuesOf(by, object)) drop(entries, value, key);
  }
}

function isSameVersion(a: ApiObject, b: ApiObject): boolean {
  const { resourceVersion = '', uid } = a.metadata;
  return resourceVersion !== '' && resourceVersion === b.metadata.resourceVersion && uid === b.metadata.uid;
}

/** An object that somebody has broken in the store of the API server must not keep the others from being known. */
function valuesOf<T>(by: IndexBy<T>, object: T): readonly string[] {
  try {
    return by(object);
  } catch {
    return [];
  }
}

function put<T>(entries: Map<string, Map<string, T>>, value: string, key: string, object: T): void {
  const known = entries.get(value);
  if (known === undefined) entries.set(value, new Map([[key, object]]));
  else known.set(key, object);
}

function drop<T>(entries: Map<string, Map<string, T>>, value: string, key: string): void {
  const known = entries.get(value);
  known?.delete(key);
  if (known?.size === 0) entries.delete(value);
}
