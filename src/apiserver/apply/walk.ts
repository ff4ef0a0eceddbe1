import { invalidArgument } from '../../base/errors.ts';
import { isJsonObject, type JsonObject } from '../patch/json-value.ts';
import { type KeyField, keyElement, type PathElement, valueElement } from './path-element.ts';
import { ANY, type ListShape, type MapShape, type ScalarShape, type Shape } from './shape.ts';

/** A shape as one value shows it: a list, a map or a scalar. */
export type Atom = ScalarShape | ListShape | MapShape;

const UNTYPED: ScalarShape = { kind: 'scalar', scalar: 'untyped' };
const ANY_ATOMIC = { kind: 'any', atomic: true } as const;
const ANY_LIST: ListShape = { kind: 'list', atomic: true, keys: [], keyDefaults: new Map(), of: ANY_ATOMIC };
const ANY_MAP: MapShape = { kind: 'map', atomic: false, fields: undefined, of: ANY };
const ANY_ATOMIC_MAP: MapShape = { kind: 'map', atomic: true, fields: undefined, of: ANY_ATOMIC };

/** What a value of a shape is. Whatever comes is told by the value; null, and nothing at all, is a map then. */
export function atomOf(shape: Shape, value: unknown): Atom {
  if (shape.kind !== 'any') return shape;
  if (Array.isArray(value)) return ANY_LIST;
  if (value !== undefined && value !== null && !isJsonObject(value)) return UNTYPED;
  return shape.atomic ? ANY_ATOMIC_MAP : ANY_MAP;
}

/** The shape of an entry; undefined for a field that a struct has not got. */
export function entryShape(map: MapShape, name: string): Shape | undefined {
  return map.fields === undefined ? map.of : map.fields.get(name);
}

/** True for the fields of a struct, which are there whether somebody manages them or not; false for the entries of a map. */
export function isField(map: MapShape, name: string): boolean {
  return map.fields?.has(name) ?? false;
}

export function asList(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? value : undefined;
}

export function asMap(value: unknown): JsonObject | undefined {
  return isJsonObject(value) ? value : undefined;
}

export function member(map: JsonObject | undefined, name: string): unknown {
  return map !== undefined && Object.hasOwn(map, name) ? map[name] : undefined;
}

/** The names of two maps, each once: those of the left first. */
export function bothNames(left: JsonObject | undefined, right: JsonObject | undefined): string[] {
  if (left === undefined) return right === undefined ? [] : Object.keys(right);
  const names = Object.keys(left);
  if (right !== undefined) for (const name of Object.keys(right)) if (!Object.hasOwn(left, name)) names.push(name);
  return names;
}

/** The step to an element of a list that is no one value; or why there is none, in upstream's words. */
export function listElement(list: ListShape, item: unknown): PathElement | { readonly problem: string } {
  if (list.keys.length > 0) return keyedElement(list, item);
  if (item === null) return { problem: "associative list without keys has an element that's an explicit null" };
  if (Array.isArray(item)) return { problem: 'not supported: associative list with lists as elements' };
  if (isJsonObject(item)) return { problem: "associative list without keys has an element that's a map type" };
  return valueElement(item);
}

function keyedElement(list: ListShape, item: unknown): PathElement | { readonly problem: string } {
  if (item === null) return { problem: 'associative list with keys may not have a null element' };
  if (!isJsonObject(item)) return { problem: 'associative list with keys may not have non-map elements' };
  const fields: KeyField[] = [];
  for (const name of list.keys) {
    // an element without a key is another one than those that have it
    const value = member(item, name) ?? (Object.hasOwn(item, name) ? null : list.keyDefaults.get(name));
    if (value !== undefined) fields.push({ name, value });
  }
  if (fields.length > 0) return keyElement(fields);
  const names = list.keys.map(name => JSON.stringify(name)).join(' ');
  return {
    problem: `associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`,
  };
}

/** The same where the list should have no such element. Throws upstream's sentence where it has one. */
export function knownElement(list: ListShape, item: unknown): PathElement {
  const element = listElement(list, item);
  if ('problem' in element) throw invalidArgument(element.problem);
  return element;
}

export function isEmptyValue(value: readonly unknown[] | JsonObject | undefined): boolean {
  return value === undefined || (Array.isArray(value) ? value.length : Object.keys(value).length) === 0;
}
