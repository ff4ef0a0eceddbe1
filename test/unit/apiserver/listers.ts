import type { Lister } from '../../../src/apiserver/lister.ts';

interface Named {
  readonly metadata: { readonly name?: string | undefined; readonly namespace?: string | undefined };
}

/** A lister over a list, whose arrays stay the same as the contract asks. */
export function listerOf<T extends Named>(objects: readonly T[]): Lister<T> {
  const lists = new Map<string, readonly T[]>([['', objects]]);
  return {
    get: (namespace, name) =>
      objects.find(object => (object.metadata.namespace ?? '') === namespace && object.metadata.name === name),
    list(namespace) {
      const known = lists.get(namespace) ?? objects.filter(object => object.metadata.namespace === namespace);
      lists.set(namespace, known);
      return known;
    },
  };
}
