import type { GantryError } from '../../base/errors.ts';
import { cloneJson, isJsonObject, type JsonObject, sameJson, setMember } from './json-value.ts';
import { badPatch, patchTooLarge, unfitPatch } from './patch-error.ts';

/** Operations of one patch. */
export const MAX_OPERATIONS = 10_000;
/** Bytes that the copies of one patch may add, as JSON: 3 MiB. */
export const MAX_COPY_BYTES = 3 * 1024 * 1024;

type Container = JsonObject | unknown[];

/**
 * RFC 6902: the object after the operations, in the reading of upstream's library (indexes below zero count from the
 * end). The object given is not changed. Throws `invalid-argument` on what is no patch, `resource-exhausted` on too many
 * operations, `failed-precondition` where an operation does not fit, all in upstream's words.
 */
export function applyJsonPatch(object: JsonObject, patch: unknown): JsonObject {
  const operations = decode(patch);
  const state: State = { document: cloneJson(object), copied: 0 };
  for (const operation of operations) apply(state, operation);
  return state.document as JsonObject;
}

interface State {
  document: Container;
  copied: number;
}

interface Operation {
  readonly op: unknown;
  readonly path: string;
  readonly from: string | undefined;
  /** Undefined where the operation has none. */
  readonly value: unknown;
}

function decode(patch: unknown): Operation[] {
  if (!Array.isArray(patch))
    throw badPatch(
      `json: cannot unmarshal ${isJsonObject(patch) ? 'object' : typeof patch} into Go value of type jsonpatch.Patch`,
    );
  if (patch.length > MAX_OPERATIONS)
    throw patchTooLarge(`The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${patch.length}`);
  return patch.map((operation: unknown) => {
    if (!isJsonObject(operation))
      throw badPatch('json: cannot unmarshal a value into Go value of type jsonpatch.Operation');
    const { op, path, from, value } = operation;
    if (typeof path !== 'string') throw unfitPatch('operation missing path field: missing value');
    return { op, path, from: typeof from === 'string' ? from : undefined, value };
  });
}

function apply(state: State, operation: Operation): void {
  switch (operation.op) {
    case 'add':
      add(state, operation);
      return;
    case 'remove':
      remove(state, operation);
      return;
    case 'replace':
      replace(state, operation);
      return;
    case 'move':
      move(state, operation);
      return;
    case 'copy':
      copy(state, operation);
      return;
    case 'test':
      test(state, operation);
      return;
    default:
      throw unfitPatch(`Unexpected kind: ${typeof operation.op === 'string' ? operation.op : 'unknown'}`);
  }
}

function add(state: State, { path, value }: Operation): void {
  const place = find(state.document, path);
  if (place === undefined) throw missing('add operation does not apply: doc is missing path: "', path, '"');
  insert(place, cloneJson(value ?? null), reason => `error in add for path: '${path}': ${reason}`);
}

function replace(state: State, { path, value }: Operation): void {
  if (path === '') {
    if (!isJsonObject(value) && !Array.isArray(value))
      throw unfitPatch('replace operation value must be object or array');
    state.document = cloneJson(value as Container);
    return;
  }
  const place = find(state.document, path);
  if (place === undefined) throw missing('replace operation does not apply: doc is missing path: ', path);
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

function move(state: State, { path, from }: Operation): void {
  if (from === undefined)
    throw unfitPatch('move operation failed to decode from: operation, missing from field: missing value');
  const source = find(state.document, from);
  if (source === undefined) throw missing('move operation does not apply: doc is missing from path: ', from);
  const message = (reason: string) => `error in move for path: '${source.key}': ${reason}`;
  const value = get(source, message);
  take(source, message);
  const place = find(state.document, path);
  if (place === undefined) throw missing('move operation does not apply: doc is missing destination path: ', path);
  insert(place, value ?? null, reason => `error in move for path: '${path}': ${reason}`);
}

function copy(state: State, { path, from }: Operation): void {
  if (from === undefined)
    throw unfitPatch('copy operation failed to decode from: operation, missing from field: missing value');
  const source = find(state.document, from);
  if (source === undefined) throw missing('copy operation does not apply: doc is missing from path: ', from);
  const value = get(source, reason => `error in copy for from: '${from}': ${reason}`);
  const place = find(state.document, path);
  if (place === undefined) throw missing('copy operation does not apply: doc is missing destination path: ', path);
  state.copied += Buffer.byteLength(JSON.stringify(value ?? null));
  if (state.copied > MAX_COPY_BYTES)
    throw unfitPatch(
      `Unable to complete the copy, the accumulated size increase of copy is ${state.copied}, exceeding the limit ${MAX_COPY_BYTES}`,
    );
  insert(place, cloneJson(value ?? null), reason => `error while adding value during copy: ${reason}`);
}

function test(state: State, { path, value }: Operation): void {
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

function remove(state: State, { path }: Operation): void {
  const place = find(state.document, path);
  if (place === undefined) throw missing('remove operation does not apply: doc is missing path: "', path, '"');
  take(place, reason => `error in remove for path: '${path}': ${reason}`);
}

interface Place {
  readonly container: Container;
  readonly key: string;
}

/** The container that a JSON pointer leads to, and the last step; undefined where the way breaks off. */
function find(document: Container, path: string): Place | undefined {
  const steps = path.split('/').map(step => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (steps.length < 2) return undefined;
  let at: Container = document;
  for (const step of steps.slice(1, -1)) {
    const next = read({ container: at, key: step });
    if (!isJsonObject(next) && !Array.isArray(next)) return undefined;
    at = next;
  }
  return { container: at, key: steps.at(-1) ?? '' };
}

/** The value at a place, undefined where there is none. */
function read({ container, key }: Place): unknown {
  if (!Array.isArray(container)) return Object.hasOwn(container, key) ? container[key] : undefined;
  const index = indexOf(key);
  return index === undefined ? undefined : container.at(index);
}

/** The same, but a list must have the index. A member that is not there is undefined. */
function get(place: Place, message: (reason: string) => string): unknown {
  if (!Array.isArray(place.container)) return read(place);
  return place.container[position(place.key, place.container.length, reason => refuse(unfitPatch(message(reason))))];
}

function indexOf(key: string): number | undefined {
  return /^[+-]?\d+$/.test(key) ? Number(key) : undefined;
}

/** The index that a step names in a list, counted from its beginning; `invalid` throws what is wrong with it. */
function position(key: string, length: number, invalid: (reason: string) => never): number {
  const index = indexOf(key);
  if (index === undefined) return invalid(`strconv.Atoi: parsing ${JSON.stringify(key)}: invalid syntax`);
  const found = index < 0 ? index + length : index;
  if (found < 0 || found >= length)
    return invalid(`Unable to access invalid index: ${index}: invalid index referenced`);
  return found;
}

function refuse(error: GantryError): never {
  throw error;
}

function insert({ container, key }: Place, value: unknown, message: (reason: string) => string): void {
  if (!Array.isArray(container)) setMember(container, key, value);
  else if (key === '-') container.push(value);
  else {
    const improper = indexOf(key) === undefined ? `value was not a proper array index: '${key}': ` : '';
    // One place more than the list has: behind its end.
    const at = position(key, container.length + 1, reason => refuse(unfitPatch(message(improper + reason))));
    container.splice(at, 0, value);
  }
}

function take({ container, key }: Place, message: (reason: string) => string): void {
  if (Array.isArray(container))
    container.splice(
      position(key, container.length, reason => refuse(unfitPatch(message(reason)))),
      1,
    );
  else if (Object.hasOwn(container, key)) delete container[key];
  else throw unfitPatch(message(`Unable to remove nonexistent key: ${key}: missing value`));
}

function missing(text: string, path: string, end = ''): GantryError {
  return unfitPatch(`${text}${path}${end}: missing value`);
}
