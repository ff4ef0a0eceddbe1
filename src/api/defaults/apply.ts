import type { StructType, Type } from '../schema/table.ts';

/** For a type id, what to set in a value of it: only the fields to set or replace. */
export type TypeDefaults = ReadonlyMap<string, (value: never) => object | undefined>;

/** One entry of TypeDefaults, with the type's fields checked. */
export function defaultsOf<T extends object>(
  typeId: string,
  fill: (value: T) => Partial<T> | undefined,
): readonly [string, (value: never) => object | undefined] {
  return [typeId, fill];
}

/**
 * Walks an object by the table and fills in defaults: for every struct or named map first the function of its type, then
 * the `+default` markers of its fields, then its parts; the order in which upstream's generated code goes. Returns a new
 * object where something was filled in, the same object where nothing was.
 */
export function applyDefaults<T extends object>(type: StructType, object: T, defaults: TypeDefaults): T {
  return structDefaults(type, object, { defaults, reach: reachOf(defaults) }) as T;
}

interface Context {
  readonly defaults: TypeDefaults;
  /** Whether a type has, or holds anything that has, a default. */
  readonly reach: Map<Type, boolean>;
}

const REACH = new WeakMap<TypeDefaults, Map<Type, boolean>>();

function reachOf(defaults: TypeDefaults): Map<Type, boolean> {
  const known = REACH.get(defaults) ?? new Map<Type, boolean>();
  REACH.set(defaults, known);
  return known;
}

function hasDefaults(type: Type, context: Context): boolean {
  const known = context.reach.get(type);
  if (known !== undefined) return known;
  // Types may refer to each other in a circle, so this is a search over what can be reached, not a recursion.
  const seen = new Set<Type>([type]);
  for (const each of seen) {
    if (own(each, context)) {
      context.reach.set(type, true);
      return true;
    }
    for (const part of parts(each)) seen.add(part);
  }
  context.reach.set(type, false);
  return false;
}

function own(type: Type, context: Context): boolean {
  if (type.kind === 'struct')
    return (
      context.defaults.has(type.id) ||
      type.fields.some(f => f.default !== undefined || (f.inline && context.defaults.has((f.type as StructType).id)))
    );
  return type.kind === 'map' && type.id !== undefined && context.defaults.has(type.id);
}

function parts(type: Type): Type[] {
  if (type.kind === 'struct') return [...type.json.values()].map(field => field.type);
  return type.kind === 'scalar' ? [] : [type.of];
}

function walk(type: Type, value: unknown, context: Context): unknown {
  if (typeof value !== 'object' || value === null || !hasDefaults(type, context)) return value;
  switch (type.kind) {
    case 'struct':
      return structDefaults(type, value, context);
    case 'list':
      return Array.isArray(value) ? value.map(item => walk(type.of, item, context)) : value;
    case 'map': {
      const fill = type.id === undefined ? undefined : context.defaults.get(type.id);
      const filled: object = { ...value, ...fill?.(value as never) };
      return Object.fromEntries(Object.entries(filled).map(([key, item]) => [key, walk(type.of, item, context)]));
    }
    case 'scalar':
      return value;
  }
}

function structDefaults(type: StructType, value: object, context: Context): object {
  const result: Record<string, unknown> = { ...value };
  for (const id of idsOf(type)) Object.assign(result, context.defaults.get(id)?.(result as never));
  for (const [name, field] of type.json) {
    const child = result[name];
    const unset = child === undefined || (!field.pointer && (child === '' || child === 0 || child === false));
    if (unset && field.default !== undefined) result[name] = field.default;
    else if (child !== undefined) result[name] = walk(field.type, child, context);
  }
  return result;
}

/** A struct and those inlined in it: their defaults apply to the same object. */
function idsOf(type: StructType): string[] {
  return [type.id, ...type.fields.flatMap(f => (f.inline && f.type.kind === 'struct' ? idsOf(f.type) : []))];
}
