import type { Directive, WrittenTag } from './scan-tag.ts';
import { Scanner, type Token } from './scanner.ts';
import { YamlDepthError, YamlError } from './yaml-error.ts';

/** A document as it is written: aliases are not followed, scalars are text. */
export type YamlNode = YamlScalar | YamlList | YamlMap | YamlAlias;

export interface YamlScalar {
  readonly kind: 'scalar';
  readonly at: number;
  readonly text: string;
  readonly isPlain: boolean;
  /** In full: `tag:yaml.org,2002:str`. Empty where none is written. */
  readonly tag: string;
}

export interface YamlList {
  readonly kind: 'list';
  readonly at: number;
  readonly items: YamlNode[];
}

export interface YamlMap {
  readonly kind: 'map';
  readonly at: number;
  readonly entries: { readonly key: YamlNode; readonly value: YamlNode }[];
}

export interface YamlAlias {
  readonly kind: 'alias';
  readonly at: number;
  readonly name: string;
  /** May hold the alias. */
  readonly target: YamlNode;
}

const DEFAULT_TAGS: readonly (readonly [handle: string, prefix: string])[] = [
  ['!', '!'],
  ['!!', 'tag:yaml.org,2002:'],
];

export interface YamlDocument {
  /** Undefined where the text is empty. */
  readonly root: YamlNode | undefined;
  /** What aliases stand for. */
  readonly targets: ReadonlySet<YamlNode>;
}

/** The first document of a text, as upstream reads it. What follows it is not looked at. Throws YamlError. */
export function parseYaml(text: string, maxDepth: number): YamlDocument {
  const parser = new Parser(new Scanner(text), maxDepth);
  return { root: parser.document(), targets: parser.targets };
}

interface Properties {
  readonly at: number;
  readonly line: number;
  readonly anchor: string;
  readonly tag: string;
}

class Parser {
  readonly targets = new Set<YamlNode>();
  readonly #scanner: Scanner;
  readonly #maxDepth: number;
  readonly #tags = new Map<string, string>();
  /** The latest node of each name: an alias means the anchor that stands last before it. */
  readonly #anchors = new Map<string, YamlNode>();
  #depth = 0;

  constructor(scanner: Scanner, maxDepth: number) {
    this.#scanner = scanner;
    this.#maxDepth = maxDepth;
  }

  document(): YamlNode | undefined {
    const { kind } = this.#scanner.peek();
    if (kind === 'stream-end') return undefined;
    this.#readDirectives();
    const isExplicit = kind === 'directive' || kind === 'document-start';
    if (isExplicit) {
      const start = this.#scanner.take();
      if (start.kind !== 'document-start') fail('did not find expected <document start>', start);
    }
    const isEmpty = isExplicit && this.#isNext('directive', 'document-start', 'document-end', 'stream-end');
    const node = isEmpty ? emptyAt(this.#scanner.peek().at) : this.#node(true, false);
    // A text that ends in the middle of a word says so here.
    this.#scanner.peek();
    return node;
  }

  #readDirectives(): void {
    let version = '';
    while (this.#isNext('directive')) {
      const token = this.#scanner.take();
      const directive = token.more as Directive;
      if (directive.kind === 'version') {
        if (version !== '') fail('found duplicate %YAML directive', token);
        version = directive.version;
        if (version !== '1.1') fail('found incompatible YAML document', token);
      } else {
        if (this.#tags.has(directive.handle)) fail('found duplicate %TAG directive', token);
        this.#tags.set(directive.handle, directive.prefix);
      }
    }
    for (const [handle, prefix] of DEFAULT_TAGS) if (!this.#tags.has(handle)) this.#tags.set(handle, prefix);
  }

  #isNext(...kinds: readonly Token['kind'][]): boolean {
    return kinds.includes(this.#scanner.peek().kind);
  }

  /** `inBlock`: blocks may begin here. `indentless`: so may a list that is indented no further than the key that holds it. */
  #node(inBlock: boolean, indentless: boolean): YamlNode {
    const first = this.#scanner.peek();
    if (first.kind === 'alias') return this.#alias(this.#scanner.take());
    const levels = first.kind === 'scalar' ? 0 : 1;
    this.#depth += levels;
    if (this.#depth > this.#maxDepth)
      throw new YamlDepthError(this.#maxDepth, first.at, first.line === 0 ? undefined : first.line + 1);
    const properties = this.#properties(first);
    const node = this.#content(properties, inBlock, indentless);
    this.#depth -= levels;
    return node;
  }

  #alias({ text: name, at }: Token): YamlNode {
    const target = this.#anchors.get(name);
    if (target === undefined) throw new YamlError(`unknown anchor '${name}' referenced`, at);
    this.targets.add(target);
    return { kind: 'alias', at, name, target };
  }

  #properties({ at, line }: Token): Properties {
    let anchor = '';
    let tag: Token | undefined;
    for (;;) {
      if (anchor === '' && this.#isNext('anchor')) anchor = this.#scanner.take().text;
      else if (tag === undefined && this.#isNext('tag')) tag = this.#scanner.take();
      else break;
    }
    return { at, line, anchor, tag: tag === undefined ? '' : this.#fullTag(tag, line) };
  }

  #fullTag(token: Token, line: number): string {
    const { handle, suffix } = token.more as WrittenTag;
    if (handle === '') return suffix;
    const prefix = this.#tags.get(handle);
    return prefix === undefined ? fail('found undefined tag handle', token, line) : prefix + suffix;
  }

  #content({ at, line, anchor, tag }: Properties, inBlock: boolean, indentless: boolean): YamlNode {
    const token = this.#scanner.peek();
    const named = <T extends YamlNode>(node: T): T => {
      if (anchor !== '') this.#anchors.set(anchor, node);
      return node;
    };
    switch (token.kind) {
      case 'scalar':
        this.#scanner.take();
        return named({ kind: 'scalar', at, text: token.text, isPlain: token.isPlain, tag });
      case 'flow-list':
        return this.#flowList(named({ kind: 'list', at, items: [] }));
      case 'flow-map':
        return this.#flowMap(named({ kind: 'map', at, entries: [] }));
      case 'block-entry':
        if (indentless) return this.#indentlessList(named({ kind: 'list', at, items: [] }));
        break;
      case 'block-list':
        if (inBlock) return this.#blockList(named({ kind: 'list', at, items: [] }));
        break;
      case 'block-map':
        if (inBlock) return this.#blockMap(named({ kind: 'map', at, entries: [] }));
        break;
    }
    if (anchor !== '' || tag !== '') return named({ kind: 'scalar', at, text: '', isPlain: true, tag });
    return fail('did not find expected node content', token, line);
  }

  #blockList(list: YamlList): YamlList {
    const start = this.#scanner.take();
    while (this.#isNext('block-entry')) {
      const entry = this.#scanner.take();
      list.items.push(this.#isNext('block-entry', 'block-end') ? emptyAt(entry.at + 1) : this.#node(true, false));
    }
    const end = this.#scanner.take();
    if (end.kind !== 'block-end') fail("did not find expected '-' indicator", end, start.line);
    return list;
  }

  #indentlessList(list: YamlList): YamlList {
    while (this.#isNext('block-entry')) {
      const entry = this.#scanner.take();
      const isEmpty = this.#isNext('block-entry', 'key', 'value', 'block-end');
      list.items.push(isEmpty ? emptyAt(entry.at + 1) : this.#node(true, false));
    }
    return list;
  }

  #blockMap(map: YamlMap): YamlMap {
    const start = this.#scanner.take();
    while (this.#isNext('key')) {
      const key = this.#blockPart(this.#scanner.take().at);
      const value = this.#isNext('value')
        ? this.#blockPart(this.#scanner.take().at + 1)
        : emptyAt(this.#scanner.peek().at);
      map.entries.push({ key, value });
    }
    const end = this.#scanner.take();
    if (end.kind !== 'block-end') fail('did not find expected key', end, start.line);
    return map;
  }

  /** What stands behind `?` or `:`, which may be nothing. */
  #blockPart(emptyFrom: number): YamlNode {
    return this.#isNext('key', 'value', 'block-end') ? emptyAt(emptyFrom) : this.#node(true, true);
  }

  #flowList(list: YamlList): YamlList {
    const start = this.#scanner.take();
    while (!this.#isNext('flow-list-end')) {
      if (list.items.length > 0) this.#takeComma("did not find expected ',' or ']'", start);
      if (this.#isNext('flow-list-end')) break;
      list.items.push(this.#isNext('key') ? this.#pairInList() : this.#node(false, false));
    }
    this.#scanner.take();
    return list;
  }

  /** `[a: b]` is a list of one map of one entry. */
  #pairInList(): YamlMap {
    const { at } = this.#scanner.take();
    const key = this.#isNext('value', 'flow-entry', 'flow-list-end') ? emptyAt(at) : this.#node(false, false);
    return { kind: 'map', at, entries: [{ key, value: this.#flowValue('flow-list-end') }] };
  }

  #flowMap(map: YamlMap): YamlMap {
    const start = this.#scanner.take();
    while (!this.#isNext('flow-map-end')) {
      if (map.entries.length > 0) this.#takeComma("did not find expected ',' or '}'", start);
      if (this.#isNext('flow-map-end')) break;
      map.entries.push(this.#flowEntry());
    }
    this.#scanner.take();
    return map;
  }

  #flowEntry(): YamlMap['entries'][number] {
    if (!this.#isNext('key')) {
      const key = this.#node(false, false);
      return { key, value: emptyAt(this.#scanner.peek().at) };
    }
    this.#scanner.take();
    const isEmpty = this.#isNext('value', 'flow-entry', 'flow-map-end');
    const key = isEmpty ? emptyAt(this.#scanner.peek().at) : this.#node(false, false);
    return { key, value: this.#flowValue('flow-map-end') };
  }

  #flowValue(end: Token['kind']): YamlNode {
    if (this.#isNext('value')) {
      this.#scanner.take();
      if (!this.#isNext('flow-entry', end)) return this.#node(false, false);
    }
    return emptyAt(this.#scanner.peek().at);
  }

  #takeComma(otherwise: string, start: Token): void {
    const token = this.#scanner.peek();
    if (token.kind !== 'flow-entry') fail(otherwise, token, start.line);
    this.#scanner.take();
  }
}

function emptyAt(at: number): YamlScalar {
  return { kind: 'scalar', at, text: '', isPlain: true, tag: '' };
}

/** A token that does not belong where it is. Upstream's parser names the line before it, and that where something began if there is none. */
function fail(problem: string, { at, line }: Token, beganOnLine = 0): never {
  const named = line !== 0 ? line : beganOnLine;
  throw new YamlError(problem, at, named === 0 ? undefined : named);
}
