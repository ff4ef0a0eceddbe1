import type { Lister } from '../lister.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { Entry, ServedResource } from './served-resource.ts';

interface Kept<T> {
  readonly entries: readonly Entry[];
  readonly objects: readonly T[];
}

/**
 * Reads a kind from the watch cache, without waiting. The same array as long as nothing in it changed. Nothing is kept of a namespace that has no
 * objects: authorizers ask for whatever namespace a client names, before they know whether the client may.
 */
export function resourceLister<T>(served: ServedResource): Lister<T> {
  const kept = new Map<string, Kept<T>>();
  const none: readonly T[] = Object.freeze([]);
  return {
    get(namespace, name) {
      if (name === '') return undefined;
      return served.cache.peek(served.key(namespace, name))?.object as unknown as T | undefined;
    },
    list(namespace) {
      const entries = served.cache.snapshot(served.scope(namespace));
      if (entries.length === 0) {
        kept.delete(namespace);
        return none;
      }
      const known = kept.get(namespace);
      if (known !== undefined && isSame(known.entries, entries)) return known.objects;
      const objects = entries.map(entry => entry.object as ApiObject as unknown as T);
      kept.set(namespace, { entries, objects });
      return objects;
    },
  };
}

function isSame(a: readonly Entry[], b: readonly Entry[]): boolean {
  return a.length === b.length && a.every((entry, index) => entry === b[index]);
}
