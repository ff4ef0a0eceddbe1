import { type FieldRow, type PackageRows, parseNamedRow, parseStructRow } from './rows.ts';
import { isScalarName, type ScalarName } from './scalars.ts';

/**
 * The schema table as walkers see it. Decoding, defaults, encoding, the protobuf codec, OpenAPI and patches all walk
 * these types; a custom resource enters by building the same interfaces from its CRD.
 */
export type Type = StructType | ScalarType | ListType | MapType;

export interface StructType {
  readonly kind: 'struct';
  /** `core/v1.Pod`. */
  readonly id: string;
  /** As Go writes it in messages: `v1.Pod`. */
  readonly goType: string;
  readonly name: string;
  readonly package: PackageRows;
  /** The fields of the Go declaration, in its order; an inlined struct is one field here. */
  readonly fields: readonly Field[];
  /** The fields as JSON has them: inlined structs opened, in the order upstream writes them. */
  readonly json: ReadonlyMap<string, Field>;
  /** `atomic`: server-side apply takes the struct as one value. */
  readonly structType: string | undefined;
}

export interface ScalarType {
  readonly kind: 'scalar';
  readonly scalar: ScalarName;
  /** The named type (`core/v1.RestartPolicy`) where there is one. */
  readonly id: string | undefined;
  readonly enumValues: readonly string[] | undefined;
}

export interface ListType {
  readonly kind: 'list';
  readonly id: string | undefined;
  readonly of: Type;
  /** In protobuf the list is a message with one repeated field. */
  readonly wrapped: boolean;
}

export interface MapType {
  readonly kind: 'map';
  /** The named type (`core/v1.ResourceList`) where there is one. */
  readonly id: string | undefined;
  readonly of: Type;
}

export interface Field {
  /** JSON name; `.` for an inlined struct. */
  readonly name: string;
  readonly inline: boolean;
  readonly type: Type;
  readonly pointer: boolean;
  /** Protobuf field number, 0 where upstream has none. */
  readonly proto: number;
  readonly omitEmpty: boolean;
  readonly omitZero: boolean;
  readonly optional: boolean;
  readonly required: boolean;
  readonly discriminator: boolean;
  readonly patchStrategies: readonly string[];
  readonly patchMergeKey: string | undefined;
  readonly listType: string | undefined;
  readonly listMapKeys: readonly string[];
  readonly mapType: string | undefined;
  readonly structType: string | undefined;
  /** The value of a `+default` marker. */
  readonly default: unknown;
}

/** A table over some packages. Types are parsed when first asked for and kept. */
export class SchemaTable {
  readonly #packages: Map<string, PackageRows>;
  readonly #types = new Map<string, Type>();

  constructor(packages: readonly PackageRows[]) {
    this.#packages = new Map(packages.map(rows => [rows.id, rows]));
  }

  /** Adds a package; nothing happens where it is there. */
  add(rows: PackageRows): void {
    if (!this.#packages.has(rows.id)) this.#packages.set(rows.id, rows);
  }

  has(packageId: string): boolean {
    return this.#packages.has(packageId);
  }

  /** The type of an id such as `core/v1.Pod`. Throws on an id that is not in the table. */
  type(id: string): Type {
    const known = this.#types.get(id);
    if (known !== undefined) return known;
    const dot = id.lastIndexOf('.');
    const rows = this.#packages.get(id.slice(0, dot));
    const text = rows?.types[id.slice(dot + 1)];
    if (rows === undefined || text === undefined) throw new Error(`type ${id} is not in the schema table`);
    const type = text.startsWith('=') ? this.#named(rows, id, text) : this.#struct(rows, id, text);
    this.#types.set(id, type);
    return type;
  }

  /** The struct of an id. Throws where the id is no struct. */
  struct(id: string): StructType {
    const type = this.type(id);
    if (type.kind !== 'struct') throw new Error(`type ${id} is no struct`);
    return type;
  }

  /** The ids of every type, in the order of packages and names. */
  ids(): string[] {
    return [...this.#packages.values()].flatMap(rows => Object.keys(rows.types).map(name => `${rows.id}.${name}`));
  }

  #named(rows: PackageRows, id: string, text: string): Type {
    const row = parseNamedRow(text);
    const base = this.#parse(rows, row.type);
    if (base.kind === 'scalar') return { ...base, id, enumValues: row.enumValues };
    if (base.kind === 'list') return { ...base, id, wrapped: row.wrapped };
    return base.kind === 'struct' ? base : { ...base, id };
  }

  #struct(rows: PackageRows, id: string, text: string): StructType {
    const row = parseStructRow(text);
    const fields = row.fields.map(field => new TableField(field, () => this.#parse(rows, field.type)));
    const name = id.slice(id.lastIndexOf('.') + 1);
    let json: ReadonlyMap<string, Field> | undefined;
    return {
      kind: 'struct',
      id,
      goType: `${rows.id.slice(rows.id.lastIndexOf('/') + 1)}.${name}`,
      name,
      package: rows,
      fields,
      get json() {
        json ??= new Map(jsonFields(fields));
        return json;
      },
      structType: row.structType,
    };
  }

  #parse(rows: PackageRows, text: string): Type {
    if (text.startsWith('*')) return this.#parse(rows, text.slice(1));
    if (text.startsWith('[]'))
      return { kind: 'list', id: undefined, of: this.#parse(rows, text.slice(2)), wrapped: false };
    if (text.startsWith('{}')) return { kind: 'map', id: undefined, of: this.#parse(rows, text.slice(2)) };
    const scalar = text.startsWith('$') ? text.slice(1) : text;
    if (isScalarName(scalar)) return { kind: 'scalar', scalar, id: undefined, enumValues: undefined };
    return this.type(text.includes('.') ? text : `${rows.id}.${text}`);
  }
}

function* jsonFields(fields: readonly Field[]): Generator<[string, Field]> {
  for (const field of fields) {
    if (field.inline && field.type.kind === 'struct') yield* field.type.json;
    else yield [field.name, field];
  }
}

/** A field whose type is looked up on first use, so that types may refer to each other in a circle. */
class TableField implements Field {
  readonly name: string;
  readonly inline: boolean;
  readonly pointer: boolean;
  readonly proto: number;
  readonly omitEmpty: boolean;
  readonly omitZero: boolean;
  readonly optional: boolean;
  readonly required: boolean;
  readonly discriminator: boolean;
  readonly #attributes: ReadonlyMap<string, string>;
  readonly #parse: () => Type;
  #type: Type | undefined;

  constructor(row: FieldRow, parse: () => Type) {
    this.name = row.name;
    this.inline = row.inline;
    this.pointer = row.pointer;
    this.proto = row.proto;
    this.omitEmpty = row.flags.includes('o');
    this.omitZero = row.flags.includes('z');
    this.optional = row.flags.includes('?');
    this.required = row.flags.includes('!');
    this.discriminator = row.flags.includes('u');
    this.#attributes = row.attributes;
    this.#parse = parse;
  }

  get type(): Type {
    this.#type ??= this.#parse();
    return this.#type;
  }
  get patchStrategies(): readonly string[] {
    return this.#attributes.get('p')?.split(',') ?? [];
  }
  get patchMergeKey(): string | undefined {
    return this.#attributes.get('k');
  }
  get listType(): string | undefined {
    return this.#attributes.get('l');
  }
  get listMapKeys(): readonly string[] {
    return this.#attributes.get('K')?.split(',') ?? [];
  }
  get mapType(): string | undefined {
    return this.#attributes.get('m');
  }
  get structType(): string | undefined {
    return this.#attributes.get('s');
  }
  get default(): unknown {
    const text = this.#attributes.get('d');
    return text === undefined ? undefined : JSON.parse(text);
  }
}

/**
 * True for a field that a decoded object always holds, with Go's zero value where the source left it out: what Go writes
 * even when it is empty. scripts/gen-api makes exactly the other fields optional in TypeScript.
 */
export function isAlwaysPresent(field: Field): boolean {
  if (field.pointer || field.omitZero) return false;
  if (field.type.kind === 'struct') return true;
  if (field.type.kind === 'scalar') {
    switch (field.type.scalar) {
      case 'Time':
      case 'MicroTime':
      case 'RawJson':
      case 'JSONSchemaPropsOrArray':
      case 'JSONSchemaPropsOrBool':
      case 'JSONSchemaPropsOrStringArray':
        return false;
      case 'Quantity':
      case 'IntOrString':
      case 'Duration':
      case 'DurationOrNanoseconds':
        return true;
    }
  }
  return !field.omitEmpty;
}

const GO_SCALARS: Partial<Record<ScalarName, string>> = {
  bytes: '[]uint8',
  Quantity: 'resource.Quantity',
  IntOrString: 'intstr.IntOrString',
  Time: 'v1.Time',
  MicroTime: 'v1.MicroTime',
  Duration: 'v1.Duration',
};

/** `v1.PullPolicy` of `core/v1.PullPolicy`. */
function goName(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1);
}

/** The type as Go names it in its messages: `int32`, `[]v1.Container`, `map[string]string`. */
export function goTypeName(type: Type): string {
  switch (type.kind) {
    case 'struct':
      return type.goType;
    case 'list':
      return type.id === undefined ? `[]${goTypeName(type.of)}` : goName(type.id);
    case 'map':
      return type.id === undefined ? `map[string]${goTypeName(type.of)}` : goName(type.id);
    case 'scalar':
      return type.id === undefined ? (GO_SCALARS[type.scalar] ?? type.scalar) : goName(type.id);
  }
}
