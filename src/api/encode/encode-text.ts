import { rawJson } from '../raw-text.ts';
import { scalarRule } from '../schema/scalars.ts';
import type { Field, StructType, Type } from '../schema/table.ts';
import { isAbsentList } from '../schema/zero.ts';
import { absentValue, isAlwaysWritten, isLeftOut } from './encode-object.ts';

/**
 * The JSON text of an object: what JSON.stringify makes of encodeObject's result, with the keys of maps in order, as Go writes them. Equal objects give equal texts.
 * It is what every write does, so each type is looked at once and turned into a writer.
 */
export function encodeText(type: StructType, value: object): string {
  return structWriter(type)(value);
}

type Writer = (value: unknown) => string;

interface FieldWriter {
  readonly name: string;
  /** `"name":` */
  readonly key: string;
  /** The text of a field that is not there, if it is written all the same. */
  readonly absent: string | undefined;
  readonly isLeftOut: (value: unknown) => boolean;
  readonly write: Writer;
}

const STRUCTS = new WeakMap<StructType, Writer>();
const NEVER = (): boolean => false;

function structWriter(type: StructType): Writer {
  const known = STRUCTS.get(type);
  if (known !== undefined) return known;
  let fields: readonly FieldWriter[] | undefined;
  const write: Writer = value => {
    // on first use, not before: types may refer to each other in a circle
    fields ??= [...type.json.values()].map(fieldWriter);
    if (typeof value !== 'object' || value === null) return '{}';
    const from = value as Readonly<Record<string, unknown>>;
    let text = '';
    for (const field of fields) {
      const child = from[field.name];
      let part: string | undefined;
      if (child === undefined || child === null) part = field.absent;
      else if (!field.isLeftOut(child)) part = field.write(child);
      if (part !== undefined) text = text === '' ? field.key + part : `${text},${field.key}${part}`;
    }
    return `{${text}}`;
  };
  STRUCTS.set(type, write);
  return write;
}

function fieldWriter(field: Field): FieldWriter {
  return {
    name: field.name,
    key: `${JSON.stringify(field.name)}:`,
    absent: isAlwaysWritten(field) ? JSON.stringify(absentValue(field)) : undefined,
    isLeftOut: field.omitEmpty && !field.pointer ? value => isLeftOut(field, value) : NEVER,
    write: writer(field.type),
  };
}

function writer(type: Type): Writer {
  switch (type.kind) {
    case 'struct':
      return structWriter(type);
    case 'list': {
      const item = writer(type.of);
      return value => (Array.isArray(value) && !isAbsentList(value) ? `[${value.map(item).join(',')}]` : 'null');
    }
    case 'map': {
      const item = writer(type.of);
      return value => {
        const from = value as Readonly<Record<string, unknown>>;
        const keys = Object.keys(from).filter(key => from[key] !== undefined);
        if (keys.length > 1) keys.sort();
        return `{${keys.map(key => `${JSON.stringify(key)}:${item(from[key])}`).join(',')}}`;
      };
    }
    case 'scalar':
      return scalarRule(type.scalar).zero === 0 ? writeNumber : writeAny;
  }
}

function writeNumber(value: unknown): string {
  return Number.isInteger(value) ? String(value) : writeAny(value);
}

function writeAny(value: unknown): string {
  return rawJson(value) ?? 'null';
}
