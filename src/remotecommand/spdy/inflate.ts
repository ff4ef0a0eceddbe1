/** How far back a match of deflate may reach. */
const WINDOW = 32 * 1024;

const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12289, 16385, 24577,
];
const DISTANCE_EXTRA = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];
/** The order in which a dynamic block tells the lengths of its length code. */
const CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const MAX_BITS = 15;

/** A canonical Huffman code: how many codes have each length, and the symbols in the order of their codes. */
interface Huffman {
  readonly counts: Uint16Array;
  readonly symbols: Uint16Array;
}

function huffman(lengths: readonly number[]): Huffman {
  const counts = new Uint16Array(MAX_BITS + 1);
  for (const length of lengths) counts[length] = (counts[length] ?? 0) + 1;
  counts[0] = 0;
  const offsets = new Uint16Array(MAX_BITS + 2);
  let left = 1;
  for (let bits = 1; bits <= MAX_BITS; bits++) {
    left = left * 2 - (counts[bits] ?? 0);
    if (left < 0) throw new Error('bad code lengths');
    offsets[bits + 1] = (offsets[bits] ?? 0) + (counts[bits] ?? 0);
  }
  const symbols = new Uint16Array(lengths.length);
  lengths.forEach((length, symbol) => {
    if (length === 0) return;
    const at = offsets[length] ?? 0;
    symbols[at] = symbol;
    offsets[length] = at + 1;
  });
  return { counts, symbols };
}

const FIXED_LENGTHS = huffman(Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)));
const FIXED_DISTANCES = huffman(Array.from({ length: 30 }, () => 5));

/**
 * One zlib stream that comes in pieces, each of which ends at a flush (Z_SYNC_FLUSH), as SPDY's header blocks do. Node's own inflate is either synchronous and
 * ends with each piece, or asynchronous, which would make every frame behind a header block wait for a thread. Header blocks are a few hundred bytes, so speed
 * does not count here; the bound does: a piece that would give more than `maxPiece` bytes throws as soon as it has.
 */
export class PiecewiseInflate {
  readonly #dictionary: Buffer;
  readonly #maxPiece: number;
  /** The window, then what the piece gave. */
  #out: Buffer = Buffer.alloc(0);
  #end = 0;
  #start = 0;
  #input: Buffer = Buffer.alloc(0);
  #at = 0;
  #bits = 0;
  #bitCount = 0;
  #begun = false;
  #finished = false;

  constructor(dictionary: Buffer, maxPiece: number) {
    this.#dictionary = dictionary;
    this.#maxPiece = maxPiece;
  }

  /** What a piece decompresses to. Throws where it is no deflate, is cut off or gives too much; the stream cannot be used after that. */
  inflate(piece: Buffer): Buffer {
    this.#input = piece;
    this.#at = 0;
    if (!this.#begun) this.#header();
    if (this.#end > WINDOW) {
      this.#out.copyWithin(0, this.#end - WINDOW, this.#end);
      this.#end = WINDOW;
    }
    this.#start = this.#end;
    while (this.#at < piece.length && !this.#finished) this.#block();
    this.#input = Buffer.alloc(0);
    return Buffer.from(this.#out.subarray(this.#start, this.#end));
  }

  #header(): void {
    const method = this.#byte();
    const flags = this.#byte();
    if ((method & 0x0f) !== 8 || ((method << 8) | flags) % 31 !== 0) throw new Error('no zlib header');
    this.#begun = true;
    if ((flags & 0x20) === 0) return;
    const id = ((this.#byte() << 24) | (this.#byte() << 16) | (this.#byte() << 8) | this.#byte()) >>> 0;
    if (id !== adler32(this.#dictionary)) throw new Error('another dictionary');
    this.#out = Buffer.from(this.#dictionary);
    this.#end = this.#dictionary.length;
  }

  #block(): void {
    this.#finished = this.#take(1) === 1;
    const type = this.#take(2);
    if (type === 0) this.#stored();
    else if (type === 1) this.#compressed(FIXED_LENGTHS, FIXED_DISTANCES);
    else if (type === 2) this.#dynamic();
    else throw new Error('bad block type');
  }

  #stored(): void {
    this.#bits = 0;
    this.#bitCount = 0;
    const length = this.#byte() | (this.#byte() << 8);
    const check = this.#byte() | (this.#byte() << 8);
    if ((length ^ 0xffff) !== check) throw new Error('bad length of a stored block');
    if (this.#at + length > this.#input.length) throw new Error('cut off');
    this.#room(length);
    this.#input.copy(this.#out, this.#end, this.#at, this.#at + length);
    this.#at += length;
    this.#end += length;
  }

  #dynamic(): void {
    const literals = this.#take(5) + 257;
    const distances = this.#take(5) + 1;
    const codes = this.#take(4) + 4;
    if (literals > 286 || distances > 30) throw new Error('bad code counts');
    const codeLengths: number[] = new Array(19).fill(0);
    for (let i = 0; i < codes; i++) codeLengths[CODE_ORDER[i] ?? 0] = this.#take(3);
    const code = huffman(codeLengths);
    const lengths: number[] = [];
    while (lengths.length < literals + distances) {
      const symbol = this.#symbol(code);
      if (symbol < 16) lengths.push(symbol);
      else {
        const previous = symbol === 16 ? lengths.at(-1) : 0;
        if (previous === undefined) throw new Error('nothing to repeat');
        const times = symbol === 16 ? 3 + this.#take(2) : symbol === 17 ? 3 + this.#take(3) : 11 + this.#take(7);
        for (let i = 0; i < times; i++) lengths.push(previous);
      }
    }
    if (lengths.length > literals + distances) throw new Error('too many code lengths');
    this.#compressed(huffman(lengths.slice(0, literals)), huffman(lengths.slice(literals)));
  }

  #compressed(literals: Huffman, distances: Huffman): void {
    for (;;) {
      const symbol = this.#symbol(literals);
      if (symbol === 256) return;
      if (symbol < 256) {
        this.#room(1);
        this.#out[this.#end++] = symbol;
        continue;
      }
      const length = (LENGTH_BASE[symbol - 257] ?? 0) + this.#take(LENGTH_EXTRA[symbol - 257] ?? 0);
      const code = this.#symbol(distances);
      const distance = (DISTANCE_BASE[code] ?? 0) + this.#take(DISTANCE_EXTRA[code] ?? 0);
      if (symbol > 285 || code > 29 || distance > this.#end) throw new Error('bad match');
      this.#room(length);
      // byte by byte: a match may overlap what it gives
      for (let i = 0; i < length; i++, this.#end++) this.#out[this.#end] = this.#out[this.#end - distance] ?? 0;
    }
  }

  #symbol({ counts, symbols }: Huffman): number {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let bits = 1; bits <= MAX_BITS; bits++) {
      code |= this.#take(1);
      const count = counts[bits] ?? 0;
      if (code - first < count) return symbols[index + code - first] ?? 0;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw new Error('bad code');
  }

  #take(count: number): number {
    while (this.#bitCount < count) {
      this.#bits |= this.#byte() << this.#bitCount;
      this.#bitCount += 8;
    }
    const value = this.#bits & ((1 << count) - 1);
    this.#bits >>>= count;
    this.#bitCount -= count;
    return value;
  }

  #byte(): number {
    const byte = this.#input[this.#at++];
    if (byte === undefined) throw new Error('cut off');
    return byte;
  }

  /** Makes room for so many bytes more of this piece. */
  #room(count: number): void {
    if (this.#end - this.#start + count > this.#maxPiece) throw new Error(`more than ${this.#maxPiece} bytes`);
    if (this.#end + count <= this.#out.length) return;
    const larger = Buffer.alloc(Math.max(4096, this.#out.length * 2, this.#end + count));
    this.#out.copy(larger, 0, 0, this.#end);
    this.#out = larger;
  }
}

/** The checksum by which zlib names a dictionary. */
function adler32(bytes: Buffer): number {
  let a = 1;
  let b = 0;
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return ((b << 16) | a) >>> 0;
}
