import { YamlError } from './yaml-error.ts';

/** Character codes; what is not there, behind the end of the text, is NaN and equal to none. */
export function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

export function isBreak(code: number): boolean {
  return code === 0x0a || code === 0x0d || code === 0x85 || code === 0x2028 || code === 0x2029;
}

export function isBreakOrEnd(code: number): boolean {
  return isBreak(code) || Number.isNaN(code);
}

export function isBlankOrEnd(code: number): boolean {
  return isBlank(code) || isBreakOrEnd(code);
}

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** What names of anchors, handles and directives are made of. */
export function isWord(code: number): boolean {
  return (
    isDigit(code) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a) || code === 0x5f || code === 0x2d
  );
}

/** A place in a text that knows its line. */
export class Cursor {
  readonly text: string;
  at = 0;
  /** Counted from 0. */
  line = 0;
  #lineStart = 0;

  constructor(text: string) {
    this.text = text;
    // The mark of the byte order is no part of the first line.
    if (this.peek() === 0xfeff) this.at = this.#lineStart = 1;
  }

  get column(): number {
    return this.at - this.#lineStart;
  }

  /** The character here, or so many further on. */
  peek(ahead = 0): number {
    return this.text.charCodeAt(this.at + ahead);
  }

  get atEnd(): boolean {
    return this.at >= this.text.length;
  }

  /** Passes a line break and gives what stands for it in a value: line and paragraph separators stand for themselves. */
  takeBreak(): string {
    const code = this.peek();
    this.at += code === 0x0d && this.peek(1) === 0x0a ? 2 : 1;
    this.line++;
    this.#lineStart = this.at;
    return code === 0x2028 || code === 0x2029 ? String.fromCharCode(code) : '\n';
  }

  skipBlanks(): void {
    while (isBlank(this.peek())) this.at++;
  }

  /** Passes a comment, where one begins here. The line break behind it stays. */
  skipComment(): void {
    if (this.peek() !== 0x23) return;
    while (!isBreakOrEnd(this.peek())) this.at++;
  }

  /** True for `---` and `...` at the beginning of a line. */
  get atDocumentMark(): boolean {
    const code = this.peek();
    return (
      this.column === 0 &&
      (code === 0x2d || code === 0x2e) &&
      this.peek(1) === code &&
      this.peek(2) === code &&
      isBlankOrEnd(this.peek(3))
    );
  }

  /** Goes to the line behind the last where the text ends in the middle of one. */
  finish(): void {
    if (this.column === 0) return;
    this.line++;
    this.#lineStart = this.at;
  }

  /** A problem here; upstream names the line where something began only if the problem is in the first. */
  fail(problem: string, beganOnLine = 0): never {
    const line = this.line !== 0 ? this.line + 1 : beganOnLine;
    throw new YamlError(problem, this.at, line === 0 ? undefined : line);
  }
}
