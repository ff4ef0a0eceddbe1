import type { Duplex } from 'node:stream';
import type { Clock } from '../../base/clock.ts';
import { systemClock } from '../../base/clock.ts';
import { errorMessage, GantryError, unavailable } from '../../base/errors.ts';
import { IdleWatch } from '../idle-watch.ts';
import { adoptSocket, closeSoon } from '../refuse-upgrade.ts';
import { AwaitedReplies } from './awaited-replies.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameWriter, fourBytes } from './frame-writer.ts';
import {
  FLAG_FIN,
  FLAG_UNIDIRECTIONAL,
  type FrameType,
  GOAWAY,
  GOAWAY_OK,
  GOAWAY_PROTOCOL_ERROR,
  HEADERS,
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
import { ReadGate } from './read-gate.ts';
import { ReceiveWindows } from './receive-windows.ts';
import { SendScheduler } from './send-scheduler.ts';
import { SpdyStream, type StreamSession } from './stream.ts';

/** For a peer to close after we have. */
const LINGER_MS = 5_000;
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
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #headersIn = new HeaderBlockReader();
  readonly #headersOut = new HeaderBlockWriter();
  readonly #streams = new Map<number, SpdyStream>();
  readonly #replies: AwaitedReplies;
  readonly #gate: ReadGate;
  readonly #sending: SendScheduler;
  readonly #windows: ReceiveWindows;
  readonly #idle: IdleWatch;
  readonly #gone = new AbortController();
  #lastPeerId = 0;
  #nextId = 1;
  #peerGoesAway = false;
  #closing = false;
  #chunkLength = 0;

  constructor(socket: Duplex, head: Buffer, options: SpdySessionOptions) {
    this.#socket = socket;
    this.#options = options;
    const clock: Clock = options.clock ?? systemClock;
    this.#replies = new AwaitedReplies(clock);
    this.#gate = new ReadGate(socket, clock, () => this.#probePeer());
    this.#idle = new IdleWatch(options.idleMs, clock, reason => this.fail(reason));
    this.#reader = new FrameReader({
      data: (id, piece) => this.#onData(id, piece),
      dataEnd: (id, flags) => this.#onFin(id, flags),
      control: (type, flags, payload) => this.#onControl(type, flags, payload),
    });
    this.#writer = new FrameWriter(socket, () => this.#idle.active());
    this.#sending = new SendScheduler(this.#writer);
    this.#windows = new ReceiveWindows(this.#writer);
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
    this.#windows.announce();
    if (head.length > 0) this.#feed(head);
    if (socket.destroyed) this.#lose(unavailable('connection closed'));
  }

  /** Aborts when the connection is lost, by whom ever, `close` excepted. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** Opens a stream and waits for the peer to take it. Throws `unavailable` where it does not. */
  async openStream(headers: SpdyHeaders): Promise<SpdyStream> {
    if (this.#closing || this.#peerGoesAway || this.#gone.signal.aborted)
      throw unavailable('the connection takes no more streams');
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = new SpdyStream(this, id, headers, this.#sending.initialWindow);
    this.#streams.set(id, stream);
    this.#writer.control(SYN_STREAM, fourBytes([id, 0]), Buffer.alloc(2), this.#headersOut.write(headers));
    try {
      await this.#replies.wait(id);
    } catch (error) {
      // where it waited too long the peer still has it
      stream.destroy();
      throw error;
    }
    return stream;
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
    this.#sending.send(stream);
  }

  taken(stream: SpdyStream, bytes: number): void {
    if (!this.#closing) this.#windows.taken(stream, bytes);
  }

  isFull(stream: SpdyStream): void {
    this.#gate.isFull(stream);
  }

  hasRoom(stream: SpdyStream): void {
    this.#gate.hasRoom(stream);
  }

  holds(change: number): void {
    this.#gate.holds(change);
  }

  left(stream: SpdyStream, reset: boolean): void {
    this.hasRoom(stream);
    if (!this.#forget(stream)) return;
    if (reset) this.#sendReset(stream.id, RESET_CANCEL);
    this.#replies.refused(stream.id, unavailable('the stream was reset'));
    if (this.#peerGoesAway && this.#streams.size === 0) void this.close();
  }

  /** False where it was forgotten before. */
  #forget(stream: SpdyStream): boolean {
    this.#sending.forget(stream);
    this.#windows.forget(stream);
    return this.#streams.delete(stream.id);
  }

  // --- what comes ---

  #feed(chunk: Buffer): void {
    this.#idle.active();
    if (this.#closing || this.#gone.signal.aborted) return;
    this.#chunkLength = chunk.length;
    try {
      this.#reader.feed(chunk);
    } catch (error) {
      this.fail(new GantryError('invalid-argument', `broken SPDY: ${errorMessage(error)}`));
    }
  }

  #onData(id: number, piece: Buffer): void {
    // none where it was reset while this was under way
    const stream = this.#streams.get(id);
    this.#windows.received(stream, piece.length);
    // a few bytes must not keep the whole chunk that they came with
    stream?.receive(piece.length * 8 < this.#chunkLength ? Buffer.from(piece) : piece);
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
        this.#replies.taken(id);
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
        this.#sending.update(id === 0 ? 'session' : this.#streams.get(id), payload.readUInt32BE(4) & 0x7fffffff);
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
    const stream = new SpdyStream(this, id, headers, this.#sending.initialWindow);
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
    this.#replies.refused(id, unavailable('the stream was reset'));
    stream.cut(true);
    if (this.#peerGoesAway && this.#streams.size === 0) void this.close();
  }

  #onSettings(payload: Buffer): void {
    const count = payload.readUInt32BE(0);
    if (count > (payload.length - 4) / 8) throw new Error('SETTINGS is cut off');
    let window: number | undefined;
    for (let i = 0; i < count; i++)
      if ((payload.readUInt32BE(4 + i * 8) & 0xffffff) === SETTING_INITIAL_WINDOW)
        window = payload.readUInt32BE(8 + i * 8);
    this.#sending.settings(window, this.#streams.values());
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

  #goAway(status: number): void {
    this.#writer.numbers(GOAWAY, this.#lastPeerId, status);
  }

  #onDrain(): void {
    this.#idle.active();
    this.#sending.drained();
    this.#windows.drained();
  }

  /**
   * Empty data needs no answer and changes nothing, and writing it finds out whether the peer has died. The oldest stream is the error stream, which peers always
   * read. A PING would be answered, which a peer cannot while it waits for us to read.
   */
  #probePeer(): void {
    const [oldest] = this.#streams.keys();
    if (oldest !== undefined && !this.#writer.blocked) this.#writer.data(oldest, Buffer.alloc(0));
  }

  // --- the end ---

  #end(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#letGo(unavailable('the connection was closed'));
    this.#gate.clear();
    this.#socket.end();
    closeSoon(this.#socket, LINGER_MS, this.#options.idleMs > 0 ? this.#options.idleMs : 0x7fffffff);
  }

  #lose(reason: GantryError): void {
    if (this.#closing || this.#gone.signal.aborted) return;
    this.#letGo(reason);
  }

  /** What waits for the connection waits no more. The signal aborts unless we have closed it ourselves. */
  #letGo(reason: GantryError): void {
    this.#idle.stop();
    this.#gate.stop();
    this.#replies.refuseAll(reason);
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    if (!this.#closing) this.#gone.abort(reason);
    for (const stream of streams) stream.cut(true);
  }
}
