import { GantryError, invalidArgument } from '../../../base/errors.ts';
import { goQuote } from '../../go-quote.ts';
import type { StructType } from '../../schema/table.ts';
import { MAX_ELEMENTS } from '../max-elements.ts';
import { readYaml } from '../read-yaml.ts';
import { LineIndex, SourceError, type SourceLimits, type SourceNode } from '../source.ts';
import { YamlDepthError, YamlError } from '../yaml/yaml-error.ts';
import { type DecodedBody, decodeValue, MAX_KEPT_DEPTH } from './decode-json.ts';

/** A text of which no JSON can be made. The message is upstream's. */
export class UnreadableYamlError extends GantryError {
  /** True where it is nested too deep. */
  readonly tooDeep: boolean;

  constructor(message: string, { tooDeep = false }: { readonly tooDeep?: boolean } = {}) {
    super('invalid-argument', message);
    this.name = 'UnreadableYamlError';
    this.tooDeep = tooDeep;
  }
}

/** The JSON of a YAML text. */
export interface YamlBody {
  readonly value: unknown;
  /** Strict errors about keys that come twice, in the words of upstream's YAML reader. */
  readonly duplicates: readonly string[];
}

/** One document as upstream makes JSON of it. Throws UnreadableYamlError. */
export function readYamlBody(text: string, limits: SourceLimits): YamlBody {
  if (Buffer.byteLength(text) > limits.maxBytes)
    throw invalidArgument(`the body is larger than ${limits.maxBytes} bytes`);
  const lines = new LineIndex(text);
  const repeated: string[] = [];
  const value = plain(read(text, limits), offset => lines.position(offset).line, repeated);
  if (repeated.length === 0) return { value, duplicates: [] };
  return { value, duplicates: [`yaml: unmarshal errors:\n${repeated.map(line => `  ${line}`).join('\n')}`] };
}

/** The object of a YAML body: made JSON, then decoded as JSON is. Throws as decodeJson does. */
export function decodeYamlValue(type: StructType, { value, duplicates }: YamlBody): DecodedBody {
  const { object, strictErrors } = decodeValue(type, value, { maxElements: MAX_ELEMENTS, maxDepth: MAX_KEPT_DEPTH });
  return { object, strictErrors: [...duplicates, ...strictErrors] };
}

function read(text: string, limits: SourceLimits): SourceNode {
  try {
    return readYaml(text, limits);
  } catch (error) {
    if (error instanceof YamlError)
      throw new UnreadableYamlError(error.text, { tooDeep: error instanceof YamlDepthError });
    if (error instanceof SourceError) throw new UnreadableYamlError(error.message);
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
      for (const { key, value } of node.entries) {
        // Upstream names the line of the value.
        if (entries.has(key)) repeated.push(`line ${lineOf(value.offset)}: key ${goQuote(key)} already set in map`);
        entries.set(key, plain(value, lineOf, repeated));
      }
      return Object.fromEntries(entries);
    }
  }
}
