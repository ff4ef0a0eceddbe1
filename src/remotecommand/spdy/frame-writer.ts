import type { Duplex } from 'node:stream';
import { FRAME_HEAD } from './frame-reader.ts';
import { FLAG_FIN, type FrameType } from './frames.ts';

/** Answers that a peer who does not read may leave with us. */
const MAX_UNSENT_ANSWERS = 64 * 1024;

/** Writes frames to the socket of a session. What is written after the socket has ended is dropped. */
export class FrameWriter {
  readonly #socket: Duplex;
  readonly #onWrite: () => void;
  #corked = false;
  #unsentAnswers = 0;

  /** `onWrite` is called once in each turn of the event loop in which something is written. */
  constructor(socket: Duplex, onWrite: () => void) {
    this.#socket = socket;
    this.#onWrite = onWrite;
    socket.on('drain', () => {
      this.#unsentAnswers = 0;
    });
  }

  /** Whether the socket has as much as it wants until its `drain`. */
  get blocked(): boolean {
    return this.#socket.writableNeedDrain;
  }

  data(streamId: number, piece: Buffer): void {
    this.#write(dataHead(streamId, 0, piece.length));
    if (piece.length > 0) this.#write(piece);
  }

  fin(streamId: number): void {
    this.#write(dataHead(streamId, FLAG_FIN, 0));
  }

  control(type: FrameType, ...payload: Buffer[]): void {
    const length = payload.reduce((sum, piece) => sum + piece.length, 0);
    const head = Buffer.alloc(FRAME_HEAD);
    head.writeUInt16BE(0x8003, 0);
    head.writeUInt16BE(type, 2);
    head.writeUIntBE(length, 5, 3);
    this.#write(Buffer.concat([head, ...payload]));
  }

  /** A control frame that tells numbers of four bytes. */
  numbers(type: FrameType, ...numbers: number[]): void {
    this.control(type, fourBytes(numbers));
  }

  /**
   * A frame that the peer makes us send: it must not be able to make us keep them. What is optional is dropped where it does not read; false where it had to be
   * sent.
   */
  answer(optional: boolean, type: FrameType, ...payload: Buffer[]): boolean {
    if (this.blocked) {
      if (this.#unsentAnswers > MAX_UNSENT_ANSWERS) return optional;
      this.#unsentAnswers += payload.reduce((sum, piece) => sum + piece.length, FRAME_HEAD);
    }
    this.control(type, ...payload);
    return true;
  }

  #write(bytes: Buffer): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    if (!this.#corked) {
      // all frames of this turn go in one system call
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
      this.#onWrite();
    }
    this.#socket.write(bytes);
  }
}

export function fourBytes(numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4);
  numbers.forEach((number, i) => {
    bytes.writeUInt32BE(number, i * 4);
  });
  return bytes;
}

function dataHead(streamId: number, flags: number, length: number): Buffer {
  const head = Buffer.allocUnsafe(FRAME_HEAD);
  head.writeUInt32BE(streamId, 0);
  head[4] = flags;
  head.writeUIntBE(length, 5, 3);
  return head;
}
