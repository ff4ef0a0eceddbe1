import { invalidArgument } from '../../base/errors.ts';
import { Reader } from './reader.ts';
import { BackwardWriter } from './writer.ts';

/**
 * The envelope of protobuf bodies and stored values: four magic bytes and a runtime.Unknown with the object's apiVersion
 * and kind (1), its message (2), and contentEncoding (3) and contentType (4), which are always empty.
 */
const MAGIC = Buffer.from('k8s\0', 'latin1');

export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  /** The message; a view of the bytes that were opened. */
  readonly raw: Buffer;
}

/** True for bytes that begin with the magic number. */
export function isEnvelope(bytes: Buffer): boolean {
  return bytes.length >= MAGIC.length && MAGIC.equals(bytes.subarray(0, MAGIC.length));
}

/** Wraps a message. */
export function wrapEnvelope(apiVersion: string, kind: string, raw: Uint8Array): Buffer {
  const { before, after } = envelopeAround(apiVersion, kind, raw.length);
  return Buffer.concat([before, raw, after]);
}

/** What stands before and behind a message of `length` bytes, for who does not want to copy it. */
export function envelopeAround(apiVersion: string, kind: string, length: number): { before: Buffer; after: Buffer } {
  const writer = new BackwardWriter();
  for (const tag of [0x22, 0x1a]) {
    writer.varint(0);
    writer.varint(tag);
  }
  const after = writer.take();
  writer.reset();
  writer.varint(length);
  writer.varint(0x12);
  const behind = writer.written;
  writer.text(kind);
  writer.varint(0x12);
  writer.text(apiVersion);
  writer.varint(0x0a);
  writer.varint(writer.written - behind);
  writer.varint(0x0a);
  return { before: Buffer.concat([MAGIC, writer.take()]), after };
}

/** Opens an envelope. Throws `invalid-argument` on bytes that are none. */
export function openEnvelope(bytes: Buffer): Envelope {
  if (!isEnvelope(bytes))
    throw invalidArgument('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  const reader = new Reader(bytes, MAGIC.length);
  let apiVersion = '';
  let kind = '';
  let raw: Buffer = bytes.subarray(0, 0);
  while (reader.at < reader.end) {
    const tag = reader.unsigned();
    if (tag === 0x12) raw = reader.bytes();
    else if (tag === 0x0a) {
      const outer = reader.enter();
      while (reader.at < reader.end) {
        const inner = reader.unsigned();
        if (inner === 0x0a) apiVersion = reader.text();
        else if (inner === 0x12) kind = reader.text();
        else reader.skip(inner & 7);
      }
      reader.leave(outer);
    } else reader.skip(tag & 7);
  }
  return { apiVersion, kind, raw };
}
