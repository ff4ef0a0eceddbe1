import type { FieldValidation } from '../../api/decode/json/field-validation.ts';
import { goQuote } from '../../api/go-quote.ts';
import type { GantryError } from '../../base/errors.ts';
import { decodeJsonPatch, type Operation } from './json-patch-operations.ts';
import {
  cloneJson,
  depthOf,
  isJsonObject,
  type JsonObject,
  MAX_JSON_DEPTH,
  sameJson,
  setMember,
} from './json-value.ts';
import { patchTooLarge, unfitPatch } from './patch-error.ts';

/** Bytes that the copies of one patch may add, as JSON: 3 MiB. */
export const MAX_COPY_BYTES = 3 * 1024 * 1024;
/** Places that the operations of one patch may shift elements of lists by, 20 million: a fifth of a second. Ten thousand at the front of a list of 2,000 come to that. */
const MAX_SHIFTS = 20_000_000;

type Container = JsonObject | unknown[];

/**
 * RFC 6902: the object after the operations, in the reading of upstream's library (indexes below zero count from the
 * end). The object given is not changed. Throws `invalid-argument` on what is no patch, `resource-exhausted` on too many
 * operations or shifted elements, `failed-precondition` where an operation does not fit, all in upstream's words. Under Ignore upstream does not look at
 * the types of members: what is no text there is as good as none.
 */
export function applyJsonPatch(object: JsonObject, patch: unknown, validation: FieldValidation = 'Warn'): JsonObject {
  const operations = decodeJsonPatch(patch, validation);
  const state: State = { document: cloneJson(object), copied: 0, shifted: 0 };
  for (const operation of operations) apply(state, operation);
  if (depthOf(state.document) > MAX_JSON_DEPTH) throw unfitPatch('exceeded max depth');
  return state.document as JsonObject;
}

interface State {
  document: Container;
  copied: number;
  shifted: number;
}

/** An operation of which it is known that it has a path. */
type Placed = Operation & { readonly path: string };

function apply(state: State, operation: Operation): void {
  switch (operation.op) {
    case 'add':
      add(state, placed(operation, MISSING));
      return;
    case 'remove':
      remove(state, placed(operation, MISSING));
      return;
    case 'replace':
      replace(state, placed(operation, NO_PATH));
      return;
    case 'move':
      move(state, operation);
      return;
    case 'copy':
      copy(state, operation);
      return;
    case 'test':
      test(state, placed(operation, NO_PATH));
      return;
    default:
      throw unfitPatch(`Unexpected kind: ${operation.op ?? 'unknown'}`);
  }
}

const MISSING = 'missing value';
const NO_PATH = `operation missing path field: ${MISSING}`;

/** The operation with its path. `otherwise` is what upstream says of one without. */
function placed(operation: Operation, otherwise: string): Placed {
  const { op, path } = operation;
  if (path === undefined) throw unfitPatch(`${op} operation failed to decode path: ${otherwise}`);
  return { ...operation, path };
}

function add(state: State, { path, value }: Placed): void {
  const place = find(state.document, path);
  if (place === undefined) throw missing('add operation does not apply: doc is missing path: "', path, '"');
  refuseTooDeep(place, value);
  insert(state, place, cloneJson(value ?? null), reason => `error in add for path: '${path}': ${reason}`);
}

function replace(state: State, { path, value }: Placed): void {
  if (path === '') {
    if (!isJsonObject(value) && !Array.isArray(value))
      throw unfitPatch('replace operation value must be object or array: %!w(<nil>)');
    state.document = cloneJson(value as Container);
    return;
  }
  const place = find(state.document, path);
  if (place === undefined) throw missing('replace operation does not apply: doc is missing path: ', path);
  refuseTooDeep(place, value);
  const { container, key } = place;
  // Upstream's library adds a member that is not there, against the RFC; clients rely on what it does.
  if (!Array.isArray(container)) setMember(container, key, cloneJson(value ?? null));
  else
    container[
      position(key, container.length, () =>
        refuse(missing('replace operation does not apply: doc is missing key: ', path)),
      )
    ] = cloneJson(value ?? null);
}

function move(state: State, operation: Operation): void {
  const { from } = operation;
  if (from === undefined)
    throw unfitPatch('move operation failed to decode from: operation, missing from field: missing value');
  const source = find(state.document, from);
  if (source === undefined) throw missing('move operation does not apply: doc is missing from path: ', from);
  const message = (reason: string) => `error in move for path: '${source.key}': ${reason}`;
  const value = get(source, message);
  take(state, source, message);
  const { path } = placed(operation, NO_PATH);
  const place = find(state.document, path);
  if (place === undefined) throw missing('move operation does not apply: doc is missing destination path: ', path);
  insert(state, place, value ?? null, reason => `error in move for path: '${path}': ${reason}`);
}

function copy(state: State, operation: Operation): void {
  const { from } = operation;
  if (from === undefined)
    throw unfitPatch('copy operation failed to decode from: operation, missing from field: missing value');
  const source = find(state.document, from);
  if (source === undefined) throw missing('copy operation does not apply: doc is missing from path: ', from);
  const value = get(source, reason => `error in copy for from: '${from}': ${reason}`);
  const { path } = placed(operation, MISSING);
  const place = find(state.document, path);
  if (place === undefined) throw missing('copy operation does not apply: doc is missing destination path: ', path);
  refuseTooDeep(place, value);
  state.copied += Buffer.byteLength(JSON.stringify(value ?? null));
  if (state.copied > MAX_COPY_BYTES)
    throw unfitPatch(
      `Unable to complete the copy, the accumulated size increase of copy is ${state.copied}, exceeding the limit ${MAX_COPY_BYTES}`,
    );
  insert(state, place, cloneJson(value ?? null), reason => `error while adding value during copy: ${reason}`);
}

function test(state: State, { path, value }: Placed): void {
  const failed = (): GantryError => unfitPatch(`testing value ${path} failed: test failed`);
  if (path === '') {
    if (!sameJson(state.document, value)) throw failed();
    return;
  }
  const place = find(state.document, path);
  if (place === undefined) throw missing('test operation does not apply: is missing path: ', path);
  const found = get(place, reason => `error in test for path: '${path}': ${reason}`);
  if (!sameJson(found ?? null, value ?? null)) throw failed();
}

function remove(state: State, { path }: Placed): void {
  const place = find(state.document, path);
  if (place === undefined) throw missing('remove operation does not apply: doc is missing path: "', path, '"');
  take(state, place, reason => `error in remove for path: '${path}': ${reason}`);
}

interface Place {
  readonly container: Container;
  readonly key: string;
  /** How deep the container is nested, itself counted. */
  readonly depth: number;
}

/**
 * Operations could nest values in each other until nobody can walk the object any more. What is moved is not walked each time, for it may be all of a large
 * object: the whole is looked at in the end.
 */
function refuseTooDeep(place: Place, value: unknown): void {
  if (place.depth + depthOf(value) > MAX_JSON_DEPTH) throw unfitPatch('exceeded max depth');
}

/** The container that a JSON pointer leads to, and the last step; undefined where the way breaks off. */
function find(document: Container, path: string): Place | undefined {
  const steps = path.split('/').map(step => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (steps.length < 2) return undefined;
  let at: Container = document;
  for (const step of steps.slice(1, -1)) {
    const next = read(at, step);
    if (!isJsonObject(next) && !Array.isArray(next)) return undefined;
    at = next;
  }
  return { container: at, key: steps.at(-1) ?? '', depth: steps.length - 1 };
}

/** The value at a place, undefined where there is none. */
function read(container: Container, key: string): unknown {
  if (!Array.isArray(container)) return Object.hasOwn(container, key) ? container[key] : undefined;
  const index = indexOf(key);
  return index === undefined ? undefined : container.at(index);
}

/** The same, but a list must have the index. A member that is not there is undefined. */
function get(place: Place, message: (reason: string) => string): unknown {
  if (!Array.isArray(place.container)) return read(place.container, place.key);
  return place.container[position(place.key, place.container.length, reason => refuse(unfitPatch(message(reason))))];
}

function indexOf(key: string): number | undefined {
  return /^[+-]?\d+$/.test(key) ? Number(key) : undefined;
}

/** The index that a step names in a list, counted from its beginning; `invalid` throws what is wrong with it. */
function position(key: string, length: number, invalid: (reason: string) => never): number {
  const index = indexOf(key);
  if (index === undefined) return invalid(`strconv.Atoi: parsing ${goQuote(key)}: invalid syntax`);
  if (!Number.isSafeInteger(index)) return invalid(`strconv.Atoi: parsing ${goQuote(key)}: value out of range`);
  const found = index < 0 ? index + length : index;
  if (found < 0 || found >= length)
    return invalid(`Unable to access invalid index: ${index}: invalid index referenced`);
  return found;
}

function refuse(error: GantryError): never {
  throw error;
}

function insert(state: State, place: Place, value: unknown, message: (reason: string) => string): void {
  const { container, key } = place;
  if (!Array.isArray(container)) setMember(container, key, value);
  else if (key === '-') container.push(value);
  else {
    const improper = !Number.isSafeInteger(indexOf(key)) ? `value was not a proper array index: '${key}': ` : '';
    // One place more than the list has: behind its end.
    const at = position(key, container.length + 1, reason => refuse(unfitPatch(message(improper + reason))));
    shift(state, container.length - at);
    container.splice(at, 0, value);
  }
}

function take(state: State, { container, key }: Place, message: (reason: string) => string): void {
  if (Array.isArray(container)) {
    const at = position(key, container.length, reason => refuse(unfitPatch(message(reason))));
    shift(state, container.length - at);
    container.splice(at, 1);
  } else if (Object.hasOwn(container, key)) delete container[key];
  else throw unfitPatch(message(`Unable to remove nonexistent key: ${key}: missing value`));
}

/** An element put in or taken out moves all that stand behind it. */
function shift(state: State, elements: number): void {
  state.shifted += elements;
  if (state.shifted > MAX_SHIFTS)
    throw patchTooLarge(`The operations of a JSON patch may shift ${MAX_SHIFTS} list elements, and not more`);
}

function missing(text: string, path: string, end = ''): GantryError {
  return unfitPatch(`${text}${path}${end}: missing value`);
}
