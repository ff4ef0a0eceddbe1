import { goQuote } from '../../go-quote.ts';
import { RawText } from '../../raw-text.ts';
import { isRawJson, type ScalarName, type ScalarRule, scalarRule } from '../../schema/scalars.ts';
import { type Field, goTypeName, type ScalarType, type StructType, type Type } from '../../schema/table.ts';
import { alwaysPresent, zeroOf } from '../../schema/zero.ts';
import { tooManyElementsError } from '../max-elements.ts';
import { pathText } from './find-places.ts';

/** What a walk finds and where it is. One is made per object. */
export class Visit {
  readonly root: StructType;
  /** Names met, in typed and in free parts. */
  names = 0;
  /** Elements of lists and maps that may still come. */
  #left: number;
  /** The path so far; only the first `depth` entries count. */
  readonly path: (string | number)[] = [];
  depth = 0;
  /** Paths of unknown fields, at most 100 as upstream collects them. */
  readonly unknown: string[] = [];
  /** The first value of a wrong type. */
  error: string | undefined;
  /** The struct that holds the value and its fields without indexes, for Go's messages. */
  holder: StructType | undefined;
  /** Levels that what is kept may have, itself counted. */
  readonly maxDepth: number;
  readonly #fractions: ReadonlyMap<string, string>;

  constructor(
    root: StructType,
    fractions: ReadonlyMap<string, string>,
    limits: { readonly maxElements: number; readonly maxDepth: number },
  ) {
    this.root = root;
    this.#fractions = fractions;
    this.#left = limits.maxElements;
    this.maxDepth = limits.maxDepth;
  }

  /** Why the place is refused below which the object is too deep. */
  tooDeep(): string {
    return `an object is kept down to ${this.maxDepth} levels of nesting, ${goQuote(pathText(this.path.slice(0, Math.min(this.depth, 20))))} goes deeper`;
  }

  /** Throws 413 where a list or map has more elements than may come. */
  count(elements: number): void {
    this.#left -= elements;
    if (this.#left < 0) throw tooManyElementsError();
  }

  /** The fields on the way, with Go's names of embedded structs, and without indexes and map keys. */
  goPath(): string {
    const steps: string[] = [];
    let at: Type | undefined = this.root;
    for (const step of this.path.slice(0, this.depth)) {
      if (at?.kind === 'struct') {
        steps.push(...embedded(at, String(step)), String(step));
        at = at.json.get(String(step))?.type;
      } else at = at?.kind === 'list' || at?.kind === 'map' ? at.of : undefined;
    }
    return steps.join('.');
  }

  where(): string {
    return pathText(this.path.slice(0, this.depth));
  }

  /** The digits of a number that is not written as an integer. */
  source(): string | undefined {
    return this.#fractions.size === 0 ? undefined : this.#fractions.get(this.where());
  }
}

/** The names of the embedded structs that a field is reached through. */
function embedded(type: StructType, name: string): string[] {
  for (const field of type.fields)
    if (field.inline && field.type.kind === 'struct' && field.type.json.has(name))
      return [field.type.name, ...embedded(field.type, name)];
  return [];
}

const MAX_UNKNOWN = 100;

/** Thrown where upstream's decoder of a scalar gives up at once; it is caught in decode-json.ts. */
export class ScalarRefusal extends Error {}

type Decode = (visit: Visit, value: unknown) => unknown;

const DECODERS = new WeakMap<StructType, Decode>();

/** The decoder of a struct, made on first use: parsed JSON in, the object of the table out. */
export function structDecoder(type: StructType): Decode {
  const known = DECODERS.get(type);
  if (known !== undefined) return known;
  let fields: ReadonlyMap<string, Decode> | undefined;
  let always: readonly Field[] = [];
  const decode: Decode = (visit, value) => {
    if (fields === undefined) {
      fields = new Map([...type.json.values()].map(field => [field.name, decoder(field.type)]));
      always = alwaysPresent(type);
    }
    const object: Record<string, unknown> = {};
    if (isObject(value)) {
      const outer = visit.holder;
      const at = visit.depth++;
      if (visit.depth > visit.maxDepth) throw new ScalarRefusal(visit.tooDeep());
      for (const name of Object.keys(value)) {
        visit.names++;
        visit.path[at] = name;
        const field = fields.get(name);
        const child = (value as Readonly<Record<string, unknown>>)[name];
        if (field === undefined) unknownField(visit, child);
        else if (child !== null) {
          visit.holder = type;
          object[name] = field(visit, child);
        }
      }
      visit.depth = at;
      visit.holder = outer;
    } else wrongType(visit, type, value);
    for (const { name, type: missing } of always) if (object[name] === undefined) object[name] = zeroOf(missing);
    return object;
  };
  DECODERS.set(type, decode);
  return decode;
}

function decoder(type: Type): Decode {
  switch (type.kind) {
    case 'struct':
      return structDecoder(type);
    case 'list': {
      const item = decoder(type.of);
      const zero = type.of;
      return (visit, value) => {
        if (!Array.isArray(value)) return wrongType(visit, type, value);
        visit.count(value.length);
        const at = visit.depth++;
        const list = value.map((each: unknown, index) => {
          visit.path[at] = index;
          return each === null ? zeroOf(zero) : item(visit, each);
        });
        visit.depth = at;
        return list;
      };
    }
    case 'map': {
      const item = decoder(type.of);
      const zero = type.of;
      return (visit, value) => {
        if (!isObject(value)) return wrongType(visit, type, value);
        const at = visit.depth++;
        const map: Record<string, unknown> = {};
        const names = Object.keys(value);
        visit.count(names.length);
        for (const name of names) {
          visit.names++;
          visit.path[at] = name;
          const child = (value as Readonly<Record<string, unknown>>)[name];
          const decoded = child === null ? (zeroOf(zero) ?? null) : item(visit, child);
          // An assignment would set the prototype.
          if (name === '__proto__')
            Object.defineProperty(map, name, { value: decoded, enumerable: true, configurable: true, writable: true });
          else map[name] = decoded;
        }
        visit.depth = at;
        return map;
      };
    }
    case 'scalar':
      return scalarDecoder(type);
  }
}

function scalarDecoder(type: ScalarType): Decode {
  const rule = scalarRule(type.scalar);
  if (isRawJson(type.scalar))
    return (visit, value) => {
      // what was stored once
      if (value instanceof RawText) return value;
      const { names, depth } = measure(value);
      visit.names += names;
      if (visit.depth + depth > visit.maxDepth) throw new ScalarRefusal(visit.tooDeep());
      return value;
    };
  switch (type.scalar) {
    case 'string':
      return (visit, value) => (typeof value === 'string' ? value : wrongType(visit, type, value));
    case 'bool':
      return (visit, value) => (typeof value === 'boolean' ? value : wrongType(visit, type, value));
  }
  // Types that read themselves end the decoding at once, other mistakes are told only when all is read: the first one then.
  const refuse: Decode = READ_THEMSELVES.has(type.scalar)
    ? (visit, value) => {
        throw new ScalarRefusal(typeError(visit, type, value));
      }
    : (visit, value) => wrongType(visit, type, value);
  return (visit, value) => {
    // Upstream parses whatever JSON stands there as a quantity.
    if (type.scalar === 'Quantity' && (typeof value === 'object' || typeof value === 'boolean'))
      throw new ScalarRefusal(refusalOf(rule, isContainer(value) ? '{}' : String(value)));
    if (typeof value === 'object' || value === undefined) return refuse(visit, value);
    const scalar = value as string | number | boolean;
    const accepted = rule.accept(scalar, typeof value === 'number' ? visit.source() : undefined);
    if ('value' in accepted) return accepted.value;
    if (accepted.refused !== 'type' && accepted.refused !== 'integer') throw new ScalarRefusal(accepted.refused);
    return refuse(visit, value);
  };
}

function refusalOf(rule: ScalarRule, text: string): string {
  const accepted = rule.accept(text, undefined);
  return 'refused' in accepted ? accepted.refused : '';
}

function unknownField(visit: Visit, value: unknown): void {
  if (visit.unknown.length < MAX_UNKNOWN) {
    const path = visit.where();
    if (!visit.unknown.includes(path)) visit.unknown.push(path);
  }
  visit.names += measure(value).names;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a part holds that the table does not describe. Without recursion: it may be nested deeper than the stack holds. */
export function measure(value: unknown): { readonly names: number; readonly depth: number } {
  let names = 0;
  let depth = 0;
  let level = isContainer(value) ? [value] : [];
  for (; level.length > 0; depth++) {
    const next: object[] = [];
    for (const container of level) {
      const children: readonly unknown[] = Array.isArray(container) ? container : Object.values(container);
      if (!Array.isArray(container)) names += children.length;
      for (const child of children) if (isContainer(child)) next.push(child);
    }
    level = next;
  }
  return { names, depth };
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Notes Go's message for the first value of a wrong type. What the walk makes from here on is thrown away; its end is still looked at. */
function wrongType(visit: Visit, type: Type, value: unknown): unknown {
  visit.error ??= typeError(visit, type, value);
  return undefined;
}

function typeError(visit: Visit, type: Type, value: unknown): string {
  const where = visit.holder === undefined ? 'value' : `struct field ${visit.holder.name}.${visit.goPath()}`;
  return `json: cannot unmarshal ${found(visit, type, value)} into Go ${where} of type ${readAs(type)}`;
}

function found(visit: Visit, type: Type, value: unknown): string {
  if (Array.isArray(value)) return 'array';
  switch (typeof value) {
    case 'number':
      return type.kind === 'scalar' && INTEGERS.has(type.scalar) ? `number ${visit.source() ?? value}` : 'number';
    case 'boolean':
      return 'bool';
    case 'string':
      return 'string';
    default:
      return 'object';
  }
}

const READ_THEMSELVES: ReadonlySet<ScalarName> = new Set(['Time', 'MicroTime', 'Duration', 'IntOrString', 'Quantity']);

const INTEGERS: ReadonlySet<ScalarName> = new Set(['int32', 'int64', 'uint32', 'IntOrString']);

/** The Go type that upstream decodes into: those with a decoder of their own go through another. */
function readAs(type: Type): string {
  if (type.kind !== 'scalar') return goTypeName(type);
  switch (type.scalar) {
    case 'Time':
    case 'MicroTime':
    case 'Duration':
      return 'string';
    case 'IntOrString':
      return 'int32';
    default:
      return goTypeName(type);
  }
}
