import { invalidArgument } from '../../base/errors.ts';
import { Reader } from './reader.ts';
import { BackwardWriter } from './writer.ts';

/** Bytes of the length in front of each frame of a watch stream; big-endian. */
const LENGTH = 4;

export interface WatchFrame {
  readonly type: string;
  /** The object's envelope. */
  readonly object: Buffer;
}

/**
 * One event of a watch in protobuf: length, then a bare WatchEvent (type 1, object 2) whose object is a RawExtension
 * with the enveloped object (raw 1). `object` is what encodeProtobuf gives, so that it is encoded once for all watchers.
 */
export function encodeWatchFrame(type: string, object: Uint8Array): Buffer {
  const writer = new BackwardWriter();
  writer.varint(object.length);
  writer.varint(0x0a);
  writer.varint(writer.written + object.length);
  writer.varint(0x12);
  writer.text(type);
  writer.varint(0x0a);
  const head = writer.take();
  const frame = Buffer.allocUnsafe(LENGTH + head.length + object.length);
  frame.writeUInt32BE(head.length + object.length, 0);
  frame.set(head, LENGTH);
  frame.set(object, LENGTH + head.length);
  return frame;
}

/**
 * Cuts a stream into frames: give it what has come so far, and keep `rest` for the next time. Throws `invalid-argument`
 * on a frame that is longer than `maxBytes` or is no WatchEvent.
 */
export function decodeWatchFrames(bytes: Buffer, maxBytes: number): { frames: WatchFrame[]; rest: Buffer } {
  const frames: WatchFrame[] = [];
  let at = 0;
  while (bytes.length - at >= LENGTH) {
    const size = bytes.readUInt32BE(at);
    if (size > maxBytes) throw invalidArgument(`a watch frame of ${size} bytes is over the limit of ${maxBytes}`);
    if (bytes.length - at - LENGTH < size) break;
    frames.push(readEvent(bytes.subarray(at + LENGTH, at + LENGTH + size)));
    at += LENGTH + size;
  }
  return { frames, rest: bytes.subarray(at) };
}

function readEvent(bytes: Buffer): WatchFrame {
  const reader = new Reader(bytes);
  let type = '';
  let object: Buffer = bytes.subarray(0, 0);
  while (reader.at < reader.end) {
    const tag = reader.unsigned();
    if (tag === 0x0a) type = reader.text();
    else if (tag === 0x12) {
      const outer = reader.enter();
      while (reader.at < reader.end) {
        const inner = reader.unsigned();
        if (inner === 0x0a) object = reader.bytes();
        else reader.skip(inner & 7);
      }
      reader.leave(outer);
    } else reader.skip(tag & 7);
  }
  return { type, object };
}
