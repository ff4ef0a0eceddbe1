import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';

/** HTTP/2 on the wire, for what no client library sends. */

export const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, continuation: 9 } as const;
const END_STREAM = 1;
const END_HEADERS = 4;
/** What a connection begins with. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header field that is written out, of a name of fewer than 127 bytes; it enters the table of the connection where `indexed` says so. */
export function field(name: string, value: string, indexed = false): Buffer {
  const length = Buffer.byteLength(value);
  const lengthBytes = length < 127 ? [length] : [127, ...varint(length - 127)];
  return Buffer.concat([
    Buffer.from([indexed ? 0x40 : 0, name.length]),
    Buffer.from(name),
    Buffer.from(lengthBytes),
    Buffer.from(value),
  ]);
}

/** The header fields of a GET. */
export function getFields(path: string): Buffer {
  return Buffer.concat([
    field(':method', 'GET'),
    field(':scheme', 'https'),
    field(':authority', 'localhost'),
    field(':path', path),
  ]);
}

/** HEADERS of a request without a body; without their end where more is to come. */
export function headers(stream: number, fields: Uint8Array, whole = true): Buffer {
  return frame(FRAME.headers, whole ? END_HEADERS | END_STREAM : END_STREAM, stream, fields);
}

/** A connection that has said the preface and its settings. Its errors are not told. */
export async function connectFrames(port: number, ca: string): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h2'] });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  socket.write(Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0)]));
  return socket;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left >>>= 7) bytes.push((left & 127) | 128);
  return [...bytes, left];
}
