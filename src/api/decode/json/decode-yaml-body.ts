import { invalidArgument } from '../../../base/errors.ts';
import type { StructType } from '../../schema/table.ts';
import { readYaml } from '../read-yaml.ts';
import { LineIndex, SourceError, type SourceLimits, type SourceNode } from '../source.ts';
import { type DecodedBody, decodeValue } from './decode-json.ts';

/**
 * Decodes a YAML body: one document, made JSON as upstream makes it, then decoded as JSON is. Repeated keys are strict
 * errors in the words of upstream's YAML reader. Throws `invalid-argument`.
 */
export function decodeYamlBody(type: StructType, text: string, limits: SourceLimits): DecodedBody {
  if (Buffer.byteLength(text) > limits.maxBytes)
    throw invalidArgument(`the body is larger than ${limits.maxBytes} bytes`);
  const lines = new LineIndex(text);
  const repeated: string[] = [];
  const value = plain(read(text, limits, lines), offset => lines.position(offset).line, repeated);
  const decoded = decodeValue(type, value);
  const duplicates =
    repeated.length === 0 ? [] : [`yaml: unmarshal errors:\n${repeated.map(line => `  ${line}`).join('\n')}`];
  return { object: decoded.object, strictErrors: [...duplicates, ...decoded.strictErrors] };
}

function read(text: string, limits: SourceLimits, lines: LineIndex): SourceNode {
  try {
    return readYaml(text, limits);
  } catch (error) {
    if (error instanceof SourceError)
      throw invalidArgument(
        `error converting YAML to JSON: yaml: line ${lines.position(error.offset).line}: ${error.message.replace(/^yaml: /, '')}`,
      );
    throw error;
  }
}

function plain(node: SourceNode, lineOf: (offset: number) => number, repeated: string[]): unknown {
  switch (node.kind) {
    case 'null':
      return null;
    case 'scalar':
      return node.value;
    case 'list':
      return node.items.map(item => plain(item, lineOf, repeated));
    case 'map': {
      const entries = new Map<string, unknown>();
      for (const { key, keyOffset, value } of node.entries) {
        if (entries.has(key)) repeated.push(`line ${lineOf(keyOffset)}: key ${JSON.stringify(key)} already set in map`);
        entries.set(key, plain(value, lineOf, repeated));
      }
      return Object.fromEntries(entries);
    }
  }
}
