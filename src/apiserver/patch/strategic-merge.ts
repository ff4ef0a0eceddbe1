import type { StructType, Type } from '../../api/schema/table.ts';
import { inOrderOf, partition } from './element-order.ts';
import { goValueText } from './go-value.ts';
import { isJsonObject, type JsonObject, jsonTypeName, setMember } from './json-value.ts';
import { fieldRule, type ListRule, type MapRule } from './merge-rules.ts';
import { badPatch, strayPatch, unfitPatch } from './patch-error.ts';

const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const DELETE_FROM = '$deleteFromPrimitiveList/';
const ELEMENT_ORDER = '$setElementOrder/';

/**
 * Strategic merge: members are merged, lists by the patch strategy and merge key of their field, with the directives
 * `$patch`, `$retainKeys`, `$deleteFromPrimitiveList/<field>` and `$setElementOrder/<field>`. Neither argument is
 * changed. Throws in upstream's words: `invalid-argument` on malformed directives, `internal` (upstream's 500) on fields
 * that the type does not have where two values are to be merged, and on elements without their merge key.
 */
export function applyStrategicMerge(type: StructType, object: JsonObject, patch: unknown): JsonObject {
  if (patch === null) return object;
  if (!isJsonObject(patch))
    throw badPatch(`json: cannot unmarshal ${jsonTypeName(patch)} into Go value of type map[string]interface {}`);
  return mergeMap(object, patch, type);
}

function mergeMap(original: JsonObject, patch: JsonObject, type: Type | undefined): JsonObject {
  if (Object.hasOwn(patch, DIRECTIVE)) return directed(patch);
  const result = retained(original, patch);
  const done = new Set([RETAIN_KEYS]);
  for (const name of Object.keys(patch))
    if (name.startsWith('$setElementOrder')) {
      done.add(name);
      const field = fieldOf(name, ELEMENT_ORDER, 'invalid patch format of setElementOrder list');
      if (orderList(result, field, patch, patch[name], type)) done.add(field);
    }
  for (const name of Object.keys(patch)) if (!done.has(name)) mergeMember(result, name, patch[name], type);
  return result;
}

function directed(patch: JsonObject): JsonObject {
  switch (patch[DIRECTIVE]) {
    case 'replace':
      return omit(patch, DIRECTIVE);
    case 'delete':
      return {};
    default:
      throw strayPatch(`unknown patch type: ${String(patch[DIRECTIVE])} in map: ${goValueText(patch)}`);
  }
}

function omit(object: JsonObject, name: string): JsonObject {
  const copy = { ...object };
  delete copy[name];
  return copy;
}

function fieldOf(name: string, prefix: string, message: string): string {
  if (!name.startsWith(prefix)) throw badPatch(message);
  return name.slice(prefix.length);
}

/** The original, with what `$retainKeys` does not name taken out. */
function retained(original: JsonObject, patch: JsonObject): JsonObject {
  if (!Object.hasOwn(patch, RETAIN_KEYS)) return { ...original };
  const keys = patch[RETAIN_KEYS];
  if (!Array.isArray(keys)) throw badPatch('invalid patch format of retainKeys');
  const kept = new Set<unknown>(keys);
  for (const name of Object.keys(patch)) {
    const directive =
      name === RETAIN_KEYS || name.startsWith('$deleteFromPrimitiveList') || name.startsWith('$setElementOrder');
    if (!directive && patch[name] !== null && !kept.has(name)) throw badPatch('invalid patch format of retainKeys');
  }
  return Object.fromEntries(Object.entries(original).filter(([name]) => kept.has(name)));
}

function mergeMember(result: JsonObject, name: string, value: unknown, type: Type | undefined): void {
  const deletes = name.startsWith('$deleteFromPrimitiveList');
  const field = deletes ? fieldOf(name, DELETE_FROM, 'invalid patch format of primitive list') : name;
  if (value === null) {
    delete result[field];
    return;
  }
  const current = Object.hasOwn(result, field) ? result[field] : undefined;
  if (isJsonObject(current) && isJsonObject(value) && !deletes) {
    const rule = fieldRule(type, field) as MapRule;
    setMember(result, field, rule.replace ? value : mergeMap(current, value, rule.type));
  } else if (Array.isArray(current) && Array.isArray(value)) {
    const rule = fieldRule(type, field) as ListRule;
    setMember(result, field, mergeList(current, value, rule, deletes));
  } else if (!deletes) {
    const cleaned = withoutDirectives(withoutNulls(value));
    if (cleaned === undefined) delete result[field];
    else setMember(result, field, cleaned);
  }
}

function without(list: readonly unknown[], unwanted: readonly unknown[]): unknown[] {
  const set = new Set(unwanted);
  return list.filter(item => !set.has(item));
}

function mergeList(
  original: readonly unknown[],
  patch: readonly unknown[],
  rule: ListRule,
  deletes = false,
): unknown[] {
  if (!rule.merge && !deletes) return [...patch];
  if (original.length === 0 && patch.length === 0) return [];
  const maps = elementsAreMaps(original, patch);
  // As in upstream, a deletion list of objects is merged as any other.
  if (!maps) {
    if (deletes) return without(original, patch);
    const merged = [...new Set([...original, ...patch])];
    return inOrderOf(partition(merged, patch, undefined), patch, original, undefined);
  }
  const key = rule.mergeKey;
  if (key === undefined) throw strayPatch(`cannot merge lists without merge key for ${rule.goKind}`);
  const { kept, plain } = specialElements(original as JsonObject[], patch as JsonObject[], key);
  const merged = mergeElements(kept, plain, key, rule.of);
  return inOrderOf(partition(merged, plain, key), plain, kept, key);
}

/** All elements of both lists are of one kind. */
function elementsAreMaps(...lists: (readonly unknown[])[]): boolean {
  const kinds = new Set(
    lists.flat().map(item => (Array.isArray(item) ? 'list' : isJsonObject(item) ? 'map' : typeof item)),
  );
  if (kinds.has('list')) throw unfitPatch('lists of lists are not supported');
  if (kinds.size > 1) throw strayPatch(`list element types are not identical: ${goValueText(lists)}`);
  return kinds.has('map');
}

/** Carries out `$patch` in elements: what is left of the original, and the elements that are no directives. */
function specialElements(
  original: readonly JsonObject[],
  patch: readonly JsonObject[],
  key: string,
): { kept: readonly JsonObject[]; plain: readonly JsonObject[] } {
  const deleted = new Set<unknown>();
  let replace = false;
  for (const element of patch) {
    if (!Object.hasOwn(element, DIRECTIVE)) continue;
    switch (element[DIRECTIVE]) {
      case 'delete':
        deleted.add(keyOf(element, key));
        break;
      case 'replace':
        replace = true;
        break;
      case 'merge':
        throw strayPatch('merging lists cannot yet be specified in the patch');
      default:
        throw strayPatch(`unknown patch type: ${String(element[DIRECTIVE])} in map: ${goValueText(element)}`);
    }
  }
  const plain = patch.filter(element => !Object.hasOwn(element, DIRECTIVE));
  // What replaces a list is taken as it is.
  return replace ? { kept: plain, plain: [] } : { kept: original.filter(item => !deleted.has(item[key])), plain };
}

function mergeElements(
  original: readonly JsonObject[],
  patch: readonly JsonObject[],
  key: string,
  type: Type | undefined,
): JsonObject[] {
  const merged = [...original];
  const places = new Map<unknown, number>();
  for (const [index, item] of merged.entries()) if (!places.has(item[key])) places.set(item[key], index);
  for (const element of patch) {
    const value = keyOf(element, key);
    const place = places.get(value);
    if (place === undefined) {
      places.set(value, merged.length);
      merged.push(element);
    } else merged[place] = mergeMap(merged[place] ?? {}, element, type);
  }
  return merged;
}

function keyOf(element: JsonObject, key: string): unknown {
  if (!Object.hasOwn(element, key))
    throw strayPatch(`map: ${goValueText(element)} does not contain declared merge key: ${key}`);
  return element[key];
}

/**
 * Merges a list whose order the patch gives, and puts it into that order. False where there is no list, so that the
 * patch's own value is merged as any other.
 */
function orderList(
  result: JsonObject,
  field: string,
  patch: JsonObject,
  order: unknown,
  type: Type | undefined,
): boolean {
  const current = Object.hasOwn(result, field) ? result[field] : undefined;
  const change = Object.hasOwn(patch, field) ? patch[field] : undefined;
  if (!Array.isArray(order) || !isListOrAbsent(current) || !isListOrAbsent(change))
    throw badPatch('invalid patch format of setElementOrder list');
  const rule = fieldRule(type, field) as ListRule;
  refuseOtherOrder(change ?? [], order, rule.mergeKey);
  if (current === undefined && change === undefined) return false;
  const merged =
    change === undefined
      ? (current ?? [])
      : current === undefined
        ? (withoutDirectives(change) as unknown[])
        : mergeList(current, change, rule);
  setMember(result, field, inOrderOf(partition(merged, order, rule.mergeKey), order, current ?? [], rule.mergeKey));
  return change !== undefined;
}

function isListOrAbsent(value: unknown): value is unknown[] | undefined {
  return value === undefined || Array.isArray(value);
}

/**
 * The patch's elements must come in the order that it gives itself. Elements that are directives do not count, but as in
 * upstream one other than a deletion may not stand behind the last that the order names.
 */
function refuseOtherOrder(change: readonly unknown[], order: readonly unknown[], key: string | undefined): void {
  if (change.length === 0 || order.length === 0) return;
  const valueAt = (item: unknown): unknown => (key === undefined ? item : isJsonObject(item) ? keyOf(item, key) : item);
  const isDirective = (item: unknown): boolean => isJsonObject(item) && Object.hasOwn(item, DIRECTIVE);
  const kept = change.filter(item => !(isJsonObject(item) && item[DIRECTIVE] === 'delete'));
  let at = 0;
  for (let place = 0; at < kept.length && place < order.length; ) {
    if (isDirective(kept[at])) at++;
    else if (valueAt(kept[at]) === valueAt(order[place++])) at++;
  }
  if (at < kept.length)
    throw strayPatch(
      `The order in patch list:\n${goValueText(change)}\n doesn't match $setElementOrder list:\n${goValueText(order)}\n`,
    );
}

/** The value without directives of ours; undefined where the value itself is one. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter(item => item !== undefined);
  if (!isJsonObject(value)) return value;
  if (Object.hasOwn(value, DIRECTIVE)) return undefined;
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, member]) => [name, withoutDirectives(member)] as const)
      .filter(([, member]) => member !== undefined),
  );
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== null)
      .map(([name, member]) => [name, withoutNulls(member)]),
  );
}
