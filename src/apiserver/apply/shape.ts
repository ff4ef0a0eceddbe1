import type { ScalarName } from '../../api/schema/scalars.ts';
import { scalarRule } from '../../api/schema/scalars.ts';
import type { Field, StructType, Type } from '../../api/schema/table.ts';

/**
 * What server-side apply has to know of a type: which lists and maps are one value, and how the elements of the others are told apart. All walks here go
 * over plain JSON by such shapes.
 */
export type Shape = ScalarShape | ListShape | MapShape | AnyShape;

export interface ScalarShape {
  readonly kind: 'scalar';
  /** The JSON that it may be; `untyped` is any scalar, such as a quantity. */
  readonly scalar: 'numeric' | 'string' | 'boolean' | 'untyped';
}

export interface ListShape {
  readonly kind: 'list';
  readonly atomic: boolean;
  /** The fields by which elements are known; empty for a set of scalars. */
  readonly keys: readonly string[];
  /** What a key is that an element leaves out. */
  readonly keyDefaults: ReadonlyMap<string, unknown>;
  readonly of: Shape;
}

/** A struct, or a map. */
export interface MapShape {
  readonly kind: 'map';
  readonly atomic: boolean;
  /** The fields of a struct; undefined for a map. */
  readonly fields: ReadonlyMap<string, Shape> | undefined;
  /** The entries of a map; undefined for a struct, which has no other fields. */
  readonly of: Shape | undefined;
}

/** Whatever comes: scalars, lists as one value, and maps, which are one value too where `atomic` says so. */
export interface AnyShape {
  readonly kind: 'any';
  readonly atomic: boolean;
}

export const ANY: AnyShape = { kind: 'any', atomic: false };
/** RawExtension, which is kept as it came. */
const ANY_ATOMIC: AnyShape = { kind: 'any', atomic: true };
const NO_DEFAULTS: ReadonlyMap<string, unknown> = new Map();

const STRUCTS = new WeakMap<StructType, MapShape>();
const GRANULAR = new WeakMap<StructType, MapShape>();

/** The shape of a struct of the table. Made once; the shapes of its fields when somebody first asks. */
export function shapeOf(type: StructType): MapShape {
  return structShape(type, type.structType);
}

function structShape(type: StructType, relation: string | undefined): MapShape {
  const kept = relation === 'atomic' ? STRUCTS : GRANULAR;
  const known = kept.get(type);
  if (known !== undefined) return known;
  let fields: ReadonlyMap<string, Shape> | undefined;
  const shape: MapShape = {
    kind: 'map',
    atomic: relation === 'atomic',
    // types may refer to each other in a circle
    get fields() {
      fields ??= new Map([...type.json.values()].map(field => [field.name, fieldShape(field, type)]));
      return fields;
    },
    of: undefined,
  };
  kept.set(type, shape);
  return shape;
}

function fieldShape(field: Field, holder: StructType): Shape {
  const { type } = field;
  if (holder.id === 'meta/v1.ManagedFieldsEntry' && field.name === 'fieldsV1') return ANY;
  switch (type.kind) {
    case 'struct':
      return structShape(type, field.structType ?? field.mapType ?? type.structType);
    case 'list':
      return listShape(field, type.of);
    case 'map':
      return mapShape(type.of, (field.mapType ?? field.structType) === 'atomic');
    case 'scalar':
      return scalarShape(type.scalar);
  }
}

function typeShape(type: Type): Shape {
  switch (type.kind) {
    case 'struct':
      return shapeOf(type);
    case 'list':
      return { kind: 'list', atomic: true, keys: [], keyDefaults: NO_DEFAULTS, of: typeShape(type.of) };
    case 'map':
      return mapShape(type.of, false);
    case 'scalar':
      return scalarShape(type.scalar);
  }
}

function mapShape(of: Type, atomic: boolean): MapShape {
  return { kind: 'map', atomic, fields: undefined, of: typeShape(of) };
}

/** The list's own marker counts; where there is none, what strategic merge patch is told. */
function listShape(field: Field, of: Type): ListShape {
  const keys = listKeys(field);
  const list = { kind: 'list', atomic: keys === undefined, keys: keys ?? [], of: typeShape(of) } as const;
  return { ...list, keyDefaults: of.kind === 'struct' && keys !== undefined ? keyDefaults(of, keys) : NO_DEFAULTS };
}

/** Undefined for a list that is one value. */
function listKeys({ listType, listMapKeys, patchStrategies, patchMergeKey }: Field): readonly string[] | undefined {
  if (listType === 'map') return listMapKeys;
  if (listType === 'set') return [];
  if (listType !== undefined || !patchStrategies.includes('merge')) return undefined;
  return patchMergeKey === undefined ? [] : [patchMergeKey];
}

/** A key has the default that its marker says, or Go's zero value where its JSON is always written. */
function keyDefaults(of: StructType, keys: readonly string[]): ReadonlyMap<string, unknown> {
  const defaults = new Map<string, unknown>();
  for (const key of keys) {
    const field = of.json.get(key);
    if (field === undefined) continue;
    const isWritten = !field.pointer && !field.omitEmpty && field.type.kind === 'scalar';
    const value = field.default ?? (isWritten ? zeroOf(field.type) : undefined);
    if (value !== undefined) defaults.set(key, value);
  }
  return defaults;
}

function zeroOf(type: Type): unknown {
  return type.kind === 'scalar' ? scalarRule(type.scalar).zero : undefined;
}

const NUMERIC: ScalarShape = { kind: 'scalar', scalar: 'numeric' };
const TEXT: ScalarShape = { kind: 'scalar', scalar: 'string' };
const BOOLEAN: ScalarShape = { kind: 'scalar', scalar: 'boolean' };
const UNTYPED: ScalarShape = { kind: 'scalar', scalar: 'untyped' };

function scalarShape(scalar: ScalarName): Shape {
  switch (scalar) {
    case 'int32':
    case 'int64':
    case 'uint32':
    case 'float64':
      return NUMERIC;
    case 'string':
    case 'bytes':
    case 'Duration':
    case 'DurationOrNanoseconds':
      return TEXT;
    case 'bool':
      return BOOLEAN;
    case 'Quantity':
    case 'IntOrString':
    case 'Time':
    case 'MicroTime':
      return UNTYPED;
    case 'RawJson':
      return ANY_ATOMIC;
    case 'JSONSchemaPropsOrArray':
    case 'JSONSchemaPropsOrBool':
    case 'JSONSchemaPropsOrStringArray':
      return ANY;
  }
}
