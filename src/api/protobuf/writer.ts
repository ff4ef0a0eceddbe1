const FIRST_SIZE = 4096;

/**
 * Writes a protobuf message from its end to its beginning, as upstream's generated code does: a nested message is then
 * complete when its length is written, and nothing is measured twice.
 */
export class BackwardWriter {
  #buffer = Buffer.allocUnsafe(FIRST_SIZE);
  #at = FIRST_SIZE;

  /** Bytes written so far; the difference of two values is the length of what was written between. */
  get written(): number {
    return this.#buffer.length - this.#at;
  }

  /** The message. The writer may be used again after `reset`; the bytes are a copy. */
  take(): Buffer {
    return Buffer.from(this.#buffer.subarray(this.#at));
  }

  reset(): void {
    this.#at = this.#buffer.length;
  }

  /** Frees a buffer that one large message left behind. */
  shrink(limit: number): void {
    if (this.#buffer.length <= limit) return;
    this.#buffer = Buffer.allocUnsafe(FIRST_SIZE);
    this.#at = FIRST_SIZE;
  }

  #reserve(size: number): void {
    if (this.#at >= size) return;
    const used = this.written;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, used + size));
    this.#buffer.copy(larger, larger.length - used, this.#at);
    this.#at = larger.length - used;
    this.#buffer = larger;
  }

  /** A whole number from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.#reserve(10);
    const buffer = this.#buffer;
    if (value < 0x80) {
      buffer[--this.#at] = value;
      return;
    }
    let size = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
    let at = this.#at - size;
    this.#at = at;
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) buffer[at++] = (rest % 0x80) | 0x80;
    buffer[at] = rest;
  }

  /** A whole number with a sign; below zero it takes ten bytes, as int32 and int64 do. */
  signed(value: number): void {
    if (value >= 0) {
      this.varint(value);
      return;
    }
    this.#reserve(10);
    this.#at -= 10;
    let rest = BigInt.asUintN(64, BigInt(value));
    for (let i = 0; i < 9; i++, rest >>= 7n) this.#buffer[this.#at + i] = Number(rest & 0x7fn) | 0x80;
    this.#buffer[this.#at + 9] = Number(rest);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#at -= 8;
    this.#buffer.writeDoubleLE(value, this.#at);
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#at -= value.length;
    this.#buffer.set(value, this.#at);
  }

  /** The text in UTF-8 with its length in front. */
  text(value: string): void {
    const { length } = value;
    if (length < 64) {
      this.#reserve(length + 1);
      const buffer = this.#buffer;
      const start = this.#at - length;
      let i = 0;
      for (; i < length; i++) {
        const code = value.charCodeAt(i);
        if (code >= 0x80) break;
        buffer[start + i] = code;
      }
      if (i === length) {
        buffer[start - 1] = length;
        this.#at = start - 1;
        return;
      }
    }
    const size = Buffer.byteLength(value);
    this.#reserve(size);
    this.#at -= size;
    this.#buffer.write(value, this.#at, 'utf8');
    this.varint(size);
  }
}
