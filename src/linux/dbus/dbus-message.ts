import { invalidArgument } from '../../base/errors.ts';
import { completeTypes, DbusReader, type DbusValue, type DbusVariant, DbusWriter } from './dbus-wire.ts';

/** Kinds of message, as numbered by the specification. */
export const MESSAGE_KIND = { call: 1, reply: 2, error: 3, signal: 4 } as const;

export interface DbusMessage {
  readonly kind: number;
  readonly serial: number;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  /** The serial of the call that this answers. */
  readonly replySerial?: number;
  readonly destination?: string;
  readonly signature?: string;
  readonly body: readonly DbusValue[];
}

/** Header fields by their number, with their types. */
const FIELDS = [
  [1, 'path', 'o'],
  [2, 'interface', 's'],
  [3, 'member', 's'],
  [4, 'errorName', 's'],
  [5, 'replySerial', 'u'],
  [6, 'destination', 's'],
  [8, 'signature', 'g'],
] as const;

const LITTLE_ENDIAN = 'l'.charCodeAt(0);
const PROTOCOL = 1;
/** Of the part of the header whose length is always the same: up to the length of the array of fields. */
const FIXED_HEADER_BYTES = 16;
const MAX_MESSAGE_BYTES = 128 << 20;

/** The bytes of a message. Pure. Throws `invalid-argument` when the body does not fit the signature. */
export function encodeMessage(message: DbusMessage): Buffer {
  const { kind, serial, signature = '', body } = message;
  const types = completeTypes(signature);
  if (types.length !== body.length)
    throw invalidArgument(`a D-Bus body of ${body.length} values does not fit "${signature}"`);
  const content = new DbusWriter();
  for (const [index, type] of types.entries()) content.write(type, body[index] as DbusValue);
  const fields = FIELDS.flatMap(([code, name, type]): DbusValue[] => {
    const value = message[name];
    return value === undefined || value === '' ? [] : [[code, { signature: type, value }]];
  });
  const header = new DbusWriter();
  for (const value of [LITTLE_ENDIAN, kind, 0, PROTOCOL]) header.write('y', value);
  header.write('u', content.length);
  header.write('u', serial);
  header.write('a(yv)', fields);
  header.align(8);
  return Buffer.concat([header.bytes(), content.bytes()]);
}

/**
 * The first message in these bytes and how many bytes it takes; undefined while it is not there whole. Pure. Throws `invalid-argument`, or RangeError, on what is
 * no message; peers in big endian are none (systemd and every peer on the same machine write in its own order).
 */
export function decodeMessage(buffer: Buffer): { readonly message: DbusMessage; readonly bytes: number } | undefined {
  if (buffer.length < FIXED_HEADER_BYTES) return undefined;
  if (buffer[0] !== LITTLE_ENDIAN || buffer[3] !== PROTOCOL) throw invalidArgument('this is not a D-Bus message');
  const bodyBytes = buffer.readUInt32LE(4);
  const headerBytes = FIXED_HEADER_BYTES + buffer.readUInt32LE(12);
  const bodyAt = headerBytes + (-headerBytes & 7);
  const bytes = bodyAt + bodyBytes;
  if (bytes > MAX_MESSAGE_BYTES) throw invalidArgument(`a D-Bus message of ${bytes} bytes is too long`);
  if (buffer.length < bytes) return undefined;
  const fields = new Map(
    (
      new DbusReader(buffer.subarray(0, headerBytes), FIXED_HEADER_BYTES - 4).read('a(yv)') as [number, DbusVariant][]
    ).map(([code, { value }]) => [code, value] as const),
  );
  const named = Object.fromEntries(
    FIELDS.flatMap(([code, name]) => (fields.has(code) ? [[name, fields.get(code)]] : [])),
  ) as Partial<DbusMessage>;
  const reader = new DbusReader(buffer.subarray(bodyAt, bytes));
  const body = completeTypes(named.signature ?? '').map(type => reader.read(type));
  return { message: { ...named, kind: buffer.readUInt8(1), serial: buffer.readUInt32LE(8), body }, bytes };
}
