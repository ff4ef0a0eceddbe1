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
      remove(state, operation.path, 'remove operation does not apply: doc is missing path', true);
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
  if (read(place) === undefined) throw missing('replace operation does not apply: doc is missing key: ', path);
  const { container, key } = place;
  if (Array.isArray(container)) container[position(key, container.length, fail) ?? 0] = cloneJson(value ?? null);
  else setMember(container, key, cloneJson(value ?? null));
}

function move(state: State, { path, from }: Operation): void {
  if (from === undefined)
    throw unfitPatch('move operation failed to decode from: operation, missing from field: missing value');
  const source = find(state.document, from);
  if (source === undefined) throw missing('move operation does not apply: doc is missing from path: ', from);
  const value = read(source);
  remove(state, from, 'move operation does not apply: doc is missing from path', false);
  const place = find(state.document, path);
  if (place === undefined) throw missing('move operation does not apply: doc is missing destination path: ', path);
  insert(place, value ?? null, reason => `error in move for path: '${path}': ${reason}`);
}

function copy(state: State, { path, from }: Operation): void {
  if (from === undefined)
    throw unfitPatch('copy operation failed to decode from: operation, missing from field: missing value');
  const source = find(state.document, from);
  if (source === undefined) throw missing('copy operation does not apply: doc is missing from path: ', from);
  const value = read(source);
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
  if (!sameJson(read(place) ?? null, value ?? null)) throw failed();
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
  const index = position(key, container.length);
  return index === undefined ? undefined : container[index];
}

/** The index that a step names in a list; `invalid` says what is wrong with it, else it is undefined. */
function position(key: string, length: number, invalid?: (reason: string) => never): number | undefined {
  if (!/^[+-]?\d+$/.test(key)) return invalid?.(`value was not a proper array index: '${key}'`);
  const index = Number(key);
  const found = index < 0 ? index + length : index;
  if (found < 0 || found >= length)
    return invalid?.(`Unable to access invalid index: ${index}: invalid index referenced`);
  return found;
}

function fail(reason: string): never {
  throw unfitPatch(reason);
}

function insert({ container, key }: Place, value: unknown, message: (reason: string) => string): void {
  if (!Array.isArray(container)) setMember(container, key, value);
  else if (key === '-') container.push(value);
  // One place more than the list has: behind its end.
  else container.splice(position(key, container.length + 1, reason => fail(message(reason))) ?? 0, 0, value);
}

function remove(state: State, path: string, absent: string, quoted: boolean): void {
  const place = find(state.document, path);
  const mark = quoted ? '"' : '';
  if (place === undefined) throw missing(`${absent}: ${mark}`, path, mark);
  const { container, key } = place;
  const message = (reason: string) => `error in remove for path: '${path}': ${reason}`;
  if (Array.isArray(container))
    container.splice(position(key, container.length, reason => fail(message(reason))) ?? 0, 1);
  else if (Object.hasOwn(container, key)) delete container[key];
  else throw unfitPatch(message(`Unable to remove nonexistent key: ${key}: missing value`));
}

function missing(text: string, path: string, end = ''): GantryError {
  return unfitPatch(`${text}${path}${end}: missing value`);
}
