import { scalarRule } from './scalars.ts';
import { type Field, isAlwaysPresent, type StructType, type Type } from './table.ts';

/**
 * A list that was never given. It reads as an empty one and is written as null, as Go does it; an empty list that somebody sent is another one and
 * stays `[]`.
 */
const ABSENT_LIST: readonly unknown[] = Object.freeze([]);

/** True for a list that was never given, which is written as null. */
export function isAbsentList(value: readonly unknown[]): boolean {
  return value === ABSENT_LIST;
}

/** The fields that a zero value has, found once a type. */
const ALWAYS = new WeakMap<StructType, readonly Field[]>();

/** The fields of a struct that a decoded object always holds. */
export function alwaysPresent(type: StructType): readonly Field[] {
  const known = ALWAYS.get(type);
  if (known !== undefined) return known;
  const fields = [...type.json.values()].filter(isAlwaysPresent);
  ALWAYS.set(type, fields);
  return fields;
}

/** Go's zero value of a struct: what decoding `{}` gives. */
export function zeroStruct(type: StructType): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const field of alwaysPresent(type)) value[field.name] = zeroOf(field.type);
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
