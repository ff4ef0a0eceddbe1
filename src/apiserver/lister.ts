/**
 * How admission and authorizers read: from the watch cache, without waiting. Objects and lists are never changed in place: an object that
 * changed is another object, and `list` answers the very same array until something in it changes, so what is computed from either
 * may be kept under it.
 */
export interface Lister<T> {
  /** `namespace` is empty for kinds that are in none. */
  get(namespace: string, name: string): T | undefined;
  /** All of a namespace, or of everything with an empty one. */
  list(namespace: string): readonly T[];
}
