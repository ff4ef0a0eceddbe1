import { Duplex } from 'node:stream';

const HIGH_WATER_MARK = 64 * 1024;
/** Of what a reader has not taken; then the peer has to wait, with all its channels. */
const FULL = 512 * 1024;

/** What a channel needs of its connection. */
export interface ChannelConnection {
  send(channel: number, data: Buffer, done: () => void): void;
  /** We shall send nothing more on a channel. */
  sendEnd(channel: number, done: () => void): void;
  isFull(stream: ChannelStream): void;
  hasRoom(stream: ChannelStream): void;
}

/**
 * A channel of a WebSocket. It never gives an `error` of its own: when the connection is lost its readable side ends, what is written is dropped, and `reset` is
 * emitted once.
 */
export class ChannelStream extends Duplex {
  readonly channel: number;
  readonly #connection: ChannelConnection;
  #ended = false;
  #full = false;
  #discarding = false;
  #cut = false;

  constructor(connection: ChannelConnection, channel: number) {
    super({ allowHalfOpen: true, readableHighWaterMark: HIGH_WATER_MARK, writableHighWaterMark: HIGH_WATER_MARK });
    this.#connection = connection;
    this.channel = channel;
    this.on('error', () => {});
  }

  /** Whatever comes on it is dropped from now on. */
  discardInput(): void {
    this.#discarding = true;
    this.resume();
  }

  /** Of the connection: a message has come. */
  receive(data: Buffer): void {
    if (this.#ended || this.#discarding || this.destroyed || data.length === 0) return;
    if (this.push(data) || this.#full || this.readableLength < FULL) return;
    this.#full = true;
    this.#connection.isFull(this);
  }

  /** Of the connection: the peer will send nothing more on it. May be repeated. */
  receiveEnd(): void {
    if (this.#ended || this.destroyed) return;
    this.#ended = true;
    this.push(null);
  }

  /** Of the connection: it is lost. What has come can still be read. */
  cut(): void {
    if (this.#cut) return;
    this.#cut = true;
    this.receiveEnd();
    this.emit('reset');
  }

  override _read(): void {
    this.#tellRoom();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#send(chunk, done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    // small writes that came while another was under way go as one message
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: () => void): void {
    this.#connection.sendEnd(this.channel, done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#tellRoom();
    done(error);
  }

  #send(data: Buffer, done: () => void): void {
    if (data.length <= HIGH_WATER_MARK) this.#connection.send(this.channel, data, done);
    else
      this.#connection.send(this.channel, data.subarray(0, HIGH_WATER_MARK), () =>
        this.#send(data.subarray(HIGH_WATER_MARK), done),
      );
  }

  #tellRoom(): void {
    if (!this.#full) return;
    this.#full = false;
    this.#connection.hasRoom(this);
  }
}
