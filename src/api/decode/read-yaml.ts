import { isAlias, isMap, isScalar, isSeq, type Node, parseDocument, Scalar, type YAMLMap } from 'yaml';
import { DEFAULT_LIMITS, type SourceEntry, SourceError, type SourceLimits, type SourceNode } from './source.ts';
import { resolvePlain } from './yaml-scalars.ts';

/**
 * Reads one YAML document as kubectl and upstream's API server see it: YAML 1.1 by the rules of go-yaml v2, keys made
 * strings, merge keys followed. Duplicate keys are kept, for the schema walk to report. Throws SourceError with the
 * offset in the text.
 */
export function readYaml(text: string, limits: SourceLimits = DEFAULT_LIMITS): SourceNode {
  // The failsafe schema leaves every scalar as text; which of them are numbers is for resolvePlain to say.
  const document = parse(text, limits);
  const [error] = document.errors;
  if (error !== undefined) throw new SourceError(`yaml: ${error.message}`, error.pos[0]);
  return document.contents === null ? { kind: 'null', offset: 0 } : new YamlReader(limits).read(document.contents, 0);
}

interface ParsedDocument {
  readonly contents: Node | null;
  readonly errors: readonly { readonly message: string; readonly pos: readonly [number, number] }[];
}

/** Block lists in one line, one in the other: `- - - -`. */
const NESTED_IN_LINE = /(?:[-?][ \t]+){200}/;

/**
 * Stops documents that would exhaust the stack of the parser before it sees them. Brackets are counted wherever they
 * stand, so this lets through ten times the depth that is allowed; the exact check follows when the tree is read.
 */
function refuseTowers(text: string, limits: SourceLimits): void {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    // [ { and ] }
    if (char === 0x5b || char === 0x7b) depth++;
    else if (char === 0x5d || char === 0x7d) depth = Math.max(depth - 1, 0);
    if (depth > limits.maxDepth * 10) throw new SourceError(`is nested deeper than ${limits.maxDepth}`, at);
  }
  const found = NESTED_IN_LINE.exec(text);
  if (found !== null) throw new SourceError(`is nested deeper than ${limits.maxDepth}`, found.index);
}

function parse(text: string, limits: SourceLimits): ParsedDocument {
  refuseTowers(text, limits);
  try {
    const document = parseDocument(text, {
      schema: 'failsafe',
      version: '1.1',
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'silent',
      strict: true,
    });
    return { contents: document.contents, errors: document.errors };
  } catch (error) {
    if (error instanceof RangeError) throw new SourceError(`is nested deeper than ${limits.maxDepth}`, 0);
    throw error;
  }
}

class YamlReader {
  /** The latest node of each name: an alias means the anchor that stands last before it. */
  readonly #anchors = new Map<string, Node>();
  readonly #limits: SourceLimits;
  #nodes = 0;

  constructor(limits: SourceLimits) {
    this.#limits = limits;
  }

  read(node: unknown, depth: number): SourceNode {
    const offset = offsetOf(node);
    if (depth > this.#limits.maxDepth) throw new SourceError(`is nested deeper than ${this.#limits.maxDepth}`, offset);
    if (++this.#nodes > this.#limits.maxNodes)
      throw new SourceError(`holds more than ${this.#limits.maxNodes} values, aliases followed`, offset);
    if (isAlias(node)) return this.read(this.#target(node.source, offset), depth + 1);
    if ((isScalar(node) || isSeq(node) || isMap(node)) && node.anchor !== undefined)
      this.#anchors.set(node.anchor, node);
    if (isScalar(node)) return scalarNode(node, offset);
    if (isSeq(node)) return { kind: 'list', offset, items: node.items.map(item => this.read(item, depth + 1)) };
    if (isMap(node)) return { kind: 'map', offset, entries: this.#entries(node, depth) };
    return { kind: 'null', offset };
  }

  #target(name: string, offset: number): Node {
    const target = this.#anchors.get(name);
    if (target === undefined) throw new SourceError(`yaml: unknown anchor '${name}' referenced`, offset);
    return target;
  }

  #entries(map: YAMLMap, depth: number): SourceEntry[] {
    const own: SourceEntry[] = [];
    const merged: SourceEntry[] = [];
    for (const pair of map.items) {
      const keyOffset = offsetOf(pair.key);
      if (isMergeKey(pair.key)) merged.push(...this.#merge(pair.value, depth, keyOffset));
      else own.push({ key: this.#key(pair.key, keyOffset), keyOffset, value: this.read(pair.value, depth + 1) });
    }
    // What the map says itself wins over what it merges in; among merged maps the earlier wins.
    const seen = new Set(own.map(entry => entry.key));
    for (const entry of merged) {
      if (seen.has(entry.key)) continue;
      seen.add(entry.key);
      own.push(entry);
    }
    return own;
  }

  #merge(value: unknown, depth: number, offset: number): SourceEntry[] {
    const node = this.read(value, depth + 1);
    const maps = node.kind === 'list' ? node.items : [node];
    return maps.flatMap(map => {
      if (map.kind !== 'map')
        throw new SourceError('yaml: map merge requires map or sequence of maps as the value', offset);
      return map.entries;
    });
  }

  #key(key: unknown, offset: number): string {
    const node = this.read(key, 0);
    if (node.kind === 'scalar') return String(node.value);
    throw new SourceError('yaml: a key must be a scalar, not a list, a map or null', offset);
  }
}

function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.type === Scalar.PLAIN && key.value === '<<';
}

function offsetOf(node: unknown): number {
  return (node as { range?: readonly number[] | null } | null)?.range?.[0] ?? 0;
}

function scalarNode(node: Scalar, offset: number): SourceNode {
  const text = node.source ?? String(node.value ?? '');
  const tag = node.tag?.replace('tag:yaml.org,2002:', '!!');
  if (tag === '!!str') return { kind: 'scalar', offset, value: text };
  if (tag === '!!binary') return { kind: 'scalar', offset, value: Buffer.from(text, 'base64').toString('utf8') };
  // A tag of someone's own says nothing here; upstream takes the text.
  if (tag !== undefined && !['!!int', '!!float', '!!bool', '!!null', '!!timestamp'].includes(tag))
    return { kind: 'scalar', offset, value: text };
  if (tag === undefined && node.type !== Scalar.PLAIN) return { kind: 'scalar', offset, value: text };
  const resolved = resolvePlain(text);
  if (resolved === null) return { kind: 'null', offset };
  if (typeof resolved === 'number' && !Number.isFinite(resolved))
    throw new SourceError(`json: unsupported value: ${text}`, offset);
  return typeof resolved === 'object'
    ? { kind: 'scalar', offset, value: resolved.value, source: resolved.source }
    : { kind: 'scalar', offset, value: resolved };
}
