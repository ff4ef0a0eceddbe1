import { builtinTable } from '../schema/builtin.ts';
import type { ScalarName } from '../schema/scalars.ts';
import type { StructType } from '../schema/table.ts';
import type { Reader } from './reader.ts';
import type { BackwardWriter } from './writer.ts';

/**
 * The three parts of a CRD's schema that are one of two things in JSON, and a message with both in protobuf. The numbers
 * are those of apiextensions/v1's generated.proto.
 */
interface Union {
  /** Field number of the schema; the other one is the alternative's. */
  readonly schema: number;
  readonly alternative: number;
  readonly kind: 'schemas' | 'strings' | 'bool';
}

const UNIONS: ReadonlyMap<ScalarName, Union> = new Map<ScalarName, Union>([
  ['JSONSchemaPropsOrArray', { schema: 1, alternative: 2, kind: 'schemas' }],
  ['JSONSchemaPropsOrBool', { schema: 2, alternative: 1, kind: 'bool' }],
  ['JSONSchemaPropsOrStringArray', { schema: 1, alternative: 2, kind: 'strings' }],
]);

type Write = (writer: BackwardWriter, value: unknown) => void;
type Read = (reader: Reader, object: Record<string, unknown>) => void;

const props = (): StructType => builtinTable.struct('apiextensions/v1.JSONSchemaProps');

/** Writes the message of such a part; undefined for any other scalar. */
export function schemaUnionWriter(scalar: ScalarName, writerOf: (type: StructType) => Write): Write | undefined {
  const union = UNIONS.get(scalar);
  if (union === undefined) return undefined;
  const schema = (writer: BackwardWriter, value: unknown, number: number): void => {
    const before = writer.written;
    writerOf(props())(writer, value);
    writer.varint(writer.written - before);
    writer.varint(number * 8 + 2);
  };
  return (writer, value) => {
    if (union.kind === 'bool') {
      const isSchema = typeof value === 'object' && value !== null;
      if (isSchema) schema(writer, value, union.schema);
      // A schema allows what it describes.
      writer.varint(isSchema || value === true ? 1 : 0);
      writer.varint(union.alternative * 8);
    } else if (Array.isArray(value)) {
      for (const item of [...(value as unknown[])].reverse()) {
        if (union.kind === 'schemas') schema(writer, item, union.alternative);
        else {
          writer.text(String(item));
          writer.varint(union.alternative * 8 + 2);
        }
      }
    } else schema(writer, value, union.schema);
  };
}

/** Reads the message of such a part to its end; undefined for any other scalar. */
export function schemaUnionReader(
  scalar: ScalarName,
  readerOf: (type: StructType) => Read,
): ((reader: Reader) => unknown) | undefined {
  const union = UNIONS.get(scalar);
  if (union === undefined) return undefined;
  const schema = (reader: Reader): Record<string, unknown> => {
    const object: Record<string, unknown> = {};
    const outer = reader.enter();
    readerOf(props())(reader, object);
    reader.leave(outer);
    return object;
  };
  return reader => {
    let found: unknown = union.kind === 'bool' ? false : undefined;
    const list: unknown[] = [];
    while (reader.at < reader.end) {
      const tag = reader.unsigned();
      if (tag === union.schema * 8 + 2) found = schema(reader);
      else if (tag === union.alternative * 8 && union.kind === 'bool') {
        const allowed = reader.unsigned() !== 0;
        if (typeof found !== 'object') found = allowed;
      } else if (tag === union.alternative * 8 + 2 && union.kind === 'schemas') list.push(schema(reader));
      else if (tag === union.alternative * 8 + 2 && union.kind === 'strings') list.push(reader.text());
      else reader.skip(tag & 7);
    }
    return found ?? list;
  };
}
