/** A parsed JSON object. */
export type JsonObject = Record<string, unknown>;

/** Levels of nesting that a patch and its result may have; what walks objects later does so by recursion. */
export const MAX_JSON_DEPTH = 1000;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What Go's JSON decoder calls the type of a value that is not null. */
export function jsonTypeName(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** Levels of lists and objects; 0 for anything else. Deep values do not exhaust the stack. */
export function depthOf(value: unknown): number {
  let level = [value].filter(isContainer);
  let depth = 0;
  for (; level.length > 0; depth++) level = level.flatMap(each => Object.values(each)).filter(isContainer);
  return depth;
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Sets a member whatever its name is: an assignment to `__proto__` would set the prototype. */
export function setMember(object: JsonObject, name: string, value: unknown): void {
  if (name === '__proto__')
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  else object[name] = value;
}

/** A copy that shares nothing with the value. */
export function cloneJson<T>(value: T): T {
  if (Array.isArray(value)) return value.map(cloneJson) as T;
  if (!isJsonObject(value)) return value;
  const copy: JsonObject = {};
  for (const name of Object.keys(value)) setMember(copy, name, cloneJson(value[name]));
  return copy as T;
}

/** Whether two values are the same JSON; the order of members does not count. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => sameJson(item, b[index]));
  if (!isJsonObject(a) || !isJsonObject(b)) return a === b;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length && names.every(name => Object.hasOwn(b, name) && sameJson(a[name], b[name]))
  );
}
