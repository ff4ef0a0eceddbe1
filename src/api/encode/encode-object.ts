import { rawValue } from '../raw-text.ts';
import { scalarRule } from '../schema/scalars.ts';
import type { Field, StructType, Type } from '../schema/table.ts';
import { isAbsentList } from '../schema/zero.ts';

/**
 * The object as upstream's JSON encoder would write it: fields in the order of the Go declaration, empty `omitempty`
 * fields and zero `omitzero` fields left out, what Go writes as null written as null. Fields that the table does not
 * know are left out. The result shares nothing that a caller may change through it; JSON.stringify makes it text.
 */
export function encodeObject(type: StructType, value: object): Record<string, unknown> {
  const from = value as Readonly<Record<string, unknown>>;
  const result: Record<string, unknown> = {};
  for (const field of type.json.values()) {
    const child = from[field.name];
    if (child === undefined || child === null) {
      if (isAlwaysWritten(field)) result[field.name] = absentValue(field);
    } else if (!isLeftOut(field, child)) result[field.name] = encode(field.type, child);
  }
  return result;
}

function encode(type: Type, value: unknown): unknown {
  switch (type.kind) {
    case 'struct':
      return typeof value === 'object' && value !== null ? encodeObject(type, value) : {};
    case 'list':
      return Array.isArray(value) && !isAbsentList(value) ? value.map(item => encode(type.of, item)) : null;
    case 'map':
      return Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, encode(type.of, item)]));
    case 'scalar':
      return rawValue(value);
  }
}

/** What Go writes for a field that holds nothing and is written all the same. */
export function absentValue(field: Field): unknown {
  if (field.pointer || field.type.kind === 'list' || field.type.kind === 'map') return null;
  if (field.type.kind === 'struct') return encodeObject(field.type, {});
  return scalarRule(field.type.scalar).zero ?? null;
}

/** Scalars that Go holds in a value which may be empty; the others are structs to Go. */
const PLAIN: ReadonlySet<string> = new Set(['string', 'bool', 'int32', 'int64', 'uint32', 'float64', 'bytes']);

/** Go's omitempty never leaves out a struct, be it a Pod's status or a zero time; omitzero does. */
export function isAlwaysWritten(field: Field): boolean {
  if (field.omitZero) return false;
  if (!field.omitEmpty) return true;
  if (field.pointer) return false;
  return field.type.kind === 'struct' || (field.type.kind === 'scalar' && !PLAIN.has(field.type.scalar));
}

/** True for a value that `omitempty` leaves out. */
export function isLeftOut(field: Field, value: unknown): boolean {
  if (!field.omitEmpty || field.pointer) return false;
  switch (field.type.kind) {
    case 'struct':
      return false;
    case 'list':
      return Array.isArray(value) && value.length === 0;
    case 'map':
      return Object.keys(value as object).length === 0;
    case 'scalar':
      return PLAIN.has(field.type.scalar) && value === scalarRule(field.type.scalar).zero;
  }
}
