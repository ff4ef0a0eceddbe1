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
  const node = reader.value(0);
  reader.space();
  return { node, end: reader.at };
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

  value(depth: number): SourceNode {
    const offset = this.at;
    if (depth > this.#limits.maxDepth) throw new SourceError(`is nested deeper than ${this.#limits.maxDepth}`, offset);
    if (++this.#nodes > this.#limits.maxNodes)
      throw new SourceError(`holds more than ${this.#limits.maxNodes} values`, offset);
    switch (this.#text[offset]) {
      case '{':
        return this.#map(offset, depth);
      case '[':
        return this.#list(offset, depth);
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

  #map(offset: number, depth: number): SourceNode {
    const entries: SourceEntry[] = [];
    this.at++;
    this.space();
    while (!this.#take('}')) {
      if (entries.length > 0) {
        this.#expect(',', 'after object key:value pair');
        this.space();
      }
      const keyOffset = this.at;
      if (this.#text[keyOffset] !== '"') throw this.#unexpected('looking for beginning of object key string');
      const key = this.#string();
      this.space();
      this.#expect(':', 'after object key');
      this.space();
      entries.push({ key, keyOffset, value: this.value(depth + 1) });
      this.space();
    }
    return { kind: 'map', offset, entries };
  }

  #list(offset: number, depth: number): SourceNode {
    const items: SourceNode[] = [];
    this.at++;
    this.space();
    while (!this.#take(']')) {
      if (items.length > 0) {
        this.#expect(',', 'after array element');
        this.space();
      }
      items.push(this.value(depth + 1));
      this.space();
    }
    return { kind: 'list', offset, items };
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
      : new SourceError(`invalid character '${char}' ${where}`, this.at);
  }
}
