import { type ScalarName, scalarRule } from '../schema/scalars.ts';
import type { Field, ListType, MapType, ScalarType, StructType, Type } from '../schema/table.ts';
import { WIRE } from './reader.ts';
import { schemaUnionWriter } from './schema-unions.ts';
import { MESSAGE_SCALARS } from './well-known.ts';
import { BackwardWriter } from './writer.ts';

type Fields = Readonly<Record<string, unknown>>;
/** Writes the contents of a message, without its length. */
export type MessageWriter = (writer: BackwardWriter, value: unknown) => void;

/** A message larger than this does not keep its buffer. */
const KEPT_BUFFER = 256 * 1024;

const WRITERS = new WeakMap<StructType, MessageWriter>();
const SHARED = new BackwardWriter();

/**
 * The object as the protobuf message of its type, byte for byte as upstream's generated code writes it: ascending field
 * numbers, map keys in order, every value that Go does not hold behind a pointer written even when it is zero.
 * `apiVersion` and `kind` are no part of the message: see envelope.ts.
 */
export function encodeMessage(type: StructType, object: object): Buffer {
  SHARED.reset();
  messageWriter(type)(SHARED, object);
  const bytes = SHARED.take();
  SHARED.shrink(KEPT_BUFFER);
  return bytes;
}

/** The writer of a type, made on first use. */
export function messageWriter(type: StructType): MessageWriter {
  const known = WRITERS.get(type);
  if (known !== undefined) return known;
  let fields: readonly MessageWriter[] | undefined;
  const write: MessageWriter = (writer, value) => {
    // Types may refer to themselves, so the fields are looked at when the first message is written.
    fields ??= fieldWriters(type);
    const object = value ?? {};
    for (const field of fields) field(writer, object);
  };
  WRITERS.set(type, write);
  return write;
}

/** From the highest number to the lowest, because the writer goes backward. */
function fieldWriters(type: StructType): MessageWriter[] {
  return type.fields
    .filter(field => field.proto > 0)
    .sort((a, b) => b.proto - a.proto)
    .map(fieldWriter);
}

function fieldWriter(field: Field): MessageWriter {
  const { name, type } = field;
  if (field.inline) {
    // An inlined struct is a message of its own here, made from the same object.
    const write = lengthPrefixed(field.proto, messageWriter(type as StructType));
    return write;
  }
  switch (type.kind) {
    case 'list':
      return listWriter(field.proto, name, type, field.pointer);
    case 'map':
      return mapWriter(field.proto, name, type);
    default: {
      const write = valueWriter(field.proto, type);
      const zero = field.pointer ? undefined : zeroOf(type);
      const always = !field.pointer && (type.kind === 'struct' || type.scalar !== 'bytes');
      return (writer, object) => {
        const value = (object as Fields)[name];
        if (value !== undefined && value !== null) write(writer, value);
        else if (always) write(writer, zero);
      };
    }
  }
}

function zeroOf(type: StructType | ScalarType): unknown {
  return type.kind === 'struct' ? {} : scalarRule(type.scalar).zero;
}

function listWriter(proto: number, name: string, type: ListType, pointer: boolean): MessageWriter {
  const items = itemsWriter(proto, type);
  if (!type.wrapped)
    return (writer, object) => {
      const list = (object as Fields)[name];
      if (Array.isArray(list)) items(writer, list);
    };
  const write = valueWriter(proto, type);
  return (writer, object) => {
    const list = (object as Fields)[name];
    if (Array.isArray(list) || !pointer) write(writer, list ?? []);
  };
}

function itemsWriter(proto: number, type: ListType): (writer: BackwardWriter, list: readonly unknown[]) => void {
  const write = valueWriter(proto, type.of);
  return (writer, list) => {
    for (let i = list.length - 1; i >= 0; i--) write(writer, list[i]);
  };
}

function mapWriter(proto: number, name: string, type: MapType): MessageWriter {
  const writeValue = valueWriter(2, type.of);
  const tag = tagOf(proto, WIRE.bytes);
  return (writer, object) => {
    const map = (object as Fields)[name];
    if (typeof map !== 'object' || map === null) return;
    const keys = Object.keys(map).sort();
    for (let i = keys.length - 1; i >= 0; i--) {
      const key = keys[i] ?? '';
      const before = writer.written;
      writeValue(writer, (map as Fields)[key]);
      writer.text(key);
      writer.varint(0x0a);
      writer.varint(writer.written - before);
      writer.varint(tag);
    }
  };
}

/** Writes a value with its tag. */
function valueWriter(proto: number, type: Type): MessageWriter {
  switch (type.kind) {
    case 'struct':
      return lengthPrefixed(proto, messageWriter(type));
    case 'scalar':
      return scalarWriter(proto, type.scalar);
    case 'list': {
      // A list inside a list or a map is a message with one repeated field.
      const items = itemsWriter(1, type);
      return lengthPrefixed(proto, (writer, value) => {
        if (Array.isArray(value)) items(writer, value);
      });
    }
    case 'map':
      throw new Error('protobuf has no map inside a list or a map');
  }
}

function lengthPrefixed(proto: number, write: MessageWriter): MessageWriter {
  const tag = tagOf(proto, WIRE.bytes);
  return (writer, value) => {
    const before = writer.written;
    write(writer, value);
    writer.varint(writer.written - before);
    writer.varint(tag);
  };
}

function scalarWriter(proto: number, scalar: ScalarName): MessageWriter {
  const message = MESSAGE_SCALARS.get(scalar)?.write ?? schemaUnionWriter(scalar, messageWriter);
  if (message !== undefined) return lengthPrefixed(proto, message);
  switch (scalar) {
    case 'string': {
      const tag = tagOf(proto, WIRE.bytes);
      return (writer, value) => {
        writer.text(typeof value === 'string' ? value : '');
        writer.varint(tag);
      };
    }
    case 'bytes': {
      const tag = tagOf(proto, WIRE.bytes);
      return (writer, value) => {
        const bytes = Buffer.from(String(value), 'base64');
        writer.bytes(bytes);
        writer.varint(bytes.length);
        writer.varint(tag);
      };
    }
    case 'float64': {
      const tag = tagOf(proto, WIRE.fixed64);
      return (writer, value) => {
        writer.double(Number(value));
        writer.varint(tag);
      };
    }
    default: {
      const tag = tagOf(proto, WIRE.varint);
      return (writer, value) => {
        writer.signed(Number(value));
        writer.varint(tag);
      };
    }
  }
}

function tagOf(proto: number, wire: number): number {
  return proto * 8 + wire;
}
