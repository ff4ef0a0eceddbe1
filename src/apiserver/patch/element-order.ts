import { isJsonObject } from './json-value.ts';

/** Elements of a merged list: those that a patch names, and those that only the object has. */
export interface Parts {
  readonly named: readonly unknown[];
  readonly others: readonly unknown[];
}

function mergeValue(item: unknown, key: string | undefined): unknown {
  return key === undefined || !isJsonObject(item) ? item : item[key];
}

/** The first place of each value. */
function placesOf(list: readonly unknown[], key: string | undefined): Map<unknown, number> {
  const places = new Map<unknown, number>();
  for (const [index, item] of list.entries()) {
    const value = mergeValue(item, key);
    if (!places.has(value)) places.set(value, index);
  }
  return places;
}

export function partition(list: readonly unknown[], by: readonly unknown[], key: string | undefined): Parts {
  const places = placesOf(by, key);
  const named: unknown[] = [];
  const others: unknown[] = [];
  for (const item of list) (places.has(mergeValue(item, key)) ? named : others).push(item);
  return { named, others };
}

/**
 * The order that upstream gives a merged list: named elements as the patch orders them, others as the object had them,
 * and each other one in front of the first named one that stood behind it in the object.
 */
export function inOrderOf(
  { named, others }: Parts,
  patchOrder: readonly unknown[],
  objectOrder: readonly unknown[],
  key: string | undefined,
): unknown[] {
  const objectPlaces = placesOf(objectOrder, key);
  const place = (item: unknown): number | undefined => objectPlaces.get(mergeValue(item, key));
  const left = sorted(others, objectPlaces, key);
  const right = sorted(named, placesOf(patchOrder, key), key);
  const result: unknown[] = [];
  let at = 0;
  for (const item of right) {
    const own = place(item);
    for (; at < left.length; at++) {
      const other = place(left[at]);
      if (own === undefined || other === undefined || other >= own) break;
      result.push(left[at]);
    }
    result.push(item);
  }
  return [...result, ...left.slice(at)];
}

function sorted(list: readonly unknown[], places: ReadonlyMap<unknown, number>, key: string | undefined): unknown[] {
  return [...list].sort((a, b) => {
    const first = places.get(mergeValue(a, key));
    const second = places.get(mergeValue(b, key));
    return first === undefined || second === undefined ? 0 : first - second;
  });
}
