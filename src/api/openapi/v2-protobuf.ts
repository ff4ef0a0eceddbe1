import { BackwardWriter } from '../protobuf/writer.ts';
import type { Json } from './document.ts';

/** Paths or definitions that are written before other work gets its turn. */
const SLICE = 5;

/**
 * The OpenAPI v2 document in protobuf (`application/com.github.proto-openapi.spec.v2@v1.0+protobuf`), which kubectl asks
 * for. The numbers are those of the message definitions that clients share (openapi.v2 of google/gnostic); this writes
 * the members that our documents have. A slice at a time, and the event loop gets its turn between two.
 */
export async function openApiV2Protobuf(document: Json): Promise<Buffer> {
  const { paths, definitions, ...rest } = document;
  const [pathItems, schemas] = [
    await sliced(2, PATH_ITEM, paths as Json),
    await sliced(1, SCHEMA, definitions as Json),
  ];
  const { swagger, info, ...tail } = rest;
  return Buffer.concat([
    written({ swagger, info }),
    lengthDelimited(8, pathItems),
    ...pathItems,
    lengthDelimited(9, schemas),
    ...schemas,
    written(tail),
  ]);
}

/** The members of an object as entries of a map field, in pieces. */
async function sliced(field: number, value: Value, object: Json): Promise<Buffer[]> {
  const pieces: Buffer[] = [];
  const entries = Object.entries(object);
  const writer = new BackwardWriter();
  for (let at = 0; at < entries.length; at += SLICE) {
    writer.reset();
    members(value)(writer, field, Object.fromEntries(entries.slice(at, at + SLICE)));
    pieces.push(writer.take());
    await new Promise(resolve => setImmediate(resolve));
  }
  return pieces;
}

function lengthDelimited(field: number, pieces: readonly Buffer[]): Buffer {
  const writer = new BackwardWriter();
  writer.varint(pieces.reduce((sum, piece) => sum + piece.length, 0));
  writer.varint(field * 8 + 2);
  return writer.take();
}

function written(part: Json): Buffer {
  const writer = new BackwardWriter();
  DOCUMENT(writer, part);
  return writer.take();
}

/** Writes the contents of a message. */
type Contents = (writer: BackwardWriter, value: Json) => void;
/** Writes a value with its tag, as often as it needs. */
type Value = (writer: BackwardWriter, field: number, value: unknown) => void;

const text: Value = (writer, field, value) => {
  writer.text(String(value));
  writer.varint(field * 8 + 2);
};

const flag: Value = (writer, field, value) => {
  writer.varint(value === true ? 1 : 0);
  writer.varint(field * 8);
};

const texts: Value = (writer, field, value) => {
  for (const item of [...(value as readonly unknown[])].reverse()) text(writer, field, item);
};

function nested(contents: Contents): Value {
  return (writer, field, value) => {
    const before = writer.written;
    contents(writer, value as Json);
    writer.varint(writer.written - before);
    writer.varint(field * 8 + 2);
  };
}

/** A list of messages. */
function each(contents: Contents): Value {
  const one = nested(contents);
  return (writer, field, value) => {
    for (const item of [...(value as readonly unknown[])].reverse()) one(writer, field, item);
  };
}

/** A JSON object whose members are messages of a name (1) and a value (2). */
function members(value: Value): Value {
  const one = nested((writer, member) => {
    value(writer, 2, member['value']);
    text(writer, 1, member['name']);
  });
  return (writer, field, object) => {
    for (const [name, member] of Object.entries(object as Json).reverse()) one(writer, field, { name, value: member });
  };
}

/** The members of a JSON object by name, with their field numbers. */
function message(fields: Readonly<Record<string, readonly [number, Value]>>, extensions?: number): Contents {
  const descending = Object.entries(fields).sort(([, a], [, b]) => b[0] - a[0]);
  return (writer, object) => {
    // Extensions have the highest number of every message that has them.
    if (extensions !== undefined) {
      const found = Object.entries(object).filter(([name]) => name.startsWith('x-'));
      if (found.length > 0) members(ANY)(writer, extensions, Object.fromEntries(found));
    }
    for (const [name, [field, value]] of descending) if (object[name] !== undefined) value(writer, field, object[name]);
  };
}

/** A message with one field, made from the whole value. */
function wrapped(field: number, value: Value): Value {
  return nested((writer, whole) => value(writer, field, whole));
}

/** A value as YAML text (2), of which JSON is a part: of an extension or an enumeration. */
const ANY: Value = (writer, field, value) => {
  nested(inner => text(inner, 2, `${JSON.stringify(value)}\n`))(writer, field, {});
};

const anys: Value = (writer, field, value) => {
  for (const item of [...(value as readonly unknown[])].reverse()) ANY(writer, field, item);
};

/** Schemas hold schemas. */
const SCHEMA: Value = (writer, field, value) => SCHEMA_MESSAGE(writer, field, value);
const SCHEMA_MESSAGE = nested(
  message(
    {
      $ref: [1, text],
      format: [2, text],
      description: [4, text],
      required: [19, texts],
      enum: [20, anys],
      additionalProperties: [21, wrapped(1, SCHEMA)],
      type: [22, wrapped(1, text)],
      items: [23, wrapped(1, SCHEMA)],
      properties: [25, wrapped(1, members(SCHEMA))],
    },
    31,
  ),
);

const BODY_PARAMETER = nested(message({ name: [2, text], in: [3, text], required: [4, flag], schema: [5, SCHEMA] }));
const NAMED_PARAMETER = { in: [2, text], description: [3, text], name: [4, text] } as const;
const QUERY_PARAMETER = nested(message({ ...NAMED_PARAMETER, type: [6, text], uniqueItems: [20, flag] }));
const PATH_PARAMETER = nested(
  message({ required: [1, flag], ...NAMED_PARAMETER, type: [5, text], uniqueItems: [19, flag] }),
);

/** ParametersItem > Parameter > a body, or NonBodyParameter > a query or path parameter. */
const PARAMETER: Contents = (writer, parameter) => {
  const place = parameter['in'];
  const inner: Value =
    place === 'body'
      ? (w, field, value) => wrapped(1, BODY_PARAMETER)(w, field, value)
      : wrapped(2, place === 'query' ? wrapped(3, QUERY_PARAMETER) : wrapped(4, PATH_PARAMETER));
  inner(writer, 1, parameter);
};

const RESPONSE = wrapped(1, nested(message({ description: [1, text], schema: [2, wrapped(1, SCHEMA)] })));

const OPERATION = nested(
  message(
    {
      tags: [1, texts],
      description: [3, text],
      operationId: [5, text],
      produces: [6, texts],
      consumes: [7, texts],
      parameters: [8, each(PARAMETER)],
      responses: [9, wrapped(1, members(RESPONSE))],
      schemes: [10, texts],
    },
    13,
  ),
);

const PATH_ITEM = nested(
  message({
    get: [2, OPERATION],
    put: [3, OPERATION],
    post: [4, OPERATION],
    delete: [5, OPERATION],
    options: [6, OPERATION],
    head: [7, OPERATION],
    patch: [8, OPERATION],
  }),
);

const API_KEY = wrapped(
  2,
  nested(message({ type: [1, text], name: [2, text], in: [3, text], description: [4, text] })),
);

/** What stands beside the paths and definitions. */
const DOCUMENT = message({
  swagger: [1, text],
  info: [2, nested(message({ title: [1, text], version: [2, text] }))],
  security: [12, each((writer, requirement) => members(wrapped(1, texts))(writer, 1, requirement))],
  securityDefinitions: [13, wrapped(1, members(API_KEY))],
});
