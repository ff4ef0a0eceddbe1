import { StringDecoder } from 'node:string_decoder';
import type { TerminalSize } from './remote-command.ts';

/** A size is about 30 bytes. */
const MAX_SIZE_BYTES = 1024;
const MAX_CELLS = 0xffff;

/**
 * Reads the JSON objects of a resize stream, `{"Width":80,"Height":24}` one after another, however they are cut. What is no size ends the stream's meaning, as
 * upstream: later ones are not looked at.
 */
export class ResizeDecoder {
  readonly #onSize: (size: TerminalSize) => void;
  readonly #decoder = new StringDecoder('utf8');
  #text = '';
  #broken = false;

  constructor(onSize: (size: TerminalSize) => void) {
    this.#onSize = onSize;
  }

  write(piece: Buffer): void {
    if (this.#broken) return;
    this.#text += this.#decoder.write(piece);
    for (;;) {
      const end = this.#text.indexOf('}') + 1;
      if (end === 0) break;
      const size = readSize(this.#text.slice(0, end));
      this.#text = this.#text.slice(end);
      if (size === undefined) this.#broken = true;
      else this.#onSize(size);
      if (this.#broken) return;
    }
    if (this.#text.length > MAX_SIZE_BYTES) this.#broken = true;
  }
}

/** The JSON for a size. */
export function encodeSize({ width, height }: TerminalSize): Buffer {
  return Buffer.from(`{"Width":${width},"Height":${height}}\n`);
}

function readSize(text: string): TerminalSize | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const fields = new Map(Object.entries(value ?? {}).map(([name, cells]) => [name.toLowerCase(), cells]));
  const width: unknown = fields.get('width') ?? 0;
  const height: unknown = fields.get('height') ?? 0;
  return isCells(width) && isCells(height) ? { width, height } : undefined;
}

function isCells(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_CELLS;
}
