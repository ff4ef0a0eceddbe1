import { scalarRule } from './scalars.ts';
import { isAlwaysPresent, type StructType, type Type } from './table.ts';

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
      return [];
    case 'map':
      return {};
    case 'scalar':
      return scalarRule(type.scalar).zero;
  }
}
