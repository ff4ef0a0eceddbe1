import { Cursor, isBlankOrEnd, isBreak } from './cursor.ts';
import { scanBlock, scanPlain, scanQuoted } from './scan-scalar.ts';
import { type Directive, scanAnchor, scanDirective, scanTag, type WrittenTag } from './scan-tag.ts';
import { YamlError } from './yaml-error.ts';

export type TokenKind =
  | 'directive'
  | 'document-start'
  | 'document-end'
  | 'stream-end'
  | 'block-list'
  | 'block-map'
  | 'block-end'
  | 'block-entry'
  | 'flow-list'
  | 'flow-list-end'
  | 'flow-map'
  | 'flow-map-end'
  | 'flow-entry'
  | 'key'
  | 'value'
  | 'alias'
  | 'anchor'
  | 'tag'
  | 'scalar';

export interface Token {
  readonly kind: TokenKind;
  readonly at: number;
  /** Counted from 0. */
  readonly line: number;
  /** The value of a scalar, the name of an anchor or alias. */
  readonly text: string;
  /** Of a scalar: written without quotes and not as a block. */
  readonly isPlain: boolean;
  readonly more: Directive | WrittenTag | undefined;
}

type ScalarStyle = 'plain' | 'quoted' | 'block-scalar';

const NO_TOKEN = 'found character that cannot start any token';

/** What a character always means; undefined where nothing can begin with it. */
const INDICATORS = new Map(
  Object.entries({
    '[': 'flow-list',
    '{': 'flow-map',
    ']': 'flow-list-end',
    '}': 'flow-map-end',
    ',': 'flow-entry',
    '*': 'alias',
    '&': 'anchor',
    '!': 'tag',
    "'": 'quoted',
    '"': 'quoted',
    '%': undefined,
    '@': undefined,
    '`': undefined,
    '\t': undefined,
  } as const).map(([character, begins]) => [character.charCodeAt(0), begins]),
);

/** Where a key may have begun without saying so by `?`: a `:` behind it will tell. */
interface SimpleKey {
  /** The token with which it begins, counted from the first of the text. */
  readonly token: number;
  /** In the block context nothing but a key can stand at its place. */
  readonly isRequired: boolean;
  readonly at: number;
  readonly line: number;
  readonly column: number;
}

/** A simple key ends on its line and has no more characters than this. */
const MAX_SIMPLE_KEY = 1024;

/** So many tokens that were taken stay in the queue at the most. */
const MAX_TAKEN = 4096;

/** What YAML 1.1 does not allow anywhere in a text. */
const CONTROL = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/**
 * Reads the tokens of YAML 1.1 as upstream's reader does: what indentation means is tokens as well (`block-map`, `block-end`), and so is the key
 * that only the colon behind it shows to be one. Throws YamlError.
 */
export class Scanner {
  readonly #cursor: Cursor;
  readonly #queue: Token[] = [];
  #head = 0;
  /** Tokens that were taken. */
  #taken = 0;
  #flowLevel = 0;
  #indent = -1;
  readonly #indents: number[] = [];
  /** The possible key of every flow level, the block context first. */
  readonly #keys: (SimpleKey | undefined)[] = [undefined];
  /** The levels of possible keys by their tokens. */
  readonly #keyLevels = new Map<number, number>();
  #keyAllowed = true;
  #ended = false;

  constructor(text: string) {
    const found = CONTROL.exec(text);
    if (found !== null) throw new YamlError('control characters are not allowed', found.index);
    this.#cursor = new Cursor(text);
  }

  /** The next token, which stays. */
  peek(): Token {
    while (this.#needsMore()) this.#fetch();
    return this.#queue[this.#head] as Token;
  }

  /** The next token, which is taken. The end of the stream can be taken again and again. */
  take(): Token {
    const token = this.peek();
    if (token.kind === 'stream-end') return token;
    this.#head++;
    this.#taken++;
    if (this.#head === this.#queue.length || this.#head === MAX_TAKEN) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    return token;
  }

  /** As long as the next token may turn out to begin a key, another one may come before it. */
  #needsMore(): boolean {
    if (this.#head === this.#queue.length) return true;
    const level = this.#keyLevels.get(this.#taken);
    return level !== undefined && this.#isPossible(level) && !this.#ended;
  }

  #push(kind: TokenKind, at: number, line: number, text = '', isPlain = false, more?: Token['more']): void {
    this.#queue.push({ kind, at, line, text, isPlain, more });
  }

  /** A token of so many characters, which are passed. */
  #pushIndicator(kind: TokenKind, length = 1): void {
    const { at, line } = this.#cursor;
    this.#cursor.at += length;
    this.#push(kind, at, line);
  }

  #fetch(): void {
    this.#skipToToken();
    this.#unroll(this.#cursor.column);
    const begins = this.#beginsHere();
    switch (begins) {
      case 'stream-end':
        this.#fetchEnd();
        break;
      case 'directive':
        this.#fetchDirective();
        break;
      case 'document-start':
      case 'document-end':
        this.#leaveBlocks();
        this.#pushIndicator(begins, 3);
        break;
      case 'flow-list':
      case 'flow-map':
        this.#fetchFlowStart(begins);
        break;
      case 'flow-list-end':
      case 'flow-map-end':
        this.#fetchFlowEnd(begins);
        break;
      case 'flow-entry':
        this.#dropKey();
        this.#keyAllowed = true;
        this.#pushIndicator(begins);
        break;
      case 'block-entry':
        this.#fetchBlockEntry();
        break;
      case 'key':
        this.#fetchKey();
        break;
      case 'value':
        this.#fetchValue();
        break;
      case 'block-scalar':
        this.#fetchBlockScalar();
        break;
      default:
        this.#fetchKeyPart(begins);
    }
  }

  #beginsHere(): Exclude<TokenKind, 'block-list' | 'block-map' | 'block-end' | 'scalar'> | ScalarStyle {
    const cursor = this.#cursor;
    const code = cursor.peek();
    if (cursor.atEnd) return 'stream-end';
    if (cursor.column === 0 && code === 0x25) return 'directive';
    if (cursor.atDocumentMark) return code === 0x2d ? 'document-start' : 'document-end';
    const inFlow = this.#flowLevel > 0;
    switch (code) {
      case 0x2d: // -
        return isBlankOrEnd(cursor.peek(1)) ? 'block-entry' : 'plain';
      case 0x3f: // ?
        return inFlow || isBlankOrEnd(cursor.peek(1)) ? 'key' : 'plain';
      case 0x3a: // :
        return inFlow || isBlankOrEnd(cursor.peek(1)) ? 'value' : 'plain';
      case 0x7c: // | and >
      case 0x3e:
        return inFlow ? cursor.fail(NO_TOKEN) : 'block-scalar';
      default:
        if (!INDICATORS.has(code)) return 'plain';
        return INDICATORS.get(code) ?? cursor.fail(NO_TOKEN);
    }
  }

  /** Tabs count as blanks where no key may begin. */
  #skipToToken(): void {
    const cursor = this.#cursor;
    for (;;) {
      const tabs = this.#flowLevel > 0 || !this.#keyAllowed;
      while (cursor.peek() === 0x20 || (tabs && cursor.peek() === 0x09)) cursor.at++;
      cursor.skipComment();
      if (!isBreak(cursor.peek())) return;
      cursor.takeBreak();
      if (this.#flowLevel === 0) this.#keyAllowed = true;
    }
  }

  /** Ends the blocks that are indented deeper than a column. */
  #unroll(column: number): void {
    if (this.#flowLevel > 0) return;
    for (; this.#indent > column; this.#indent = this.#indents.pop() ?? -1)
      this.#push('block-end', this.#cursor.at, this.#cursor.line);
  }

  /** Begins a block where a column is further in than the last one; its token comes where `position` says, or last. */
  #roll(column: number, kind: TokenKind, at: number, line: number, position?: number): void {
    if (this.#flowLevel > 0 || this.#indent >= column) return;
    this.#indents.push(this.#indent);
    this.#indent = column;
    const token: Token = { kind, at, line, text: '', isPlain: false, more: undefined };
    if (position === undefined) this.#queue.push(token);
    else this.#queue.splice(position, 0, token);
  }

  #isPossible(level: number): boolean {
    const key = this.#keys[level];
    if (key === undefined) return false;
    const { line, at } = this.#cursor;
    if (key.line >= line && key.at + MAX_SIMPLE_KEY >= at) return true;
    this.#forgetKey(level, key);
    return false;
  }

  #saveKey(): void {
    if (!this.#keyAllowed) return;
    const { at, line, column } = this.#cursor;
    this.#dropKey();
    const token = this.#taken + this.#queue.length - this.#head;
    const isRequired = this.#flowLevel === 0 && this.#indent === column;
    this.#keys[this.#flowLevel] = { token, isRequired, at, line, column };
    this.#keyLevels.set(token, this.#flowLevel);
  }

  /** What may have been a key on this level is none. */
  #dropKey(): void {
    const key = this.#keys[this.#flowLevel];
    if (key !== undefined) this.#forgetKey(this.#flowLevel, key);
  }

  #forgetKey(level: number, key: SimpleKey): void {
    if (key.isRequired) this.#cursor.fail("could not find expected ':'", key.line);
    this.#keys[level] = undefined;
    this.#keyLevels.delete(key.token);
  }

  #fetchEnd(): void {
    const cursor = this.#cursor;
    cursor.finish();
    this.#unroll(-1);
    this.#dropKey();
    this.#keyAllowed = false;
    this.#push('stream-end', cursor.at, cursor.line);
    this.#ended = true;
  }

  #leaveBlocks(): void {
    this.#unroll(-1);
    this.#dropKey();
    this.#keyAllowed = false;
  }

  #fetchDirective(): void {
    const { at, line } = this.#cursor;
    this.#leaveBlocks();
    this.#push('directive', at, line, '', false, scanDirective(this.#cursor));
  }

  #fetchFlowStart(kind: TokenKind): void {
    this.#saveKey();
    this.#flowLevel++;
    this.#keys.push(undefined);
    this.#keyAllowed = true;
    this.#pushIndicator(kind);
  }

  #fetchFlowEnd(kind: TokenKind): void {
    this.#dropKey();
    if (this.#flowLevel > 0) {
      this.#flowLevel--;
      this.#keys.pop();
    }
    this.#keyAllowed = false;
    this.#pushIndicator(kind);
  }

  #fetchBlockEntry(): void {
    const { at, line, column } = this.#cursor;
    if (this.#flowLevel === 0) {
      if (!this.#keyAllowed) this.#cursor.fail('block sequence entries are not allowed in this context', line);
      this.#roll(column, 'block-list', at, line);
    }
    this.#dropKey();
    this.#keyAllowed = true;
    this.#pushIndicator('block-entry');
  }

  #fetchKey(): void {
    const { at, line, column } = this.#cursor;
    if (this.#flowLevel === 0) {
      if (!this.#keyAllowed) this.#cursor.fail('mapping keys are not allowed in this context', line);
      this.#roll(column, 'block-map', at, line);
    }
    this.#dropKey();
    this.#keyAllowed = this.#flowLevel === 0;
    this.#pushIndicator('key');
  }

  #fetchValue(): void {
    const { at, line, column } = this.#cursor;
    const key = this.#isPossible(this.#flowLevel) ? this.#keys[this.#flowLevel] : undefined;
    if (key !== undefined) {
      const position = this.#head + key.token - this.#taken;
      const token: Token = { kind: 'key', at: key.at, line: key.line, text: '', isPlain: false, more: undefined };
      this.#queue.splice(position, 0, token);
      this.#roll(key.column, 'block-map', key.at, key.line, position);
      this.#keys[this.#flowLevel] = undefined;
      this.#keyLevels.delete(key.token);
      this.#keyAllowed = false;
    } else {
      if (this.#flowLevel === 0) {
        if (!this.#keyAllowed) this.#cursor.fail('mapping values are not allowed in this context', line);
        this.#roll(column, 'block-map', at, line);
      }
      this.#keyAllowed = this.#flowLevel === 0;
    }
    this.#pushIndicator('value');
  }

  /** What may be a key, or be before one, and is followed by none. */
  #fetchKeyPart(begins: 'alias' | 'anchor' | 'tag' | 'plain' | 'quoted'): void {
    const { at, line } = this.#cursor;
    this.#saveKey();
    this.#keyAllowed = false;
    if (begins === 'tag') this.#push('tag', at, line, '', false, scanTag(this.#cursor));
    else if (begins === 'quoted') this.#push('scalar', at, line, scanQuoted(this.#cursor));
    else if (begins === 'plain') {
      const { value, endsOnOtherLine } = scanPlain(this.#cursor, this.#flowLevel > 0, this.#indent + 1);
      if (endsOnOtherLine) this.#keyAllowed = true;
      this.#push('scalar', at, line, value, true);
    } else this.#push(begins, at, line, scanAnchor(this.#cursor));
  }

  #fetchBlockScalar(): void {
    const { at, line } = this.#cursor;
    this.#dropKey();
    this.#keyAllowed = true;
    this.#push('scalar', at, line, scanBlock(this.#cursor, this.#indent));
  }
}
