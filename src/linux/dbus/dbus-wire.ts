import { invalidArgument } from '../../base/errors.ts';

/**
 * A value as D-Bus carries it. Integers of 64 bits are bigint, smaller ones number; an array and a struct are lists, a dictionary is a list of pairs (whatever its
 * kind, so that the order stays), bytes (`ay`) are a list of numbers.
 */
export type DbusValue = string | number | bigint | boolean | DbusVariant | readonly DbusValue[];

/** A value with its own signature. */
export interface DbusVariant {
  readonly signature: string;
  readonly value: DbusValue;
}

/** Longest array and message that the specification allows. */
const MAX_ARRAY_BYTES = 64 << 20;
const MAX_MESSAGE_BYTES = 128 << 20;
/** Arrays and structs may be nested 32 deep each, variants too: 64 levels of containers in all. */
const MAX_DEPTH = 64;

const ALIGNMENT: Readonly<Record<string, number>> = {
  y: 1,
  g: 1,
  v: 1,
  n: 2,
  q: 2,
  b: 4,
  i: 4,
  u: 4,
  s: 4,
  o: 4,
  a: 4,
  h: 4,
  x: 8,
  t: 8,
  d: 8,
  '(': 8,
  '{': 8,
};

/** The complete types that a signature is made of: `sa(sv)` is `s` and `a(sv)`. Throws `invalid-argument` for what is no signature. Pure. */
export function completeTypes(signature: string): readonly string[] {
  const types: string[] = [];
  for (let at = 0; at < signature.length; ) {
    const end = typeEnd(signature, at, 0);
    types.push(signature.slice(at, end));
    at = end;
  }
  return types;
}

function typeEnd(signature: string, at: number, depth: number): number {
  const code = signature[at] ?? '';
  if (ALIGNMENT[code] === undefined || depth > MAX_DEPTH) throw noSignature(signature);
  if (code === 'a') return typeEnd(signature, at + 1, depth + 1);
  const close = code === '(' ? ')' : code === '{' ? '}' : undefined;
  if (close === undefined) return at + 1;
  let next = at + 1;
  while (signature[next] !== close) next = typeEnd(signature, next, depth + 1);
  return next + 1;
}

function noSignature(signature: string): Error {
  return invalidArgument(`"${signature}" is not a D-Bus signature`);
}

/** Writes values in little endian, each at its alignment from the beginning. */
export class DbusWriter {
  #buffer = Buffer.alloc(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  align(to: number): void {
    const padding = -this.#length & (to - 1);
    this.#room(padding);
    this.#buffer.fill(0, this.#length, this.#length + padding);
    this.#length += padding;
  }

  /** Throws `invalid-argument` for a value that is not of that complete type. */
  write(type: string, value: DbusValue): void {
    const code = type[0] ?? '';
    this.align(ALIGNMENT[code] ?? 1);
    if (code === 'a') this.#array(type.slice(1), value);
    else if (code === '(' || code === '{') this.#members(completeTypes(type.slice(1, -1)), value);
    else if (code === 'v') this.#variant(value);
    else if (code === 's' || code === 'o' || code === 'g') this.#text(code, value);
    else this.#fixed(code, value);
  }

  #members(types: readonly string[], value: DbusValue): void {
    if (!Array.isArray(value) || value.length !== types.length) throw mismatch(types.join(''), value);
    for (const [index, type] of types.entries()) this.write(type, value[index] as DbusValue);
  }

  #array(element: string, value: DbusValue): void {
    if (!Array.isArray(value)) throw mismatch(`a${element}`, value);
    this.#room(4);
    const lengthAt = this.#length;
    this.#length += 4;
    // the padding before the first element does not count
    this.align(ALIGNMENT[element[0] ?? ''] ?? 1);
    const start = this.#length;
    for (const each of value) this.write(element, each as DbusValue);
    this.#buffer.writeUInt32LE(this.#length - start, lengthAt);
  }

  #variant(value: DbusValue): void {
    if (typeof value !== 'object' || Array.isArray(value)) throw mismatch('v', value);
    const { signature, value: inner } = value as DbusVariant;
    this.write('g', signature);
    this.write(signature, inner);
  }

  #text(code: string, value: DbusValue): void {
    if (typeof value !== 'string' || value.includes('\0')) throw mismatch(code, value);
    const bytes = Buffer.byteLength(value);
    this.#room(bytes + 5);
    if (code === 'g') this.#length = this.#buffer.writeUInt8(bytes, this.#length);
    else this.#length = this.#buffer.writeUInt32LE(bytes, this.#length);
    this.#length += this.#buffer.write(value, this.#length);
    this.#length = this.#buffer.writeUInt8(0, this.#length);
  }

  #fixed(code: string, value: DbusValue): void {
    this.#room(8);
    const at = this.#length;
    if ((code === 't' || code === 'x') && typeof value === 'bigint')
      this.#length = code === 't' ? this.#buffer.writeBigUInt64LE(value, at) : this.#buffer.writeBigInt64LE(value, at);
    else if (code === 'b' && typeof value === 'boolean') this.#length = this.#buffer.writeUInt32LE(value ? 1 : 0, at);
    else if (typeof value === 'number') this.#length = this.#number(code, value, at);
    else throw mismatch(code, value);
  }

  #number(code: string, value: number, at: number): number {
    switch (code) {
      case 'y':
        return this.#buffer.writeUInt8(value, at);
      case 'n':
        return this.#buffer.writeInt16LE(value, at);
      case 'q':
        return this.#buffer.writeUInt16LE(value, at);
      case 'i':
        return this.#buffer.writeInt32LE(value, at);
      case 'u':
        return this.#buffer.writeUInt32LE(value, at);
      case 'd':
        return this.#buffer.writeDoubleLE(value, at);
      default:
        throw mismatch(code, value);
    }
  }

  #room(bytes: number): void {
    const wanted = this.#length + bytes;
    if (wanted <= this.#buffer.length) return;
    if (wanted > MAX_MESSAGE_BYTES) throw invalidArgument(`a D-Bus message of ${wanted} bytes is too long`);
    const larger = Buffer.alloc(Math.max(wanted, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

function mismatch(type: string, value: unknown): Error {
  return invalidArgument(`a D-Bus value of type ${type} cannot be made of ${typeof value}`);
}

/** Reads values in little endian. Throws RangeError, or `invalid-argument`, on what is cut off or malformed. */
export class DbusReader {
  readonly #buffer: Buffer;
  #at: number;
  #depth = 0;

  constructor(buffer: Buffer, at = 0) {
    this.#buffer = buffer;
    this.#at = at;
  }

  get position(): number {
    return this.#at;
  }

  align(to: number): void {
    this.#at += -this.#at & (to - 1);
  }

  read(type: string): DbusValue {
    const code = type[0] ?? '';
    this.align(ALIGNMENT[code] ?? 1);
    if (code === 'a') return this.#nested(() => this.#array(type.slice(1)));
    if (code === '(' || code === '{')
      return this.#nested(() => completeTypes(type.slice(1, -1)).map(each => this.read(each)));
    if (code === 'v') return this.#nested(() => this.#variant());
    if (code === 's' || code === 'o') return this.#text(this.#take(4).readUInt32LE());
    if (code === 'g') return this.#text(this.#take(1).readUInt8());
    return this.#fixed(code);
  }

  #nested<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw invalidArgument('a D-Bus value is nested too deep');
    const value = read();
    this.#depth -= 1;
    return value;
  }

  #array(element: string): DbusValue[] {
    const length = this.#take(4).readUInt32LE();
    if (length > MAX_ARRAY_BYTES) throw invalidArgument(`a D-Bus array of ${length} bytes is too long`);
    this.align(ALIGNMENT[element[0] ?? ''] ?? 1);
    const end = this.#at + length;
    if (end > this.#buffer.length) throw new RangeError('a D-Bus array is cut off');
    const values: DbusValue[] = [];
    while (this.#at < end) values.push(this.read(element));
    return values;
  }

  #variant(): DbusVariant {
    const signature = this.read('g') as string;
    if (completeTypes(signature).length !== 1) throw noSignature(signature);
    return { signature, value: this.read(signature) };
  }

  #text(length: number): string {
    return this.#take(length + 1).toString('utf8', 0, length);
  }

  #fixed(code: string): DbusValue {
    switch (code) {
      case 'y':
        return this.#take(1).readUInt8();
      case 'n':
        return this.#take(2).readInt16LE();
      case 'q':
        return this.#take(2).readUInt16LE();
      case 'i':
        return this.#take(4).readInt32LE();
      case 'u':
      case 'h':
        return this.#take(4).readUInt32LE();
      case 'b':
        return this.#take(4).readUInt32LE() !== 0;
      case 'x':
        return this.#take(8).readBigInt64LE();
      case 't':
        return this.#take(8).readBigUInt64LE();
      case 'd':
        return this.#take(8).readDoubleLE();
      default:
        throw noSignature(code);
    }
  }

  #take(bytes: number): Buffer {
    const end = this.#at + bytes;
    if (end > this.#buffer.length) throw new RangeError('a D-Bus value is cut off');
    const taken = this.#buffer.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
