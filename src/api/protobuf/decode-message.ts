import { invalidArgument } from '../../base/errors.ts';
import { tooManyElementsError } from '../decode/max-elements.ts';
import { type ScalarName, scalarRule } from '../schema/scalars.ts';
import { type Field, isAlwaysPresent, type MapType, type StructType, type Type } from '../schema/table.ts';
import { zeroOf } from '../schema/zero.ts';
import { Reader, WIRE } from './reader.ts';
import { schemaUnionReader } from './schema-unions.ts';
import { MESSAGE_SCALARS } from './well-known.ts';

type Fields = Record<string, unknown>;
type FieldReader = (reader: Reader, object: Fields) => void;
/** Reads one value, its tag being read. */
interface ValueReader {
  readonly wire: number;
  readonly read: (reader: Reader) => unknown;
}

interface MessageReader {
  readonly fields: readonly (readonly [number, FieldReader])[];
  /** What Go always holds, and may not be on the wire. */
  readonly always: readonly { readonly name: string; readonly type: Type }[];
}

/** Only the schema of a CRD refers to itself; nothing else can be nested deeper than its type. */
const MAX_DEPTH = 1000;

const READERS = new WeakMap<StructType, (reader: Reader, object: Fields) => void>();
let depth = 0;
/** Elements of lists and maps that may still come. */
let elementsLeft = 0;

/**
 * The object of a protobuf message, in the form that decoding its JSON gives: what Go's encoder would leave out of JSON
 * is absent, what it always writes is there, quantities and times are canonical. Fields that the table does not know are
 * passed over, as upstream does. Throws `invalid-argument` on bytes that are no such message, 413 where its lists and maps have more than
 * `maxElements` elements together.
 */
export function decodeMessage(
  type: StructType,
  bytes: Buffer,
  maxElements = Number.POSITIVE_INFINITY,
): Record<string, unknown> {
  const object: Fields = {};
  depth = 0;
  elementsLeft = maxElements;
  messageReader(type)(new Reader(bytes), object);
  return object;
}

/** Reads the fields of a message to its end into an object. */
export function messageReader(type: StructType): (reader: Reader, object: Fields) => void {
  const known = READERS.get(type);
  if (known !== undefined) return known;
  let table: (FieldReader | undefined)[] | undefined;
  let always: MessageReader['always'] = [];
  const read = (reader: Reader, object: Fields): void => {
    if (table === undefined) {
      const made = readerOf(type);
      table = [];
      for (const [tag, field] of made.fields) table[tag] = field;
      always = made.always;
    }
    if (++depth > MAX_DEPTH) throw invalidArgument(`the message is nested deeper than ${MAX_DEPTH}`);
    while (reader.at < reader.end) {
      const tag = reader.unsigned();
      const field = table[tag];
      if (field !== undefined) field(reader, object);
      else skipUnknown(reader, tag, type);
    }
    depth--;
    for (const { name, type: missing } of always) if (object[name] === undefined) object[name] = zeroOf(missing);
  };
  READERS.set(type, read);
  return read;
}

function countElement(): void {
  if (--elementsLeft < 0) throw tooManyElementsError();
}

function skipUnknown(reader: Reader, tag: number, type: StructType): void {
  const wire = tag & 7;
  const proto = Math.floor(tag / 8);
  if (wire === WIRE.endGroup) throw invalidArgument(`proto: ${type.name}: wiretype end group for non-group`);
  if (proto <= 0) throw invalidArgument(`proto: ${type.name}: illegal tag ${proto} (wire type ${wire})`);
  const field = type.fields.find(f => f.proto === proto);
  if (field !== undefined) throw invalidArgument(`proto: wrong wireType = ${wire} for field ${field.name}`);
  reader.skip(wire);
}

function readerOf(type: StructType): MessageReader {
  return {
    fields: type.fields.filter(field => field.proto > 0).flatMap(fieldReaders),
    always: type.fields
      .filter(field => !field.inline && field.proto > 0 && isAlwaysPresent(field))
      .map(({ name, type: missing }) => ({ name, type: missing })),
  };
}

function fieldReaders(field: Field): (readonly [number, FieldReader])[] {
  const { name, type } = field;
  const key = (wire: number) => field.proto * 8 + wire;
  if (field.inline) {
    const read = messageReader(type as StructType);
    return [
      [
        key(WIRE.bytes),
        (reader, object) => {
          const outer = reader.enter();
          read(reader, object);
          reader.leave(outer);
        },
      ],
    ];
  }
  switch (type.kind) {
    case 'list': {
      if (type.wrapped) return [single(field, valueReader(type))];
      const item = valueReader(type.of);
      const one: FieldReader = (reader, object) => {
        countElement();
        const list = object[name];
        const value = item.read(reader);
        if (Array.isArray(list)) list.push(value);
        else object[name] = [value];
      };
      if (item.wire === WIRE.bytes) return [[key(WIRE.bytes), one]];
      // Numbers may come packed: one after the other in one field.
      const packed: FieldReader = (reader, object) =>
        nested(reader, () => {
          while (reader.at < reader.end) one(reader, object);
        });
      return [
        [key(item.wire), one],
        [key(WIRE.bytes), packed],
      ];
    }
    case 'map': {
      const entry = entryReader(type);
      return [
        [
          key(WIRE.bytes),
          (reader, object) => {
            countElement();
            const known = object[name];
            const map = typeof known === 'object' && known !== null ? (known as Fields) : {};
            object[name] = map;
            entry(reader, map);
          },
        ],
      ];
    }
    default:
      return [single(field, valueReader(type))];
  }
}

function single(field: Field, { wire, read }: ValueReader): readonly [number, FieldReader] {
  const { name, type } = field;
  // Go cannot tell such a value from an absent one, and leaves it out of JSON.
  const dropped =
    field.omitEmpty && !field.pointer && type.kind === 'scalar' ? scalarRule(type.scalar).zero : undefined;
  const plain = type.kind === 'scalar' && MESSAGE_SCALARS.get(type.scalar) === undefined;
  return [
    field.proto * 8 + wire,
    (reader, object) => {
      const value = read(reader);
      if (!plain || value !== dropped) object[name] = value;
    },
  ];
}

function entryReader(type: MapType): (reader: Reader, map: Fields) => void {
  const value = valueReader(type.of);
  const valueTag = 2 * 8 + value.wire;
  return (reader, map) => {
    const outer = reader.enter();
    let key = '';
    let found: unknown;
    while (reader.at < reader.end) {
      const tag = reader.unsigned();
      if (tag === 0x0a) key = reader.text();
      else if (tag === valueTag) found = value.read(reader);
      else reader.skip(tag & 7);
    }
    reader.leave(outer);
    found ??= zeroOf(type.of) ?? null;
    // An assignment would set the prototype.
    if (key === '__proto__')
      Object.defineProperty(map, key, { value: found, enumerable: true, configurable: true, writable: true });
    else map[key] = found;
  };
}

function nested(reader: Reader, read: () => void): void {
  const outer = reader.enter();
  read();
  reader.leave(outer);
}

function valueReader(type: Type): ValueReader {
  switch (type.kind) {
    case 'struct': {
      const read = messageReader(type);
      return {
        wire: WIRE.bytes,
        read: reader => {
          const object: Fields = {};
          const outer = reader.enter();
          read(reader, object);
          reader.leave(outer);
          return object;
        },
      };
    }
    case 'list': {
      const item = valueReader(type.of);
      const tag = 8 + item.wire;
      return {
        wire: WIRE.bytes,
        read: reader => {
          const list: unknown[] = [];
          nested(reader, () => {
            while (reader.at < reader.end) {
              const found = reader.unsigned();
              if (found === tag) {
                countElement();
                list.push(item.read(reader));
              } else reader.skip(found & 7);
            }
          });
          return list;
        },
      };
    }
    case 'scalar':
      return scalarReader(type.scalar);
    case 'map':
      throw new Error('protobuf has no map inside a list or a map');
  }
}

function scalarReader(scalar: ScalarName): ValueReader {
  const message = MESSAGE_SCALARS.get(scalar)?.read ?? schemaUnionReader(scalar, messageReader);
  if (message !== undefined)
    return {
      wire: WIRE.bytes,
      read: reader => {
        const outer = reader.enter();
        const value = message(reader);
        reader.leave(outer);
        return value;
      },
    };
  switch (scalar) {
    case 'string':
      return { wire: WIRE.bytes, read: reader => reader.text() };
    case 'bytes':
      return { wire: WIRE.bytes, read: reader => reader.bytes().toString('base64') };
    case 'bool':
      return { wire: WIRE.varint, read: reader => reader.unsigned() !== 0 };
    case 'float64':
      return { wire: WIRE.fixed64, read: reader => reader.double() };
    case 'int32':
      return { wire: WIRE.varint, read: reader => reader.int32() };
    case 'uint32':
      return { wire: WIRE.varint, read: reader => reader.int32() >>> 0 };
    default:
      return { wire: WIRE.varint, read: reader => reader.signed() };
  }
}
