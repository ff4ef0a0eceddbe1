import { invalidArgument } from '../../base/errors.ts';

/** Wire types of protobuf. Groups are of its first version: nobody writes them, and they are passed over. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

const TWO_53 = 2 ** 53;
const TWO_63 = 2 ** 63;

/** Reads protobuf from a buffer, forward. Every method throws `invalid-argument` where the bytes end too early. */
export class Reader {
  readonly #buffer: Buffer;
  at: number;
  /** The end of the message that is being read. */
  end: number;

  constructor(buffer: Buffer, at = 0, end = buffer.length) {
    this.#buffer = buffer;
    this.at = at;
    this.end = end;
  }

  /** A varint as an unsigned number; beyond 2^53 it loses its low bits. For tags and lengths. */
  unsigned(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    let scale = 0x80;
    for (let i = 1; i < 10; i++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw invalidArgument('proto: integer overflow');
  }

  /** A varint as int32: of a larger number the low bits count, as in Go. */
  int32(): number {
    let low = 0;
    for (let i = 0; i < 10; i++) {
      const byte = this.#byte();
      if (i < 5) low |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) return low;
    }
    throw invalidArgument('proto: integer overflow');
  }

  /** A varint as int64. Refuses what a double does not hold. */
  signed(): number {
    const start = this.at;
    const value = this.unsigned();
    if (value < TWO_53) return value;
    let exact = 0n;
    for (let i = start, shift = 0n; i < this.at; i++, shift += 7n)
      exact |= BigInt((this.#buffer[i] ?? 0) & 0x7f) << shift;
    const number = Number(BigInt.asIntN(64, exact));
    if (!Number.isSafeInteger(number))
      throw invalidArgument(`${BigInt.asIntN(64, exact)} is beyond 2^53, which Gantry does not keep exactly`);
    return number;
  }

  double(): number {
    this.#need(8);
    const value = this.#buffer.readDoubleLE(this.at);
    this.at += 8;
    return value;
  }

  text(): string {
    const size = this.#length();
    const start = this.at;
    this.at += size;
    return this.#buffer.toString('utf8', start, this.at);
  }

  /** A view of the bytes, not a copy. */
  bytes(): Buffer {
    const size = this.#length();
    this.at += size;
    return this.#buffer.subarray(this.at - size, this.at);
  }

  /** Begins a nested message and returns the end of the one around it, for `leave`. */
  enter(): number {
    const size = this.#length();
    const outer = this.end;
    this.end = this.at + size;
    return outer;
  }

  leave(outerEnd: number): void {
    this.at = this.end;
    this.end = outerEnd;
  }

  /** Steps over a field that is not known, be it a group. */
  skip(wire: number): void {
    let groups = 0;
    for (let next = wire; ; next = this.unsigned() & 7) {
      if (next === WIRE.startGroup) groups++;
      else if (next !== WIRE.endGroup) this.#skipValue(next);
      else if (groups-- === 0) throw invalidArgument('proto: unexpected end of group');
      if (groups === 0) return;
    }
  }

  #skipValue(wire: number): void {
    switch (wire) {
      case WIRE.varint:
        this.unsigned();
        return;
      case WIRE.fixed64:
        this.#need(8);
        this.at += 8;
        return;
      case WIRE.bytes:
        this.bytes();
        return;
      case WIRE.fixed32:
        this.#need(4);
        this.at += 4;
        return;
      default:
        throw invalidArgument(`proto: illegal wireType ${wire}`);
    }
  }

  #byte(): number {
    if (this.at >= this.end) throw invalidArgument('unexpected EOF');
    return this.#buffer[this.at++] ?? 0;
  }

  #length(): number {
    const size = this.unsigned();
    if (size >= TWO_63) throw invalidArgument('proto: negative length found during unmarshaling');
    this.#need(size);
    return size;
  }

  #need(size: number): void {
    if (this.at + size > this.end) throw invalidArgument('unexpected EOF');
  }
}
