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
  return structDefaults(planOf(type, plansOf(defaults)), object) as T;
}

type Fill = (value: never) => object | undefined;

/** What there is to do in a type, found out once: of the fields only those that have a default, or hold something that has. */
interface StructPlan {
  readonly fills: readonly Fill[];
  readonly fields: readonly FieldPlan[];
}

interface FieldPlan {
  readonly name: string;
  /** What is set where nothing is; undefined where the field has no default of its own. */
  readonly default: unknown;
  /** True where a zero value counts as nothing. */
  readonly zeroIsUnset: boolean;
  readonly inner: PartPlan | undefined;
}

type PartPlan =
  | { readonly kind: 'struct'; readonly plan: StructPlan }
  | { readonly kind: 'list'; readonly of: PartPlan }
  | { readonly kind: 'map'; readonly fill: Fill | undefined; readonly of: PartPlan | undefined };

interface Plans {
  readonly defaults: TypeDefaults;
  readonly structs: Map<StructType, StructPlan>;
  /** Whether a type has, or holds anything that has, a default. */
  readonly reach: Map<Type, boolean>;
}

const PLANS = new WeakMap<TypeDefaults, Plans>();

function plansOf(defaults: TypeDefaults): Plans {
  const known = PLANS.get(defaults) ?? { defaults, structs: new Map(), reach: new Map() };
  PLANS.set(defaults, known);
  return known;
}

function planOf(type: StructType, plans: Plans): StructPlan {
  const known = plans.structs.get(type);
  if (known !== undefined) return known;
  const fields: FieldPlan[] = [];
  const plan: StructPlan = { fills: idsOf(type).flatMap(id => plans.defaults.get(id) ?? []), fields };
  // known before its parts are looked at: types may refer to each other in a circle
  plans.structs.set(type, plan);
  for (const [name, field] of type.json) {
    const inner = partOf(field.type, plans);
    if (field.default === undefined && inner === undefined) continue;
    fields.push({ name, default: field.default, zeroIsUnset: !field.pointer, inner });
  }
  return plan;
}

function partOf(type: Type, plans: Plans): PartPlan | undefined {
  if (!hasDefaults(type, plans)) return undefined;
  switch (type.kind) {
    case 'struct':
      return { kind: 'struct', plan: planOf(type, plans) };
    case 'list': {
      const of = partOf(type.of, plans);
      return of && { kind: 'list', of };
    }
    case 'map': {
      const fill = type.id === undefined ? undefined : plans.defaults.get(type.id);
      return { kind: 'map', fill, of: partOf(type.of, plans) };
    }
    case 'scalar':
      return undefined;
  }
}

function hasDefaults(type: Type, plans: Plans): boolean {
  const known = plans.reach.get(type);
  if (known !== undefined) return known;
  // Types may refer to each other in a circle, so this is a search over what can be reached, not a recursion.
  const seen = new Set<Type>([type]);
  for (const each of seen) {
    if (own(each, plans)) {
      plans.reach.set(type, true);
      return true;
    }
    for (const part of parts(each)) seen.add(part);
  }
  plans.reach.set(type, false);
  return false;
}

function own(type: Type, { defaults }: Plans): boolean {
  if (type.kind === 'struct')
    return (
      defaults.has(type.id) ||
      type.fields.some(f => f.default !== undefined || (f.inline && defaults.has((f.type as StructType).id)))
    );
  return type.kind === 'map' && type.id !== undefined && defaults.has(type.id);
}

function parts(type: Type): Type[] {
  if (type.kind === 'struct') return [...type.json.values()].map(field => field.type);
  return type.kind === 'scalar' ? [] : [type.of];
}

function walk(part: PartPlan, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  switch (part.kind) {
    case 'struct':
      return structDefaults(part.plan, value);
    case 'list':
      // an empty list has to stay the one that it is: one that was never given is written as null
      return Array.isArray(value) && value.length > 0 ? value.map(item => walk(part.of, item)) : value;
    case 'map': {
      const filled: object = { ...value, ...part.fill?.(value as never) };
      const { of } = part;
      return of === undefined
        ? filled
        : Object.fromEntries(Object.entries(filled).map(([key, item]) => [key, walk(of, item)]));
    }
  }
}

function structDefaults({ fills, fields }: StructPlan, value: object): object {
  const result: Record<string, unknown> = { ...value };
  for (const fill of fills) Object.assign(result, fill(result as never));
  for (const field of fields) {
    const child = result[field.name];
    const unset = child === undefined || (field.zeroIsUnset && (child === '' || child === 0 || child === false));
    if (unset && field.default !== undefined) result[field.name] = field.default;
    else if (child !== undefined && field.inner !== undefined) result[field.name] = walk(field.inner, child);
  }
  return result;
}

/** A struct and those inlined in it: their defaults apply to the same object. */
function idsOf(type: StructType): string[] {
  return [type.id, ...type.fields.flatMap(f => (f.inline && f.type.kind === 'struct' ? idsOf(f.type) : []))];
}
