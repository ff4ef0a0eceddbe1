import type { LogOptions } from './log-options.ts';

const SPACE = 0x20;
const NEWLINE = Buffer.from('\n');

/**
 * Turns lines of a CRI log (`time stream tag text`) into what clients read: the text, with its time in front where that is asked for, and without what is older.
 * A partial line (`P`) goes on in the next one, so it gets no newline and the next no time.
 */
export class LogLines {
  readonly #options: Pick<LogOptions, 'timestamps' | 'since'>;
  #left: number;
  #begins = true;

  constructor(options: Pick<LogOptions, 'timestamps' | 'since' | 'limitBytes'>) {
    this.#options = options;
    this.#left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  }

  /** True once the limit of bytes is reached: there will be nothing more. */
  get full(): boolean {
    return this.#left <= 0;
  }

  /** `line` is without its newline. Empty for what is left out, and for what is no line of a log. */
  text(line: Buffer): readonly Buffer[] {
    const parsed = parseLine(line);
    if (parsed === undefined || this.full) return [];
    const { since, timestamps } = this.#options;
    if (since !== undefined && Date.parse(parsed.time) < since) return [];
    const parts: Buffer[] = [];
    if (timestamps && this.#begins) parts.push(Buffer.from(`${nanoTime(parsed.time)} `));
    parts.push(parsed.text);
    if (!parsed.partial) parts.push(NEWLINE);
    this.#begins = !parsed.partial || parsed.text.length === 0;
    return parts.map(part => this.#within(part)).filter(part => part.length > 0);
  }

  #within(part: Buffer): Buffer {
    const kept = part.length > this.#left ? part.subarray(0, Math.max(0, this.#left)) : part;
    this.#left -= part.length;
    return kept;
  }
}

interface ParsedLine {
  readonly time: string;
  readonly partial: boolean;
  readonly text: Buffer;
}

function parseLine(line: Buffer): ParsedLine | undefined {
  const first = line.indexOf(SPACE);
  const second = first < 0 ? -1 : line.indexOf(SPACE, first + 1);
  if (second < 0) return undefined;
  const third = line.indexOf(SPACE, second + 1);
  const end = third < 0 ? line.length : third;
  const time = line.toString('latin1', 0, first);
  const stream = line.toString('latin1', first + 1, second);
  if ((stream !== 'stdout' && stream !== 'stderr') || Number.isNaN(Date.parse(time))) return undefined;
  // tags are apart by colons, and the first says whether the line is whole
  const [tag] = line.toString('latin1', second + 1, end).split(':');
  return { time, partial: tag === 'P', text: third < 0 ? Buffer.alloc(0) : line.subarray(third + 1) };
}

/** With nine digits of the second, as clients are told times of lines. */
function nanoTime(time: string): string {
  const match = /^(.*T\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/.exec(time);
  if (match === null) return time;
  const [, seconds = '', fraction = '', zone = ''] = match;
  return `${seconds}.${fraction.padEnd(9, '0')}${zone === '+00:00' || zone === '-00:00' ? 'Z' : zone}`;
}
