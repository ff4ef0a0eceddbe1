import { HEADER_DICTIONARY } from './dictionary.ts';
import { PiecewiseInflate } from './inflate.ts';

/** Names in lower case. Several values of one name are joined with a NUL on the wire; peers here send one each. */
export type SpdyHeaders = Readonly<Record<string, string>>;

/** Of one block, decompressed. Those of Kubernetes have about 100 bytes. */
const MAX_BLOCK_BYTES = 32 * 1024;
const MAX_HEADERS = 100;

/** An empty stored block: Go's inflate gives nothing out before it. */
const FLUSH = Buffer.from([0x00, 0x00, 0x00, 0xff, 0xff]);

/** The peer's header blocks of one connection, in their order: each needs those before it. */
export class HeaderBlockReader {
  readonly #inflate = new PiecewiseInflate(HEADER_DICTIONARY, MAX_BLOCK_BYTES);

  /** Throws where the block is broken or too large; no later block can be read then. */
  read(compressed: Buffer): SpdyHeaders {
    const block = this.#inflate.inflate(compressed);
    let at = 0;
    const number = (): number => {
      if (at + 4 > block.length) throw new Error('header block is cut off');
      at += 4;
      return block.readUInt32BE(at - 4);
    };
    const text = (): string => {
      const length = number();
      if (length > block.length - at) throw new Error('header block is cut off');
      at += length;
      return block.toString('utf8', at - length, at);
    };
    const count = number();
    if (count > MAX_HEADERS) throw new Error(`header block has ${count} headers`);
    const headers: Record<string, string> = Object.create(null);
    for (let i = 0; i < count; i++) {
      const name = text().toLowerCase();
      if (name === '' || name in headers)
        throw new Error(`header block has ${name === '' ? 'an empty' : 'twice one'} name`);
      headers[name] = text();
    }
    if (at !== block.length) throw new Error('header block has more than its headers');
    return headers;
  }
}

/** Our header blocks of one connection. They are stored, not compressed: a zlib stream may be so, and it needs neither state nor a thread. */
export class HeaderBlockWriter {
  #begun = false;

  write(headers: SpdyHeaders): Buffer {
    const entries = Object.entries(headers);
    const pieces: Buffer[] = [];
    const number = (value: number): void => {
      const piece = Buffer.alloc(4);
      piece.writeUInt32BE(value);
      pieces.push(piece);
    };
    const text = (value: string): void => {
      const bytes = Buffer.from(value);
      number(bytes.length);
      pieces.push(bytes);
    };
    number(entries.length);
    for (const [name, value] of entries) {
      text(name.toLowerCase());
      text(value);
    }
    const block = Buffer.concat(pieces);
    const stored = Buffer.alloc(5);
    stored.writeUInt16LE(block.length, 1);
    stored.writeUInt16LE(block.length ^ 0xffff, 3);
    // 32 KiB window, no dictionary; the check bits make it a multiple of 31
    const head = this.#begun ? Buffer.alloc(0) : Buffer.from([0x78, 0x01]);
    this.#begun = true;
    return Buffer.concat([head, stored, block, FLUSH]);
  }
}
