import { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock } from '../../base/clock.ts';
import { GantryError } from '../../base/errors.ts';
import { WebSocketPipe } from './pipe.ts';

const HIGH_WATER_MARK = 64 * 1024;

/** A WebSocket as a stream of bytes: how they are cut into messages means nothing. Ending it closes the WebSocket. Its idle time is that of what runs on it. */
export class WebSocketBytes extends Duplex {
  readonly #pipe: WebSocketPipe;
  #ended = false;

  /** `socket` is the one below `ws`. */
  constructor(ws: WebSocket, socket: Duplex, clock: Clock) {
    super({ allowHalfOpen: true, readableHighWaterMark: HIGH_WATER_MARK, writableHighWaterMark: HIGH_WATER_MARK });
    this.on('error', () => {});
    this.#pipe = new WebSocketPipe(ws, socket, {
      idleMs: 0,
      clock,
      onMessage: (data, isBinary) => {
        if (!isBinary) this.#pipe.fail(new GantryError('invalid-argument', 'invalid message type received'));
        else if (!this.#ended && !this.push(data)) this.#pipe.pause();
      },
      onClose: () => {
        if (this.destroyed || this.#ended) return;
        this.#ended = true;
        this.push(null);
      },
    });
  }

  override _read(): void {
    this.#pipe.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#pipe.send(chunk, done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#pipe.send(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: () => void): void {
    void this.#pipe.close().then(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#pipe.terminate();
    done(error);
  }
}
