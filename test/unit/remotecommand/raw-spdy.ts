import { once } from 'node:events';
import type { Socket } from 'node:net';
import { constants, createDeflate, createInflate } from 'node:zlib';
import { HEADER_DICTIONARY } from '../../../src/remotecommand/spdy/dictionary.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { askUpgrade } from './stream-server.ts';

/** A frame as it came. `type` is undefined for data. */
export interface RawFrame {
  readonly type: number | undefined;
  readonly flags: number;
  /** Of data, SYN_STREAM, SYN_REPLY, RST_STREAM, WINDOW_UPDATE; the id of a PING; the last good stream of a GOAWAY. */
  readonly id: number;
  readonly payload: Buffer;
}

export const control = (type: number, payload: Buffer, flags = 0, version = 3): Buffer => {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x8000 | version, 0);
  head.writeUInt16BE(type, 2);
  head[4] = flags;
  head.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([head, payload]);
};

export const data = (id: number, payload: Buffer | string, flags = 0): Buffer => {
  const bytes = Buffer.from(payload as Buffer);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(id, 0);
  head[4] = flags;
  head.writeUIntBE(bytes.length, 5, 3);
  return Buffer.concat([head, bytes]);
};

export const numbers = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => {
    bytes.writeUInt32BE(value, i * 4);
  });
  return bytes;
};

/** Header blocks of one connection, compressed by zlib as moby/spdystream does. */
export class Compressor {
  readonly #deflate = createDeflate({ dictionary: HEADER_DICTIONARY });

  async compress(block: Buffer): Promise<Buffer> {
    const pieces: Buffer[] = [];
    const collect = (piece: Buffer): void => void pieces.push(piece);
    this.#deflate.on('data', collect);
    this.#deflate.write(block);
    await new Promise<void>(resolve => this.#deflate.flush(constants.Z_SYNC_FLUSH, resolve));
    this.#deflate.off('data', collect);
    return Buffer.concat(pieces);
  }

  headers(headers: Readonly<Record<string, string>>): Promise<Buffer> {
    return this.compress(headerBlock(headers));
  }

  async synStream(id: number, headers: Readonly<Record<string, string>>, flags = 0): Promise<Buffer> {
    return control(1, Buffer.concat([numbers(id, 0), Buffer.alloc(2), await this.headers(headers)]), flags);
  }
}

export function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const pieces = [numbers(Object.keys(headers).length)];
  for (const text of Object.entries(headers).flat()) pieces.push(numbers(Buffer.byteLength(text)), Buffer.from(text));
  return Buffer.concat(pieces);
}

/** A client that sends what it is told to and looks at no window, as moby/spdystream. */
export class RawSpdy {
  readonly socket: Socket;
  readonly frames: RawFrame[] = [];
  readonly compressor = new Compressor();
  #buffer: Buffer;
  ended = false;

  constructor(socket: Socket, head: Buffer) {
    this.socket = socket;
    this.#buffer = head;
    socket.on('error', () => {});
    socket.on('data', piece => {
      this.#buffer = Buffer.concat([this.#buffer, piece]);
      this.#cut();
    });
    socket.on('close', () => {
      this.ended = true;
    });
    socket.on('end', () => {
      this.ended = true;
    });
    this.#cut();
  }

  static async connect(port: number, protocol: string): Promise<RawSpdy> {
    const answer = await askUpgrade(port, { upgrade: 'SPDY/3.1', 'x-stream-protocol-version': protocol });
    return new RawSpdy(answer.socket, answer.head);
  }

  async open(id: number, headers: Readonly<Record<string, string>>, flags = 0): Promise<void> {
    this.socket.write(await this.compressor.synStream(id, headers, flags));
  }

  /** Opens streams of these types with the ids 1, 3, 5, … */
  async openAll(...types: string[]): Promise<void> {
    for (const [i, type] of types.entries()) await this.open(1 + 2 * i, { streamtype: type });
  }

  frame(what: string, matches: (frame: RawFrame) => boolean): Promise<RawFrame> {
    return waitFor(what, saw => {
      saw(this.frames.map(({ type, id, flags }) => ({ type, id, flags })).slice(-8));
      return this.frames.find(matches);
    });
  }

  reset(id: number): Promise<RawFrame> {
    return this.frame(`a reset of stream ${id}`, frame => frame.type === 3 && frame.id === id);
  }

  /** All data of a stream that has come. */
  received(id: number): Buffer {
    return Buffer.concat(
      this.frames.filter(frame => frame.type === undefined && frame.id === id).map(frame => frame.payload),
    );
  }

  async finished(id: number): Promise<string> {
    await this.frame(
      `the end of stream ${id}`,
      frame => frame.type === undefined && frame.id === id && frame.flags === 1,
    );
    return this.received(id).toString();
  }

  async close(): Promise<void> {
    if (this.socket.closed) return;
    this.socket.destroy();
    await once(this.socket, 'close');
  }

  #cut(): void {
    while (this.#buffer.length >= 8) {
      const length = this.#buffer.readUIntBE(5, 3);
      if (this.#buffer.length < 8 + length) return;
      const isControl = ((this.#buffer[0] ?? 0) & 0x80) !== 0;
      const payload = this.#buffer.subarray(8, 8 + length);
      this.frames.push({
        type: isControl ? this.#buffer.readUInt16BE(2) : undefined,
        flags: this.#buffer[4] ?? 0,
        id: isControl ? payload.readUInt32BE(0) : this.#buffer.readUInt32BE(0),
        payload,
      });
      this.#buffer = this.#buffer.subarray(8 + length);
    }
  }
}

/** Decompresses header blocks by zlib. */
export async function zlibInflate(pieces: readonly Buffer[]): Promise<Buffer> {
  const inflate = createInflate({ dictionary: HEADER_DICTIONARY });
  const out: Buffer[] = [];
  inflate.on('data', piece => out.push(piece));
  for (const piece of pieces) inflate.write(piece);
  await new Promise<void>(resolve => inflate.flush(constants.Z_SYNC_FLUSH, resolve));
  return Buffer.concat(out);
}
