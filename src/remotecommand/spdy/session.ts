import type { Duplex } from 'node:stream';
import type { Clock } from '../../base/clock.ts';
import { systemClock } from '../../base/clock.ts';
import { errorMessage, GantryError, unavailable } from '../../base/errors.ts';
import { adoptSocket, closeSoon } from '../refuse-upgrade.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameWriter, fourBytes } from './frame-writer.ts';
import {
  DEFAULT_WINDOW,
  FLAG_FIN,
  FLAG_UNIDIRECTIONAL,
  type FrameType,
  GOAWAY,
  GOAWAY_OK,
  GOAWAY_PROTOCOL_ERROR,
  HEADERS,
  MAX_WINDOW,
  PAYLOAD_BYTES,
  PING,
  RESET_CANCEL,
  RESET_REFUSED,
  RST_STREAM,
  SETTING_INITIAL_WINDOW,
  SETTINGS,
  SYN_REPLY,
  SYN_STREAM,
  WINDOW_UPDATE,
} from './frames.ts';
import { HeaderBlockReader, HeaderBlockWriter, type SpdyHeaders } from './header-block.ts';
import { RECEIVE_WINDOW, SpdyStream, type StreamSession } from './stream.ts';

/** What one stream writes before another has its turn. */
const MAX_DATA_FRAME = 64 * 1024;
/** For a peer to close after we have. */
const LINGER_MS = 5_000;
/** While the socket is not read. */
const PROBE_MS = 15_000;
/** For the answer to a stream that we open: upstream's. */
const REPLY_MS = 30_000;

export interface SpdySessionOptions {
  readonly role: 'server' | 'client';
  /** The peer opens a stream. A reset code refuses it; undefined takes it. */
  readonly onStream: (stream: SpdyStream) => number | undefined;
  /** The peer will open no more streams: it is about to leave. */
  readonly onGoAway?: () => void;
  /** That the peer may have open at a time. */
  readonly maxStreams: number;
  /** 0: never. */
  readonly idleMs: number;
  readonly clock?: Clock;
}

interface AwaitedReply {
  resolve(): void;
  reject(error: Error): void;
}

/**
 * A SPDY/3.1 connection, either side of it. Peers in Kubernetes (moby/spdystream) open streams, reset them and send data, and neither send nor wait for
 * WINDOW_UPDATE: to them we send as much as the socket takes. A peer that sends SETTINGS or WINDOW_UPDATE speaks flow control and is obeyed from then on.
 * Both are told our windows. One that keeps to them never fills a stream; for one that does not, the whole socket waits while a stream is full, which is all
 * that can be done. See the README for what follows from that.
 */
export class SpdySession implements StreamSession {
  /** Resolves when the connection is closed, by whom ever. */
  readonly ended: Promise<void>;
  readonly #socket: Duplex;
  readonly #options: SpdySessionOptions;
  readonly #clock: Clock;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #headersIn = new HeaderBlockReader();
  readonly #headersOut = new HeaderBlockWriter();
  readonly #streams = new Map<number, SpdyStream>();
  readonly #replies = new Map<number, AwaitedReply>();
  /** For the socket to drain, and for a window to open, in the order in which they came. */
  readonly #waiting = new Set<SpdyStream>();
  readonly #starved = new Set<SpdyStream>();
  readonly #full = new Set<SpdyStream>();
  /** Whose window is to be opened when the socket has drained. */
  readonly #owed = new Set<SpdyStream>();
  readonly #gone = new AbortController();
  #lastPeerId = 0;
  #nextId = 1;
  #peerGoesAway = false;
  #closing = false;
  /** The peer has shown that it speaks flow control: what it allows counts. */
  #obeysPeer = false;
  /** The peer has sent more than we allowed: it does not look at WINDOW_UPDATE. */
  #peerIgnoresWindows = false;
  #sendWindow = DEFAULT_WINDOW;
  #peerInitialWindow = DEFAULT_WINDOW;
  #sessionCredit = 0;
  #chunkLength = 0;
  #lastActive: number;
  #cancelIdle = (): void => {};
  #cancelProbe = (): void => {};

  constructor(socket: Duplex, head: Buffer, options: SpdySessionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#lastActive = this.#clock.monotonic();
    this.#reader = new FrameReader({
      data: (id, piece) => this.#onData(id, piece),
      dataEnd: (id, flags) => this.#onFin(id, flags),
      control: (type, flags, payload) => this.#onControl(type, flags, payload),
    });
    this.#writer = new FrameWriter(socket, () => this.#active());
    adoptSocket(socket);
    this.ended = new Promise(resolve => {
      if (socket.closed) resolve();
      else socket.once('close', () => resolve());
    });
    socket.on('data', (chunk: Buffer) => this.#feed(chunk));
    socket.on('drain', () => this.#onDrain());
    socket.once('error', error => this.#lose(unavailable(`connection lost: ${errorMessage(error)}`)));
    socket.once('end', () => this.#onEnd());
    socket.once('close', () => this.#lose(unavailable('connection closed')));
    this.#watchIdle();
    this.#announceWindows();
    if (head.length > 0) this.#feed(head);
    if (socket.destroyed) this.#lose(unavailable('connection closed'));
  }

  /** Aborts when the connection is lost, by whom ever, `close` excepted. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** Opens a stream and waits for the peer to take it. Throws `unavailable` where it does not. */
  openStream(headers: SpdyHeaders): Promise<SpdyStream> {
    if (this.#closing || this.#peerGoesAway || this.#gone.signal.aborted)
      return Promise.reject(unavailable('the connection takes no more streams'));
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = new SpdyStream(this, id, headers, this.#peerInitialWindow);
    this.#streams.set(id, stream);
    this.#writer.control(SYN_STREAM, fourBytes([id, 0]), Buffer.alloc(2), this.#headersOut.write(headers));
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(REPLY_MS, () => {
        reject(new GantryError('deadline-exceeded', `no answer to a new stream within ${REPLY_MS / 1000} s`));
        stream.destroy();
      });
      const settle = (): void => {
        cancel();
        this.#replies.delete(id);
      };
      this.#replies.set(id, {
        resolve() {
          settle();
          resolve(stream);
        },
        reject(error) {
          settle();
          reject(error);
        },
      });
    });
  }

  /** Resets a stream of the peer with a code and forgets it. */
  reset(stream: SpdyStream, code: number): void {
    if (this.#forget(stream)) this.#sendReset(stream.id, code);
    stream.cut(false);
  }

  /** Says that nothing more will come, sends what is written, closes. Streams that are open end without further word. Resolves when the connection has ended; may be repeated. */
  close(): Promise<void> {
    if (!this.#closing && !this.#gone.signal.aborted) {
      this.#goAway(GOAWAY_OK);
      this.#end();
    }
    return this.ended;
  }

  /** Ends at once what the peer has broken, or what has lasted too long: the peer is told by GOAWAY, the signal aborts with `reason`. */
  fail(reason: GantryError): void {
    if (this.#closing || this.#gone.signal.aborted) return;
    this.#goAway(reason.code === 'invalid-argument' ? GOAWAY_PROTOCOL_ERROR : GOAWAY_OK);
    this.#lose(reason);
    this.#end();
  }

  // --- what streams ask for ---

  send(stream: SpdyStream): void {
    const { outgoing } = stream;
    if (outgoing === undefined) return;
    for (;;) {
      if (this.#writer.blocked) {
        this.#waiting.add(stream);
        return;
      }
      const piece = outgoing.pieces[outgoing.index];
      if (piece === undefined) break;
      let count = Math.min(piece.length - outgoing.offset, MAX_DATA_FRAME);
      if (count > 0 && this.#obeysPeer) {
        const window = Math.min(stream.sendWindow, this.#sendWindow);
        if (window <= 0) {
          this.#starved.add(stream);
          return;
        }
        count = Math.min(count, window);
      }
      if (count > 0) this.#writer.data(stream.id, piece.subarray(outgoing.offset, outgoing.offset + count));
      stream.sendWindow -= count;
      this.#sendWindow -= count;
      outgoing.offset += count;
      if (outgoing.offset < piece.length) continue;
      outgoing.index += 1;
      outgoing.offset = 0;
    }
    if (outgoing.last) this.#writer.fin(stream.id);
    stream.outgoing = undefined;
    outgoing.done();
  }

  taken(stream: SpdyStream, bytes: number): void {
    if (this.#peerIgnoresWindows || this.#closing) return;
    stream.credit += bytes;
    if (stream.credit < RECEIVE_WINDOW / 2 || stream.remoteEnded) return;
    if (this.#writer.blocked) {
      this.#owed.add(stream);
      return;
    }
    this.#writer.numbers(WINDOW_UPDATE, stream.id, stream.credit);
    stream.receiveWindow += stream.credit;
    stream.credit = 0;
  }

  isFull(stream: SpdyStream): void {
    this.#full.add(stream);
    this.#socket.pause();
    this.#probePeer();
  }

  hasRoom(stream: SpdyStream): void {
    if (!this.#full.delete(stream) || this.#full.size > 0) return;
    this.#cancelProbe();
    this.#socket.resume();
  }

  left(stream: SpdyStream, reset: boolean): void {
    this.hasRoom(stream);
    if (!this.#forget(stream)) return;
    if (reset) this.#sendReset(stream.id, RESET_CANCEL);
    this.#replies.get(stream.id)?.reject(unavailable('the stream was reset'));
    if (this.#peerGoesAway && this.#streams.size === 0) void this.close();
  }

  /** False where it was forgotten before. */
  #forget(stream: SpdyStream): boolean {
    this.#waiting.delete(stream);
    this.#starved.delete(stream);
    this.#owed.delete(stream);
    return this.#streams.delete(stream.id);
  }

  // --- what comes ---

  #feed(chunk: Buffer): void {
    this.#active();
    if (this.#closing || this.#gone.signal.aborted) return;
    this.#chunkLength = chunk.length;
    try {
      this.#reader.feed(chunk);
    } catch (error) {
      this.fail(new GantryError('invalid-argument', `broken SPDY: ${errorMessage(error)}`));
    }
  }

  #onData(id: number, piece: Buffer): void {
    this.#creditSession(piece.length);
    const stream = this.#streams.get(id);
    // of a stream that was reset while this was under way
    if (stream === undefined) return;
    stream.receiveWindow -= piece.length;
    if (stream.receiveWindow < 0) this.#peerIgnoresWindows = true;
    // a few bytes must not keep the whole chunk that they came with
    stream.receive(piece.length * 8 < this.#chunkLength ? Buffer.from(piece) : piece);
  }

  #onFin(id: number, flags: number): void {
    if ((flags & FLAG_FIN) !== 0) this.#streams.get(id)?.receiveEnd();
  }

  #onControl(type: number, flags: number, payload: Buffer): void {
    const need = PAYLOAD_BYTES[type];
    // unknown types are to be ignored
    if (need === undefined) return;
    if (payload.length < need) throw new Error(`control frame ${type} of ${payload.length} bytes`);
    const id = payload.readUInt32BE(0) & 0x7fffffff;
    switch (type) {
      case SYN_STREAM:
        this.#onSynStream(id, flags, this.#headersIn.read(payload.subarray(10)));
        break;
      case SYN_REPLY:
        this.#headersIn.read(payload.subarray(4));
        this.#replies.get(id)?.resolve();
        this.#onFin(id, flags);
        break;
      case HEADERS:
        this.#headersIn.read(payload.subarray(4));
        this.#onFin(id, flags);
        break;
      case RST_STREAM:
        this.#onReset(id);
        break;
      case SETTINGS:
        this.#onSettings(payload);
        break;
      case PING:
        // ids of our own parity would be answers
        if (id % 2 === (this.#options.role === 'server' ? 1 : 0)) this.#writer.answer(true, PING, Buffer.from(payload));
        break;
      case GOAWAY:
        this.#onGoAway();
        break;
      case WINDOW_UPDATE:
        this.#onWindowUpdate(id, payload.readUInt32BE(4) & 0x7fffffff);
        break;
    }
  }

  #onSynStream(id: number, flags: number, headers: SpdyHeaders): void {
    if (this.#peerGoesAway) return;
    const parity = this.#options.role === 'server' ? 1 : 0;
    if (id === 0 || id % 2 !== parity || id <= this.#lastPeerId) throw new Error(`stream ${id} cannot be opened`);
    this.#lastPeerId = id;
    if (this.#streams.size >= this.#options.maxStreams) {
      this.#sendReset(id, RESET_REFUSED);
      return;
    }
    const stream = new SpdyStream(this, id, headers, this.#peerInitialWindow);
    const refused = this.#options.onStream(stream);
    if (refused !== undefined) {
      stream.cut(false);
      this.#sendReset(id, refused);
      return;
    }
    this.#streams.set(id, stream);
    this.#answer(SYN_REPLY, fourBytes([id]), this.#headersOut.write({}));
    if ((flags & FLAG_UNIDIRECTIONAL) !== 0) stream.end();
    if ((flags & FLAG_FIN) !== 0) stream.receiveEnd();
  }

  #onReset(id: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.#forget(stream);
    this.#replies.get(id)?.reject(unavailable('the stream was reset'));
    stream.cut(true);
    if (this.#peerGoesAway && this.#streams.size === 0) void this.close();
  }

  #onSettings(payload: Buffer): void {
    this.#obeysPeer = true;
    const count = payload.readUInt32BE(0);
    if (count > (payload.length - 4) / 8) throw new Error('SETTINGS is cut off');
    for (let i = 0; i < count; i++) {
      if ((payload.readUInt32BE(4 + i * 8) & 0xffffff) !== SETTING_INITIAL_WINDOW) continue;
      const window = payload.readUInt32BE(8 + i * 8);
      if (window > MAX_WINDOW) throw new Error(`initial window of ${window}`);
      for (const stream of this.#streams.values()) stream.sendWindow += window - this.#peerInitialWindow;
      this.#peerInitialWindow = window;
    }
    this.#feedStarved();
  }

  #onWindowUpdate(id: number, delta: number): void {
    this.#obeysPeer = true;
    if (id === 0) this.#sendWindow += delta;
    const stream = this.#streams.get(id);
    if (stream !== undefined) stream.sendWindow += delta;
    if (this.#sendWindow > MAX_WINDOW || (stream?.sendWindow ?? 0) > MAX_WINDOW) throw new Error('window is too large');
    this.#feedStarved();
  }

  #onGoAway(): void {
    if (this.#peerGoesAway) return;
    this.#peerGoesAway = true;
    this.#options.onGoAway?.();
    if (this.#streams.size === 0) void this.close();
  }

  #onEnd(): void {
    if (!this.#closing) {
      const where = this.#reader.betweenFrames ? '' : ' within a frame';
      this.#lose(unavailable(`the peer closed the connection${where}`));
      this.#end();
    }
  }

  // --- what goes ---

  /** An answer that has to be sent. */
  #answer(type: FrameType, ...payload: Buffer[]): void {
    if (!this.#writer.answer(false, type, ...payload)) throw new Error('the peer does not read its answers');
  }

  #sendReset(id: number, code: number): void {
    this.#writer.answer(true, RST_STREAM, fourBytes([id, code]));
  }

  /** The session's window never holds anybody up: streams have their own, and there is a limit to their number. */
  #announceWindows(): void {
    this.#writer.numbers(SETTINGS, 1, SETTING_INITIAL_WINDOW, RECEIVE_WINDOW);
    this.#writer.numbers(WINDOW_UPDATE, 0, MAX_WINDOW - DEFAULT_WINDOW);
  }

  #creditSession(bytes: number): void {
    this.#sessionCredit += bytes;
    if (this.#sessionCredit < MAX_WINDOW / 2) return;
    this.#writer.numbers(WINDOW_UPDATE, 0, this.#sessionCredit);
    this.#sessionCredit = 0;
  }

  #goAway(status: number): void {
    this.#writer.numbers(GOAWAY, this.#lastPeerId, status);
  }

  #onDrain(): void {
    this.#active();
    // who has more to write than one frame comes again after the others
    for (const stream of this.#waiting) {
      if (this.#writer.blocked) break;
      this.#waiting.delete(stream);
      this.send(stream);
    }
    for (const stream of this.#owed) {
      if (this.#writer.blocked) break;
      this.#owed.delete(stream);
      this.taken(stream, 0);
    }
  }

  #feedStarved(): void {
    for (const stream of [...this.#starved]) {
      if (this.#sendWindow <= 0) break;
      this.#starved.delete(stream);
      this.send(stream);
    }
  }

  /**
   * A socket that is not read tells nothing of a peer that has died. Empty data needs no answer and changes nothing, and writing it finds out. The oldest stream is
   * the error stream, which peers always read. A PING would be answered, which a peer cannot while it waits for us to read.
   */
  #probePeer(): void {
    this.#cancelProbe();
    this.#cancelProbe = this.#clock.after(PROBE_MS, () => {
      const [oldest] = this.#streams.keys();
      if (oldest !== undefined && !this.#writer.blocked) this.#writer.data(oldest, Buffer.alloc(0));
      this.#probePeer();
    });
  }

  // --- the end ---

  #end(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#cancelIdle();
    this.#cancelProbe();
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams) stream.cut(true);
    this.#full.clear();
    this.#socket.end();
    closeSoon(this.#socket, LINGER_MS, this.#options.idleMs > 0 ? this.#options.idleMs : 0x7fffffff);
  }

  #lose(reason: GantryError): void {
    if (this.#closing || this.#gone.signal.aborted) return;
    this.#cancelIdle();
    this.#cancelProbe();
    for (const reply of [...this.#replies.values()]) reply.reject(reason);
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    this.#gone.abort(reason);
    for (const stream of streams) stream.cut(true);
  }

  #active(): void {
    this.#lastActive = this.#clock.monotonic();
  }

  #watchIdle(): void {
    const { idleMs } = this.#options;
    if (idleMs <= 0) return;
    const left = idleMs - (this.#clock.monotonic() - this.#lastActive);
    if (left <= 0) this.fail(new GantryError('deadline-exceeded', `nothing was sent for ${idleMs / 1000} s`));
    else this.#cancelIdle = this.#clock.after(left, () => this.#watchIdle());
  }
}
