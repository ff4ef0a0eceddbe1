import { invalidArgument } from '../base/errors.ts';

/** Distinguished Encoding Rules (X.690): the part that certificates, requests and keys use. */

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const;

/** Context-specific, primitive: `[n]` implicit over a primitive type. */
export const contextTag = (n: number): number => 0x80 | n;
/** Context-specific, constructed: `[n]` explicit, or implicit over a sequence or set. */
export const contextConstructedTag = (n: number): number => 0xa0 | n;

/** One element: the tag, the length, the content. */
export function encodeDer(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag]), encodeLength(body.length), body]);
}

function encodeLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

export const derSequence = (...content: readonly Uint8Array[]): Buffer => encodeDer(TAG.sequence, ...content);

/** A set; DER wants its elements in the order of their bytes. */
export const derSet = (...content: readonly Uint8Array[]): Buffer =>
  encodeDer(TAG.set, ...content.map(bytes => Buffer.from(bytes)).toSorted(Buffer.compare));

export const derOctetString = (bytes: Uint8Array): Buffer => encodeDer(TAG.octetString, bytes);
export const derNull = (): Buffer => encodeDer(TAG.null);
export const derBoolean = (value: boolean): Buffer => encodeDer(TAG.boolean, Buffer.from([value ? 0xff : 0]));
export const derUtf8String = (text: string): Buffer => encodeDer(TAG.utf8String, Buffer.from(text, 'utf8'));

/** A whole number of bits, as keys and signatures are. */
export const derBitString = (bytes: Uint8Array): Buffer => encodeDer(TAG.bitString, Buffer.from([0]), bytes);

/** Named bits (`KeyUsage`): bit 0 first, trailing zeros cut. */
export function derNamedBits(bits: readonly number[]): Buffer {
  const highest = Math.max(-1, ...bits);
  const bytes = Buffer.alloc(Math.ceil((highest + 1) / 8));
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  const unused = highest < 0 ? 0 : 7 - (highest & 7);
  return encodeDer(TAG.bitString, Buffer.from([unused]), bytes);
}

/** A non-negative integer from its big-endian bytes. */
export function derUnsigned(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const trimmed = bytes.length === 0 ? Buffer.from([0]) : bytes.subarray(start);
  const sign = (trimmed[0] ?? 0) >= 0x80 ? [Buffer.from([0])] : [];
  return encodeDer(TAG.integer, ...sign, trimmed);
}

export function derInteger(value: number): Buffer {
  const hex = value.toString(16);
  return derUnsigned(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex'));
}

/** An object identifier from its dotted form. */
export function derOid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return encodeDer(TAG.oid, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}

/** To the second: UTCTime until 2049, GeneralizedTime from 2050 on (RFC 5280 4.1.2.5). */
export function derTime(at: Date): Buffer {
  const digits = at.toISOString().replace(/[-:T]|\.\d+/g, '');
  return at.getUTCFullYear() < 2050
    ? encodeDer(TAG.utcTime, Buffer.from(digits.slice(2), 'latin1'))
    : encodeDer(TAG.generalizedTime, Buffer.from(digits, 'latin1'));
}

/** An element that was read; `raw` is the whole of it with tag and length, which is what signatures cover. */
export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
  readonly raw: Buffer;
}

/** Reads elements one after another. Everything that is not DER throws `invalid-argument`; no input makes it read beyond its end. */
export class DerReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** The next element, which must have this tag where one is given. */
  next(tag?: number, what = 'an element'): DerElement {
    const start = this.#at;
    const found = this.#byte(what);
    if ((found & 0x1f) === 0x1f) throw malformed(`${what} has a tag of several bytes`);
    if (tag !== undefined && found !== tag)
      throw malformed(`${what} should have tag 0x${tag.toString(16)} and has 0x${found.toString(16)}`);
    const length = this.#length(what);
    const from = this.#at;
    if (length > this.#bytes.length - from) throw malformed(`${what} is cut short`);
    this.#at = from + length;
    return {
      tag: found,
      content: this.#bytes.subarray(from, this.#at),
      raw: this.#bytes.subarray(start, this.#at),
    };
  }

  /** The next element if it has this tag. */
  optional(tag: number): DerElement | undefined {
    return this.#bytes[this.#at] === tag ? this.next(tag) : undefined;
  }

  /** A reader over the content of the next element. */
  enter(tag: number, what: string): DerReader {
    return new DerReader(this.next(tag, what).content);
  }

  /** All elements that are left. */
  rest(): DerElement[] {
    const elements: DerElement[] = [];
    while (!this.done) elements.push(this.next());
    return elements;
  }

  /** Throws when something is left. */
  end(what: string): void {
    if (!this.done)
      throw malformed(`${what} is followed by ${this.#bytes.length - this.#at} bytes that do not belong to it`);
  }

  #byte(what: string): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw malformed(`${what} is missing`);
    this.#at++;
    return byte;
  }

  #length(what: string): number {
    const first = this.#byte(what);
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw malformed(`${what} has a length that DER does not allow`);
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + this.#byte(what);
    if (length < 0x80 || length < 256 ** (count - 1)) throw malformed(`${what} has a length that is not minimal`);
    return length;
  }
}

/** The dotted form of an object identifier's content. */
export function readOid(content: Uint8Array): string {
  const arcs: number[] = [];
  let value = 0;
  for (const [i, byte] of content.entries()) {
    value = value * 128 + (byte & 0x7f);
    if (value > Number.MAX_SAFE_INTEGER / 128) throw malformed('an object identifier has an arc that is too large');
    if (byte < 0x80) {
      arcs.push(value);
      value = 0;
    } else if (i === content.length - 1) throw malformed('an object identifier is cut short');
  }
  const [first] = arcs;
  if (first === undefined) throw malformed('an object identifier is empty');
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...arcs.slice(1)].join('.');
}

/** The text of a string element of any type that certificates use. */
export function readString(element: DerElement): string {
  switch (element.tag) {
    case TAG.utf8String:
    case TAG.printableString:
    case TAG.ia5String:
    case 0x14: // TeletexString, which old issuers fill with Latin-1
      return element.content.toString(element.tag === 0x14 ? 'latin1' : 'utf8');
    case 0x1e: // BMPString
      return Buffer.from(element.content.subarray(0, element.content.length & ~1))
        .swap16()
        .toString('utf16le');
    default:
      throw malformed(`a name has a value of type 0x${element.tag.toString(16)}, which is no text`);
  }
}

/** The numbers of the bits that are set. */
export function readNamedBits(content: Uint8Array): number[] {
  const bits: number[] = [];
  for (let bit = 0; bit < (content.length - 1) * 8; bit++)
    if (((content[1 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0) bits.push(bit);
  return bits;
}

function malformed(why: string): Error {
  return invalidArgument(`not valid DER: ${why}`);
}
