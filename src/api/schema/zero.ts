import { scalarRule } from './scalars.ts';
import { isAlwaysPresent, type StructType, type Type } from './table.ts';

/**
 * A list that was never given. It reads as an empty one and is written as null, as Go does it; an empty list that somebody sent is another one and
 * stays `[]`.
 */
const ABSENT_LIST: readonly unknown[] = Object.freeze([]);

/** True for a list that was never given, which is written as null. */
export function isAbsentList(value: readonly unknown[]): boolean {
  return value === ABSENT_LIST;
}

/** Go's zero value of a struct: what decoding `{}` gives. */
export function zeroStruct(type: StructType): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const field of type.json.values()) if (isAlwaysPresent(field)) value[field.name] = zeroOf(field.type);
  return value;
}

/** Go's zero value of a type, in JSON; undefined where Go writes null. */
export function zeroOf(type: Type): unknown {
  switch (type.kind) {
    case 'struct':
      return zeroStruct(type);
    case 'list':
      return ABSENT_LIST;
    case 'map':
      return {};
    case 'scalar':
      return scalarRule(type.scalar).zero;
  }
}
