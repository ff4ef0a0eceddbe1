import { Duplex } from 'node:stream';
import type { SpdyHeaders } from './header-block.ts';

/** Bytes that a peer may send on a stream before its reader has taken them. */
export const RECEIVE_WINDOW = 256 * 1024;
/** What a queued piece costs beside its bytes: many tiny frames are held back as soon as few large ones. */
const PIECE_COST = 256;
/** A peer that keeps to its window stays below, unless its frames are tiny. */
const FULL = 2 * RECEIVE_WINDOW;
/** What the readable and the writable side hold of their own. */
const HIGH_WATER_MARK = 64 * 1024;

/** What a write waits for. */
export interface Outgoing {
  readonly pieces: readonly Buffer[];
  index: number;
  offset: number;
  readonly last: boolean;
  readonly done: () => void;
}

/** What a stream needs of its session. */
export interface StreamSession {
  send(stream: SpdyStream): void;
  /** The reader has taken so many bytes. */
  taken(stream: SpdyStream, bytes: number): void;
  /** The stream holds as much as it may: nothing more may come for it until `hasRoom`. */
  isFull(stream: SpdyStream): void;
  /** What the stream holds unread has grown or shrunk by so many bytes. */
  holds(change: number): void;
  hasRoom(stream: SpdyStream): void;
  /** It has ended on our side; `reset` where the peer has to be told. */
  left(stream: SpdyStream, reset: boolean): void;
}

/**
 * A stream of a session. It never gives an `error` of its own: when the peer resets it or the connection is lost its readable side ends, what is written is dropped,
 * and `reset` is emitted once. Destroying it resets it at the peer, unless both sides have ended.
 */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: SpdyHeaders;
  readonly #session: StreamSession;
  readonly #queue: Buffer[] = [];
  #queueCost = 0;
  /** How many pieces the readable side holds. */
  #buffered = 0;
  /** What the session knows of. */
  #held = 0;
  #wanted = false;
  #full = false;
  #discarding = false;
  #remoteEnded = false;
  #ended = false;
  #localEnded = false;
  /** The peer knows of it no more. */
  #cut = false;

  /** Of the session, for flow control. */
  outgoing: Outgoing | undefined;
  sendWindow: number;
  receiveWindow = RECEIVE_WINDOW;
  credit = 0;

  constructor(session: StreamSession, id: number, headers: SpdyHeaders, sendWindow: number) {
    super({ allowHalfOpen: true, readableHighWaterMark: HIGH_WATER_MARK, writableHighWaterMark: HIGH_WATER_MARK });
    this.#session = session;
    this.id = id;
    this.headers = headers;
    this.sendWindow = sendWindow;
    this.on('error', () => {});
  }

  /** Whether the peer may still send. */
  get remoteEnded(): boolean {
    return this.#remoteEnded;
  }

  /** Whatever the peer sends on it is dropped from now on. */
  discardInput(): void {
    this.#discarding = true;
    this.#drain();
    this.resume();
  }

  /** Of the session: a piece of data has come. */
  receive(piece: Buffer): void {
    if (this.#remoteEnded || this.#cut) return;
    if (this.#discarding || this.destroyed) {
      this.#session.taken(this, piece.length);
    } else if (this.#wanted && this.#queue.length === 0) {
      this.#hand(piece);
    } else {
      this.#queue.push(piece);
      this.#queueCost += piece.length + PIECE_COST;
      if (this.#queueCost > FULL && !this.#full) {
        this.#full = true;
        this.#session.isFull(this);
      }
    }
    this.#count();
  }

  /** Of the session: the peer has ended its side. */
  receiveEnd(): void {
    this.#remoteEnded = true;
    this.#flush();
  }

  /** Of the session: it is reset, or the connection is lost. What the peer sent before can still be read where `keepQueue` says so. */
  cut(keepQueue: boolean): void {
    if (this.#cut) return;
    this.#cut = true;
    if (!keepQueue) this.#drain();
    this.receiveEnd();
    this.#count();
    this.#finishOutgoing();
    this.emit('reset');
  }

  /** Every way of reading comes by here; `_read` is called before the bytes are gone. */
  override read(size?: number): Buffer | null {
    const bytes: Buffer | null = super.read(size);
    if (bytes !== null) this.#buffered = this.readableLength === 0 ? 0 : Math.max(1, this.#buffered - 1);
    this.#count();
    return bytes;
  }

  override _read(): void {
    this.#wanted = true;
    this.#flush();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#send([chunk], false, done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    const pieces = chunks.map(({ chunk }) => chunk);
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    // small writes that came while another was under way go as one frame
    this.#send(bytes <= HIGH_WATER_MARK ? [Buffer.concat(pieces, bytes)] : pieces, false, done);
  }

  override _final(done: () => void): void {
    this.#send([], true, () => {
      this.#localEnded = true;
      done();
    });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const reset = !this.#cut && !(this.#remoteEnded && this.#localEnded);
    this.#cut = true;
    this.#drain();
    this.#count();
    this.#session.left(this, reset);
    this.#finishOutgoing();
    done(error);
  }

  #send(pieces: readonly Buffer[], last: boolean, done: () => void): void {
    if (this.#cut) {
      done();
      return;
    }
    this.outgoing = { pieces, index: 0, offset: 0, last, done };
    this.#session.send(this);
  }

  #finishOutgoing(): void {
    const { outgoing } = this;
    this.outgoing = undefined;
    outgoing?.done();
  }

  #flush(): void {
    while (this.#wanted) {
      const piece = this.#queue.shift();
      if (piece === undefined) break;
      this.#queueCost -= piece.length + PIECE_COST;
      this.#hand(piece);
    }
    this.#tellRoom();
    if (this.#remoteEnded && this.#queue.length === 0 && !this.#ended && !this.destroyed) {
      this.#ended = true;
      this.push(null);
    }
  }

  #hand(piece: Buffer): void {
    // _read may be called within push
    this.#wanted = false;
    if (this.push(piece)) this.#wanted = true;
    this.#buffered = this.readableLength === 0 ? 0 : this.#buffered + 1;
    this.#session.taken(this, piece.length);
  }

  #drain(): void {
    const bytes = this.#queue.reduce((sum, piece) => sum + piece.length, 0);
    this.#queue.length = 0;
    this.#queueCost = 0;
    if (bytes > 0) this.#session.taken(this, bytes);
    this.#tellRoom();
  }

  /** One that the peer knows of no more is its reader's alone: nothing is added to it. */
  #count(): void {
    const held = this.#cut ? 0 : this.#queueCost + this.readableLength + this.#buffered * PIECE_COST;
    const change = held - this.#held;
    this.#held = held;
    if (change !== 0) this.#session.holds(change);
  }

  #tellRoom(): void {
    if (!this.#full || this.#queueCost > RECEIVE_WINDOW / 2) return;
    this.#full = false;
    this.#session.hasRoom(this);
  }
}
