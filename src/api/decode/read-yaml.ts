import { DEFAULT_LIMITS, type SourceEntry, SourceError, type SourceLimits, type SourceNode } from './source.ts';
import { goSyntax } from './yaml/go-syntax.ts';
import { parseYaml, type YamlAlias, type YamlDocument, type YamlMap, type YamlNode } from './yaml/parser.ts';
import { scalarValue } from './yaml/scalar-value.ts';
import { YamlDepthError, YamlError } from './yaml/yaml-error.ts';

/**
 * Reads one YAML document as kubectl and upstream's API server see it: YAML 1.1 by the rules and in the words of go-yaml v2, keys made strings, merge
 * keys followed; what comes behind the first document is not looked at. Duplicate keys are kept, for the schema walk to report. What aliases stand for
 * is shared, not copied. Throws SourceError, mostly YamlError, with the offset in the text.
 */
export function readYaml(text: string, limits: SourceLimits = DEFAULT_LIMITS): SourceNode {
  const document = parseYaml(text, limits.maxDepth);
  return document.root === undefined
    ? { kind: 'null', offset: 0 }
    : new AliasFollower(document, limits).follow(document.root);
}

/** Up to so many values nearly all may come of aliases, and from the other number on a tenth (upstream's figures). */
const FREE_VALUES = 400_000;
const STRICT_VALUES = 4_000_000;

/** The part of so many values that may come of aliases. */
function allowedPart(values: number): number {
  if (values <= FREE_VALUES) return 0.99;
  if (values >= STRICT_VALUES) return 0.1;
  return 0.99 - 0.89 * ((values - FREE_VALUES) / (STRICT_VALUES - FREE_VALUES));
}

/** What an alias stands for. */
interface Target {
  readonly node: SourceNode;
  /** Values in it, aliases followed. */
  readonly values: number;
  /** Levels of nesting in it. */
  readonly depth: number;
}

class AliasFollower {
  readonly #document: YamlDocument;
  readonly #limits: SourceLimits;
  readonly #targets = new Map<YamlNode, Target>();
  /** Where the walk is. */
  #depth = 0;
  /** The deepest place since the node began that is looked at. */
  #deepest = 0;
  #values = 0;
  #byAlias = 0;

  constructor(document: YamlDocument, limits: SourceLimits) {
    this.#document = document;
    this.#limits = limits;
  }

  follow(node: YamlNode): SourceNode {
    if (node.kind === 'alias') return this.#alias(node);
    if (!this.#document.targets.has(node)) return this.#walk(node);
    const before = { values: this.#values, deepest: this.#deepest };
    this.#deepest = this.#depth;
    const target: Target = {
      node: this.#walk(node),
      values: this.#values - before.values,
      depth: this.#deepest - this.#depth,
    };
    this.#deepest = Math.max(this.#deepest, before.deepest);
    this.#targets.set(node, target);
    return target.node;
  }

  #walk(node: Exclude<YamlNode, YamlAlias>): SourceNode {
    this.#count(1, 0, node.at);
    if (node.kind === 'scalar') return scalarValue(node);
    this.#deepest = Math.max(this.#deepest, ++this.#depth);
    const followed: SourceNode =
      node.kind === 'list'
        ? { kind: 'list', offset: node.at, items: node.items.map(item => this.follow(item)) }
        : { kind: 'map', offset: node.at, entries: this.#entries(node) };
    this.#depth--;
    return followed;
  }

  /** An alias counts, and so does what it stands for, each time. */
  #alias({ at, name, target }: YamlAlias): SourceNode {
    const known = this.#targets.get(target);
    if (known === undefined) throw new YamlError(`anchor '${name}' value contains itself`, at);
    this.#count(1, 0, at);
    this.#count(known.values, known.values, at);
    this.#deepest = Math.max(this.#deepest, this.#depth + known.depth);
    if (this.#deepest > this.#limits.maxDepth) throw new YamlDepthError(this.#limits.maxDepth, at);
    return known.node;
  }

  #count(values: number, byAlias: number, at: number): void {
    this.#values += values;
    this.#byAlias += byAlias;
    if (this.#byAlias > 100 && this.#values > 1000 && this.#byAlias / this.#values > allowedPart(this.#values))
      throw new YamlError('document contains excessive aliasing', at);
    if (this.#values > this.#limits.maxNodes)
      throw new YamlError(`holds more than ${this.#limits.maxNodes} values, aliases followed`, at);
  }

  #entries(map: YamlMap): SourceEntry[] {
    const own: SourceEntry[] = [];
    const merged: SourceEntry[] = [];
    for (const { key, value } of map.entries)
      if (isMergeKey(key)) merged.push(...this.#merged(value, key.at));
      else own.push(this.#entry(key, value));
    if (merged.length === 0) return own;
    // What the map says itself wins over what it merges in; among merged maps the earlier wins.
    const seen = new Set(own.map(entry => entry.key));
    for (const entry of merged) {
      if (seen.has(entry.key)) continue;
      seen.add(entry.key);
      own.push(entry);
    }
    return own;
  }

  #entry(written: YamlNode, writtenValue: YamlNode): SourceEntry {
    const node = this.follow(written);
    if (node.kind === 'list' || node.kind === 'map')
      throw new YamlError(`invalid map key: ${goSyntax(node)}`, written.at);
    const value = this.follow(writtenValue);
    if (node.kind === 'scalar') return { key: String(node.value), keyOffset: written.at, value };
    const shown = `unsupported map key of type: %!s(<nil>), key: <nil>, value: ${goSyntax(value)}`;
    throw new SourceError(shown, written.at);
  }

  #merged(value: YamlNode, at: number): SourceEntry[] {
    const node = this.follow(value);
    const maps = node.kind === 'list' ? node.items : [node];
    return maps.flatMap(map => {
      if (map.kind !== 'map') throw new YamlError('map merge requires map or sequence of maps as the value', at);
      return map.entries;
    });
  }
}

const MERGE_TAGS = new Set(['!', 'tag:yaml.org,2002:merge']);

function isMergeKey(key: YamlNode): boolean {
  return key.kind === 'scalar' && key.text === '<<' && (key.tag === '' ? key.isPlain : MERGE_TAGS.has(key.tag));
}
