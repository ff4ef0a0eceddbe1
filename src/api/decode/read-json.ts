import { goQuoteChar } from '../go-quote.ts';
import { DEFAULT_LIMITS, type SourceEntry, SourceError, type SourceLimits, type SourceNode } from './source.ts';

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
const SPACE = /[ \t\r\n]*/y;

/**
 * Reads the JSON value at `start` of a text. Returns it and the offset behind it and the white space that follows.
 * Duplicate keys are kept, for the schema walk to report. Throws SourceError.
 */
export function readJson(
  text: string,
  start = 0,
  limits: SourceLimits = DEFAULT_LIMITS,
): { readonly node: SourceNode; readonly end: number } {
  const reader = new JsonReader(text, start, limits);
  reader.space();
  const node = reader.value();
  reader.space();
  return { node, end: reader.at };
}

/** A list or map that has begun. */
interface Open {
  readonly node: SourceNode;
  readonly end: ']' | '}';
  add(value: SourceNode): void;
  /** The key of the value that comes next. */
  key(key: string, keyOffset: number): void;
}

function isOpen(begun: SourceNode | Open): begun is Open {
  return 'end' in begun;
}

function openList(offset: number): Open {
  const items: SourceNode[] = [];
  return { node: { kind: 'list', offset, items }, end: ']', add: value => items.push(value), key: () => {} };
}

function openMap(offset: number): Open {
  const entries: SourceEntry[] = [];
  let next = { key: '', keyOffset: offset };
  return {
    node: { kind: 'map', offset, entries },
    end: '}',
    add: value => entries.push({ ...next, value }),
    key: (key, keyOffset) => {
      next = { key, keyOffset };
    },
  };
}

class JsonReader {
  at: number;
  readonly #text: string;
  readonly #limits: SourceLimits;
  #nodes = 0;

  constructor(text: string, start: number, limits: SourceLimits) {
    this.#text = text;
    this.at = start;
    this.#limits = limits;
  }

  space(): void {
    SPACE.lastIndex = this.at;
    SPACE.test(this.#text);
    this.at = SPACE.lastIndex;
  }

  /** Without recursion: what encloses the place is kept in a list, since a body may be nested deeper than the stack holds. */
  value(): SourceNode {
    const open: Open[] = [];
    for (;;) {
      const begun = this.#begin(open.length);
      if (isOpen(begun)) {
        this.at++;
        this.space();
        if (!this.#take(begun.end)) {
          open.push(begun);
          this.#nextKey(begun);
          continue;
        }
      }
      const whole = this.#close(open, isOpen(begun) ? begun.node : begun);
      if (whole !== undefined) return whole;
    }
  }

  /** Puts a node where it belongs, and ends what ends behind it. Returns the outermost when that has ended. */
  #close(open: Open[], ended: SourceNode): SourceNode | undefined {
    let node = ended;
    for (let around = open.at(-1); around !== undefined; around = open.at(-1)) {
      around.add(node);
      this.space();
      if (!this.#take(around.end)) {
        this.#expect(',', around.end === '}' ? 'after object key:value pair' : 'after array element');
        this.space();
        this.#nextKey(around);
        return undefined;
      }
      node = around.node;
      open.pop();
    }
    return node;
  }

  #begin(depth: number): SourceNode | Open {
    const offset = this.at;
    if (depth > this.#limits.maxDepth) throw new SourceError(`is nested deeper than ${this.#limits.maxDepth}`, offset);
    if (++this.#nodes > this.#limits.maxNodes)
      throw new SourceError(`holds more than ${this.#limits.maxNodes} values`, offset);
    switch (this.#text[offset]) {
      case '{':
        return openMap(offset);
      case '[':
        return openList(offset);
      case '"':
        return { kind: 'scalar', offset, value: this.#string() };
    }
    for (const [word, value] of [
      ['true', true],
      ['false', false],
    ] as const)
      if (this.#word(word)) return { kind: 'scalar', offset, value };
    if (this.#word('null')) return { kind: 'null', offset };
    const source = this.#match(NUMBER);
    if (source !== undefined) return { kind: 'scalar', offset, value: Number(source), source };
    throw this.#unexpected('looking for beginning of value');
  }

  /** In a map, a key comes before each value. */
  #nextKey(around: Open): void {
    if (around.end !== '}') return;
    const keyOffset = this.at;
    if (this.#text[keyOffset] !== '"') throw this.#unexpected('looking for beginning of object key string');
    around.key(this.#string(), keyOffset);
    this.space();
    this.#expect(':', 'after object key');
    this.space();
  }

  #string(): string {
    const offset = this.at;
    let end = offset + 1;
    while (end < this.#text.length && this.#text[end] !== '"') end += this.#text[end] === '\\' ? 2 : 1;
    try {
      const value = JSON.parse(this.#text.slice(offset, end + 1)) as string;
      this.at = end + 1;
      return value;
    } catch {
      throw end >= this.#text.length
        ? new SourceError('unexpected end of JSON input', this.#text.length)
        : new SourceError('invalid JSON string: it holds a bad escape or a control character', offset);
    }
  }

  #word(word: string): boolean {
    if (!this.#text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  #take(char: string): boolean {
    if (this.#text[this.at] !== char) return false;
    this.at++;
    return true;
  }

  #expect(char: string, where: string): void {
    if (!this.#take(char)) throw this.#unexpected(where);
  }

  #unexpected(where: string): SourceError {
    const char = this.#text[this.at];
    return char === undefined
      ? new SourceError('unexpected end of JSON input', this.at)
      : new SourceError(`invalid character ${goQuoteChar(char)} ${where}`, this.at);
  }
}
