import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { systemClock } from '../../base/clock.ts';
import { GantryError } from '../../base/errors.ts';
import { DEFAULT_IDLE_MS, type StreamLimits } from '../remote-command.ts';
import { type ChannelConnection, ChannelStream } from './channel-stream.ts';
import { WebSocketPipe } from './pipe.ts';

/** The channel by which v5 tells that another has ended. */
const CLOSE_CHANNEL = 255;
const ZERO = '0'.charCodeAt(0);

export interface ChannelOptions {
  /** How many there are, from 0. */
  readonly count: number;
  /** Those on which the peer may send; what comes on others is dropped, as upstream. */
  readonly reads: (channel: number) => boolean;
  /** The subprotocol sends text: the channel as a digit, the data in base64. */
  readonly base64: boolean;
  /** The subprotocol tells that a channel has ended. */
  readonly closes: boolean;
  /** We tell it as well: the client's side. */
  readonly sendsCloses: boolean;
  readonly limits: StreamLimits;
}

/** The channels of one WebSocket: the first byte of a message tells its channel. */
export class WebSocketChannels implements ChannelConnection {
  readonly #pipe: WebSocketPipe;
  readonly #options: ChannelOptions;
  readonly #streams: readonly ChannelStream[];
  readonly #full = new Set<ChannelStream>();

  constructor(ws: WebSocket, socket: Duplex, options: ChannelOptions) {
    this.#options = options;
    this.#streams = Array.from({ length: options.count }, (_, channel) => new ChannelStream(this, channel));
    this.#pipe = new WebSocketPipe(ws, socket, {
      idleMs: options.limits.idleMs ?? DEFAULT_IDLE_MS,
      clock: options.limits.clock ?? systemClock,
      onMessage: data => this.#onMessage(data),
      onClose: () => {
        for (const stream of this.#streams) stream.cut();
      },
    });
  }

  get signal(): AbortSignal {
    return this.#pipe.signal;
  }

  stream(channel: number): ChannelStream {
    return this.#streams[channel] as ChannelStream;
  }

  close(): Promise<void> {
    return this.#pipe.close();
  }

  send(channel: number, data: Buffer, done: () => void): void {
    if (this.#options.base64) {
      this.#pipe.send(`${channel}${data.toString('base64')}`, done);
      return;
    }
    const message = Buffer.allocUnsafe(data.length + 1);
    message[0] = channel;
    data.copy(message, 1);
    this.#pipe.send(message, done);
  }

  sendEnd(channel: number, done: () => void): void {
    if (this.#options.sendsCloses) this.#pipe.send(Buffer.from([CLOSE_CHANNEL, channel]), done);
    else done();
  }

  isFull(stream: ChannelStream): void {
    this.#full.add(stream);
    this.#pipe.pause();
  }

  hasRoom(stream: ChannelStream): void {
    if (this.#full.delete(stream) && this.#full.size === 0) this.#pipe.resume();
  }

  #onMessage(data: Buffer): void {
    const [first] = data;
    if (first === undefined) return;
    if (this.#options.closes && first === CLOSE_CHANNEL) {
      const channel = data[1] ?? CLOSE_CHANNEL;
      if (data.length === 2 && channel < this.#options.count) this.stream(channel).receiveEnd();
      else this.#pipe.fail(new GantryError('invalid-argument', 'close of a channel that is not there'));
      return;
    }
    const channel = this.#options.base64 ? first - ZERO : first;
    if (channel < 0 || channel >= this.#options.count || !this.#options.reads(channel)) return;
    const payload = data.subarray(1);
    const bytes = this.#options.base64 ? decodeBase64(payload) : payload;
    if (bytes !== undefined) this.stream(channel).receive(bytes);
  }
}

/** Undefined for what is not base64: Node's own decoder takes anything. */
function decodeBase64(bytes: Buffer): Buffer | undefined {
  const text = bytes.toString('latin1');
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined;
}
