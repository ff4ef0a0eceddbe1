import { isRawJson, scalarRule } from '../schema/scalars.ts';
import { type Field, goTypeName, type MapType, type StructType, type Type } from '../schema/table.ts';
import { zeroOf, zeroStruct } from '../schema/zero.ts';
import { nearest } from './nearest.ts';
import type { Problem } from './problem.ts';
import type { SourceNode } from './source.ts';

/** A problem whose place is still an offset. */
export interface WalkProblem extends Omit<Problem, 'position'> {
  readonly offset: number;
}

interface Context {
  readonly problems: WalkProblem[];
  /** For Go's messages: the struct that holds the value, and its path without indexes. */
  readonly holder: { readonly goName: string; readonly path: string } | undefined;
}

/**
 * Decodes a document by the table, as strictly as upstream's API server with fieldValidation=Strict: unknown and
 * duplicate fields are problems. null is the same as absent. Fields that Go always holds are filled with its zero value,
 * scalars come out in canonical form, fields in the table's order. Every problem is reported, not the first alone.
 */
export function decodeStruct(
  type: StructType,
  node: SourceNode,
  path = '',
): { value: object; problems: WalkProblem[] } {
  const problems: WalkProblem[] = [];
  const value = struct(type, node, path, { problems, holder: undefined });
  return { value, problems };
}

function decode(type: Type, node: SourceNode, path: string, context: Context): unknown {
  if (node.kind === 'null') return zeroOf(type);
  switch (type.kind) {
    case 'struct':
      return struct(type, node, path, context);
    case 'map':
      return map(type, node, path, context);
    case 'list':
      if (node.kind !== 'list') return wrongType(type, node, path, context);
      return node.items.map((item, index) => decode(type.of, item, `${path}[${index}]`, context));
    case 'scalar': {
      if (isRawJson(type.scalar)) return plainJson(node, path, context);
      if (node.kind !== 'scalar') return wrongType(type, node, path, context);
      const accepted = scalarRule(type.scalar).accept(node.value, node.source);
      if ('value' in accepted) return accepted.value;
      if (accepted.refused === 'type' || accepted.refused === 'integer') return wrongType(type, node, path, context);
      const message = `${path}: ${accepted.refused}, not ${JSON.stringify(node.source ?? node.value)}`;
      context.problems.push({ reason: 'type', offset: node.offset, field: path, message });
      return zeroOf(type);
    }
  }
}

function struct(type: StructType, node: SourceNode, path: string, context: Context): object {
  const value = zeroStruct(type);
  if (node.kind !== 'map') {
    wrongType(type, node, path, context);
    return value;
  }
  const given = new Map<string, { readonly field: Field; readonly node: SourceNode }>();
  const seen = new Set<string>();
  for (const entry of node.entries) {
    const childPath = path === '' ? entry.key : `${path}.${entry.key}`;
    const field = type.json.get(entry.key);
    if (seen.has(entry.key)) {
      duplicate(childPath, entry.keyOffset, context);
    } else if (field === undefined) {
      const close = nearest(entry.key, type.json.keys());
      context.problems.push({
        reason: 'unknown-field',
        offset: entry.keyOffset,
        field: childPath,
        message: `unknown field ${JSON.stringify(childPath)}`,
        ...(close === undefined ? {} : { hint: `did you mean ${JSON.stringify(close)}?` }),
      });
    } else if (entry.value.kind !== 'null') given.set(entry.key, { field, node: entry.value });
    seen.add(entry.key);
  }
  const ordered: Record<string, unknown> = {};
  for (const name of type.json.keys()) {
    const entry = given.get(name);
    if (entry !== undefined) {
      const holder = { goName: type.name, path: indexless(path === '' ? name : `${path}.${name}`) };
      ordered[name] = decode(entry.field.type, entry.node, path === '' ? name : `${path}.${name}`, {
        ...context,
        holder,
      });
    } else if (Object.hasOwn(value, name)) ordered[name] = value[name];
  }
  return ordered;
}

function map(type: MapType, node: SourceNode, path: string, context: Context): unknown {
  if (node.kind !== 'map') return wrongType(type, node, path, context);
  const value = new Map<string, unknown>();
  for (const entry of node.entries) {
    if (value.has(entry.key)) duplicate(`${path}.${entry.key}`, entry.keyOffset, context);
    // A zero time has no other form than null.
    value.set(entry.key, decode(type.of, entry.value, `${path}[${entry.key}]`, context) ?? null);
  }
  // fromEntries defines properties, so a key "__proto__" is a key like any other.
  return Object.fromEntries(value);
}

function duplicate(path: string, offset: number, context: Context): void {
  context.problems.push({
    reason: 'duplicate-field',
    offset,
    field: path,
    message: `duplicate field ${JSON.stringify(path)}: key ${JSON.stringify(path.slice(path.lastIndexOf('.') + 1))} already set in map`,
  });
}

/** A value whose shape the table does not know. */
function plainJson(node: SourceNode, path: string, context: Context): unknown {
  switch (node.kind) {
    case 'null':
      return null;
    case 'scalar':
      return node.value;
    case 'list':
      return node.items.map((item, index) => plainJson(item, `${path}[${index}]`, context));
    case 'map': {
      const value = new Map<string, unknown>();
      for (const entry of node.entries) {
        if (value.has(entry.key)) duplicate(`${path}.${entry.key}`, entry.keyOffset, context);
        value.set(entry.key, plainJson(entry.value, `${path}.${entry.key}`, context));
      }
      return Object.fromEntries(value);
    }
  }
}

function wrongType(type: Type, node: SourceNode, path: string, context: Context): unknown {
  const found =
    node.kind === 'list'
      ? 'array'
      : node.kind === 'map'
        ? 'object'
        : node.kind === 'null'
          ? 'null'
          : jsonType(node.value);
  // Go names the number itself where its type would do but its value does not.
  const shown =
    found === 'number' && wantsNumber(type) && node.kind === 'scalar' ? `number ${node.source ?? node.value}` : found;
  const where = context.holder === undefined ? '' : ` Go struct field ${context.holder.goName}.${context.holder.path}`;
  const quote =
    found !== 'object' && found !== 'array' && type.kind === 'scalar' && scalarRule(type.scalar).json[0] === 'string';
  context.problems.push({
    reason: 'type',
    offset: node.offset,
    field: path,
    message: `${path === '' ? '' : `${path}: `}json: cannot unmarshal ${shown} into${where} of type ${goTypeName(type)}`,
    ...(quote && node.kind === 'scalar'
      ? { hint: `put it in quotes: ${JSON.stringify(node.source ?? String(node.value))}` }
      : {}),
  });
  return zeroOf(type);
}

function wantsNumber(type: Type): boolean {
  return type.kind === 'scalar' && scalarRule(type.scalar).json[0] === 'integer';
}

function jsonType(value: string | number | boolean): 'string' | 'number' | 'bool' {
  return typeof value === 'boolean' ? 'bool' : (typeof value as 'string' | 'number');
}

function indexless(path: string): string {
  return path.replace(/\[[^\]]*\]/g, '');
}
