import { compareQuantities } from './quantity.ts';
import { rawValue } from './raw-text.ts';
import { builtinTable } from './schema/builtin.ts';
import type { Type } from './schema/table.ts';

/**
 * Equality as Go's API machinery sees it: an absent list or map equals an empty one, and where the field is no pointer an
 * absent scalar equals its zero. `typeId` names the type of both values (`core/v1.PodSpec`); its package must be loaded.
 */
export function equalAs(typeId: string, a: unknown, b: unknown): boolean {
  return equal(builtinTable.type(typeId), a, b, false);
}

/** The same over a type that is at hand. */
export function equalByType(type: Type, a: unknown, b: unknown): boolean {
  return equal(type, a, b, false);
}

/** Equality of plain values without a type: absent equals an empty list or map, scalars are compared as they are. */
export function equalValues(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isEmptyCollection(a) && isEmptyCollection(b)) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => equalValues(item, b[i]));
  if (!isObject(a) || !isObject(b) || Array.isArray(a) || Array.isArray(b)) return false;
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every(key => equalValues(own(a, key), own(b, key)));
}

function equal(type: Type, a: unknown, b: unknown, pointer: boolean): boolean {
  if (a === b) return true;
  switch (type.kind) {
    case 'scalar':
      if (type.scalar === 'RawJson') return equalValues(rawValue(a), rawValue(b));
      // by amount: `1Gi` is `1073741824`
      if (type.scalar === 'Quantity' && typeof a === 'string' && typeof b === 'string')
        return compareQuantities(a, b) === 0;
      return !pointer && isZero(a) && isZero(b);
    case 'list': {
      const left = Array.isArray(a) ? a : [];
      const right = Array.isArray(b) ? b : [];
      return left.length === right.length && left.every((item, i) => equal(type.of, item, right[i], true));
    }
    case 'map': {
      const left = isObject(a) ? a : {};
      const right = isObject(b) ? b : {};
      const keys = Object.keys(left);
      return (
        keys.length === Object.keys(right).length &&
        keys.every(key => Object.hasOwn(right, key) && equal(type.of, own(left, key), own(right, key), true))
      );
    }
    case 'struct': {
      if (pointer && (a === undefined) !== (b === undefined)) return false;
      const left = isObject(a) ? a : {};
      const right = isObject(b) ? b : {};
      for (const [name, field] of type.json)
        if (!equal(field.type, own(left, name), own(right, name), field.pointer)) return false;
      return true;
    }
  }
}

type Plain = Readonly<Record<string, unknown>>;

function own(object: Plain, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function isObject(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null;
}

function isZero(value: unknown): boolean {
  return value === undefined || value === null || value === '' || value === 0 || value === false || value === '0';
}

function isEmptyCollection(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return isObject(value) && Object.keys(value).length === 0;
}
