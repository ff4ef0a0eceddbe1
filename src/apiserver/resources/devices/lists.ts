import { atMostItems, duplicate, type FieldError } from '../../../api/validation/field-error.ts';

/** The errors of each item; of a list that is too long, that alone: nothing more is looked at. */
export function validateItems<T>(
  items: readonly T[] | undefined,
  most: number,
  path: string,
  validate: (item: T, path: string) => FieldError[],
): FieldError[] {
  const list = items ?? [];
  const long = atMostItems(path, list.length, most);
  return long.length > 0 ? long : list.flatMap((item, index) => validate(item, `${path}[${index}]`));
}

/** The same for a list in which no two items have one key. `shownOf` is what the error shows of an item. */
export function validateSet<T>(
  items: readonly T[] | undefined,
  most: number,
  path: string,
  validate: (item: T, path: string) => FieldError[],
  keyOf: (item: T) => string,
  shownOf: (item: T) => unknown = keyOf,
): FieldError[] {
  const list = items ?? [];
  const errors = validateItems(list, most, path, validate);
  if (list.length > most) return errors;
  const seen = new Set<string>();
  for (const [index, item] of list.entries()) {
    const key = keyOf(item);
    if (seen.has(key)) errors.push(duplicate(`${path}[${index}]`, shownOf(item)));
    seen.add(key);
  }
  return errors;
}

const MIN_SHOWN_KEY = 16;

/** The errors of the keys, at the map, and of the values, at their keys; long keys are shown without their middle. */
export function validateEntries<T>(
  map: Readonly<Record<string, T>> | undefined,
  limits: { readonly most: number; readonly shownKey: number },
  path: string,
  validateKey: (key: string, path: string) => FieldError[],
  validate: (value: T, path: string) => FieldError[],
): FieldError[] {
  const entries = Object.entries(map ?? {});
  const many = atMostItems(path, entries.length, limits.most);
  if (many.length > 0) return many;
  return entries.flatMap(([key, value]) => [
    ...validateKey(key, path),
    ...validate(value, `${path}[${shortened(key, Math.max(limits.shownKey, MIN_SHOWN_KEY))}]`),
  ]);
}

function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  const rest = most - 3;
  return `${text.slice(0, Math.floor((rest + 1) / 2))}...${text.slice(text.length - Math.floor(rest / 2))}`;
}
