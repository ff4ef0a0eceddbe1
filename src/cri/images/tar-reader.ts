import { isUtf8 } from 'node:buffer';
import { invalidArgument } from '../../base/errors.ts';

/**
 * Reads a tar stream (ustar, pax, GNU long names) pushed in chunks. Names and link names are text in UTF-8, and an entry whose name is not
 * is refused: read as text it would get another name, perhaps that of its neighbour. pax values that may be binary (extended attributes, file
 * capabilities among them) stay bytes, which is why no ready-made reader serves here.
 */

export type TarEntryType = 'file' | 'hardlink' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo';

export interface TarHeader {
  readonly name: string;
  readonly type: TarEntryType;
  readonly linkName: string;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds since the epoch, with a fraction where the archive has one. */
  readonly mtime: number;
  readonly devMajor: number;
  readonly devMinor: number;
  /** Extended attributes by name (SCHILY.xattr.* of pax). */
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

/** Called in the order of the archive: one `entry`, any number of `data` for a file, one `end`. */
export interface TarHandler {
  entry(header: TarHeader, offset: number): void;
  data(chunk: Buffer): void;
  end(): void;
}

const BLOCK = 512;
const TYPES: Readonly<Record<string, TarEntryType>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};
/** pax and GNU long-name records are held in memory. */
const MAX_META = 1 << 20;
const XATTR_PREFIX = 'SCHILY.xattr.';

type Meta = 'x' | 'g' | 'L' | 'K';

export class TarReader {
  readonly #handler: TarHandler;
  #pending: Buffer = Buffer.alloc(0);
  #offset = 0;
  #remaining = 0;
  #padding = 0;
  #meta: { kind: Meta; chunks: Buffer[] } | undefined;
  #inEntry = false;
  #zeroBlocks = 0;
  #ended = false;
  #global = new Map<string, Buffer>();
  #local = new Map<string, Buffer>();
  #longName: Buffer | undefined;
  #longLink: Buffer | undefined;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /** Takes the next bytes. Throws `invalid-argument` when they are not a tar; what the handler throws passes through. */
  write(chunk: Buffer): void {
    let position = 0;
    if (this.#pending.length > 0) {
      const need = BLOCK - this.#pending.length;
      if (chunk.length < need) {
        this.#pending = Buffer.concat([this.#pending, chunk]);
        return;
      }
      const block = Buffer.concat([this.#pending, chunk.subarray(0, need)]);
      this.#pending = Buffer.alloc(0);
      position = need;
      this.#header(block);
    }
    while (position < chunk.length && !this.#ended) {
      if (this.#remaining > 0) {
        const part = chunk.subarray(position, position + this.#remaining);
        position += part.length;
        this.#offset += part.length;
        this.#remaining -= part.length;
        if (this.#meta === undefined) this.#handler.data(part);
        else this.#meta.chunks.push(Buffer.from(part));
        if (this.#remaining === 0) this.#finish();
      } else if (this.#padding > 0) {
        const skipped = Math.min(this.#padding, chunk.length - position);
        position += skipped;
        this.#offset += skipped;
        this.#padding -= skipped;
      } else if (chunk.length - position < BLOCK) {
        this.#pending = Buffer.from(chunk.subarray(position));
        return;
      } else {
        this.#header(chunk.subarray(position, position + BLOCK));
        position += BLOCK;
      }
    }
  }

  /** Bytes from here on that hold nothing but the content of the current file and its padding. */
  get contentLeft(): number {
    return this.#meta === undefined && this.#pending.length === 0 ? this.#remaining + this.#padding : 0;
  }

  /** Goes on as if the bytes of `contentLeft` had been written; the handler gets no data. For readers that can seek. */
  skipContent(): void {
    const skipped = this.contentLeft;
    if (skipped === 0) return;
    const inFile = this.#remaining > 0;
    this.#offset += skipped;
    this.#remaining = 0;
    this.#padding = 0;
    if (inFile) this.#finish();
  }

  /** Says that no more bytes come. Throws `invalid-argument` when the archive stops in the middle of an entry. */
  close(): void {
    if (this.#ended) return;
    if (this.#remaining > 0 || this.#padding > 0 || this.#pending.length > 0 || this.#meta !== undefined)
      throw broken(`it ends in the middle of an entry, after ${this.#offset} bytes`);
  }

  #header(block: Buffer): void {
    this.#offset += BLOCK;
    if (block[0] === 0 && block.every(b => b === 0)) {
      this.#zeroBlocks += 1;
      if (this.#zeroBlocks === 2) this.#ended = true;
      return;
    }
    this.#zeroBlocks = 0;
    checkSum(block, this.#offset - BLOCK);
    const kind = String.fromCharCode(block[156] ?? 0);
    const size = number(block, 124, 12);
    if (kind === 'x' || kind === 'g' || kind === 'L' || kind === 'K') {
      if (size > MAX_META) throw broken(`a header record has ${size} bytes`);
      this.#meta = { kind, chunks: [] };
      this.#begin(size);
      return;
    }
    const header = this.#entryHeader(block, kind, size);
    this.#inEntry = true;
    this.#handler.entry(header, this.#offset);
    this.#begin(header.type === 'file' ? header.size : 0);
  }

  #begin(size: number): void {
    this.#remaining = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
    if (size === 0) this.#finish();
  }

  #finish(): void {
    const meta = this.#meta;
    if (meta === undefined) {
      if (this.#inEntry) this.#handler.end();
      this.#inEntry = false;
      return;
    }
    this.#meta = undefined;
    const bytes = Buffer.concat(meta.chunks);
    if (meta.kind === 'L') this.#longName = cString(bytes, 0, bytes.length);
    else if (meta.kind === 'K') this.#longLink = cString(bytes, 0, bytes.length);
    else for (const [key, value] of paxRecords(bytes)) (meta.kind === 'g' ? this.#global : this.#local).set(key, value);
  }

  #entryHeader(block: Buffer, kind: string, blockSize: number): TarHeader {
    const pax = this.#global.size === 0 ? this.#local : new Map([...this.#global, ...this.#local]);
    const value = (key: string): string | undefined => pax.get(key)?.toString('utf8');
    const numeric = (key: string, fallback: number): number => {
      const given = value(key);
      if (given === undefined || given === '') return fallback;
      const n = Number(given);
      if (!Number.isFinite(n)) throw broken(`the pax record ${key} is "${given}"`);
      return n;
    };
    const name = nameText(pax.get('path') ?? this.#longName ?? ustarName(block), 'an entry');
    let type = TYPES[kind];
    if (kind === 'S' || [...pax.keys()].some(k => k.startsWith('GNU.sparse.')))
      throw broken(`the entry "${name}" is a sparse file in GNU format, which image layers must not hold`);
    if (type === undefined) throw broken(`the entry "${name}" has the unknown type ${JSON.stringify(kind)}`);
    // Before ustar a directory was a file whose name ends in a slash.
    if (type === 'file' && name.endsWith('/')) type = 'directory';
    const xattrs = new Map<string, Buffer>();
    for (const [key, bytes] of pax) if (key.startsWith(XATTR_PREFIX)) xattrs.set(key.slice(XATTR_PREFIX.length), bytes);
    const size = numeric('size', blockSize);
    if (!Number.isSafeInteger(size) || size < 0) throw broken(`the entry "${name}" has the size ${size}`);
    const header: TarHeader = {
      name,
      type,
      linkName: nameText(
        pax.get('linkpath') ?? this.#longLink ?? cString(block, 157, 100),
        `the target of the entry "${name}"`,
      ),
      mode: number(block, 100, 8) & 0o7777,
      uid: numeric('uid', number(block, 108, 8)),
      gid: numeric('gid', number(block, 116, 8)),
      size,
      mtime: numeric('mtime', number(block, 136, 12)),
      devMajor: number(block, 329, 8),
      devMinor: number(block, 337, 8),
      xattrs,
    };
    this.#local = new Map();
    this.#longName = undefined;
    this.#longLink = undefined;
    return header;
  }
}

function checkSum(block: Buffer, offset: number): void {
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += block[i] ?? 0;
  if (sum !== number(block, 148, 8)) throw broken(`the header at byte ${offset} has a wrong checksum`);
}

/** An octal field, or GNU's base-256 form when the first bit is set. An empty field is 0. */
function number(block: Buffer, start: number, length: number): number {
  const first = block[start] ?? 0;
  if ((first & 0x80) !== 0) {
    let value = (first & 0x40) === 0 ? BigInt(first & 0x7f) : BigInt(first & 0x7f) - 128n;
    for (let i = 1; i < length; i++) value = value * 256n + BigInt(block[start + i] ?? 0);
    return Number(value);
  }
  const digits = block
    .toString('latin1', start, start + length)
    .replace(/\0.*$/s, '')
    .trim();
  if (digits === '') return 0;
  if (!/^[0-7]+$/.test(digits)) throw broken(`a header field is ${JSON.stringify(digits)} instead of an octal number`);
  return Number.parseInt(digits, 8);
}

function cString(buffer: Buffer, start: number, length: number): Buffer {
  const end = buffer.indexOf(0, start);
  return buffer.subarray(start, end < 0 || end > start + length ? start + length : end);
}

function ustarName(block: Buffer): Buffer {
  const name = cString(block, 0, 100);
  const isUstar = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? cString(block, 345, 155) : name.subarray(0, 0);
  return prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]);
}

function nameText(bytes: Buffer, whose: string): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  const shown = bytes.toString('latin1').replace(/[^ -~]/g, c => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
  throw invalidArgument(`${whose} is named "${shown}", which is not UTF-8; such names cannot be unpacked`);
}

function* paxRecords(bytes: Buffer): Generator<[string, Buffer]> {
  let position = 0;
  while (position < bytes.length) {
    const space = bytes.indexOf(0x20, position);
    const digits = space < 0 ? '' : bytes.toString('latin1', position, space);
    const length = Number(digits);
    const end = position + length;
    if (!/^\d{1,9}$/.test(digits) || end > bytes.length || end <= space || bytes[end - 1] !== 0x0a)
      throw broken('a pax record has a wrong length');
    const equals = bytes.indexOf(0x3d, space);
    if (equals < 0 || equals >= end) throw broken('a pax record has no "="');
    yield [bytes.toString('utf8', space + 1, equals), Buffer.from(bytes.subarray(equals + 1, end - 1))];
    position = end;
  }
}

const broken = (what: string): Error => invalidArgument(`the tar archive is broken: ${what}`);
