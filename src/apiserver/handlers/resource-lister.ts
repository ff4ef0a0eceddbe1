import type { Lister } from '../lister.ts';
import type { ServedResource } from './served-resource.ts';

/** Told of each version of an object that a lister leaves out because it cannot be decoded. */
export type OnUnreadable = (error: unknown) => void;

/**
 * Reads a kind from the watch cache, without waiting. The same array as long as nothing in it changed: the cache says what did, so a question that is
 * asked again costs nothing. What cannot be decoded is left out and told of: one such object of those that authorizers read must not end all requests.
 * Nothing is kept of a namespace that has no objects: authorizers ask for whatever namespace a client names, before they know whether the client may.
 */
export function resourceLister<T>(served: ServedResource, onUnreadable: OnUnreadable = () => {}): Lister<T> {
  const { cache } = served;
  const kept = new Map<string, readonly T[]>();
  const none: readonly T[] = Object.freeze([]);
  const prefix = served.scope('');
  cache.observe({
    changed({ key }) {
      kept.delete('');
      const namespace = key.slice(prefix.length, key.lastIndexOf('/'));
      if (namespace !== '') kept.delete(namespace);
    },
    loaded: () => kept.clear(),
  });
  const read = (entry: ReturnType<typeof cache.peek>): T | undefined => {
    try {
      return entry?.object as unknown as T | undefined;
    } catch (error) {
      onUnreadable(error);
      return undefined;
    }
  };
  return {
    get: (namespace, name) => (name === '' ? undefined : read(cache.peek(served.key(namespace, name)))),
    list(asked) {
      const namespace = served.namespaced ? asked : '';
      const known = kept.get(namespace);
      if (known !== undefined) return known;
      const entries = cache.snapshot(served.scope(namespace));
      if (entries.length === 0) return none;
      const objects = entries.flatMap(entry => read(entry) ?? []);
      kept.set(namespace, objects);
      return objects;
    },
  };
}
