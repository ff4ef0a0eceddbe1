import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock } from '../../base/clock.ts';
import { errorMessage, GantryError, unavailable } from '../../base/errors.ts';
import { IdleWatch } from '../idle-watch.ts';

export interface WebSocketPipeOptions {
  readonly onMessage: (data: Buffer, isBinary: boolean) => void;
  /** Once: the connection is over, by whom ever. */
  readonly onClose: () => void;
  /** 0: never. Pings do not count, as upstream. */
  readonly idleMs: number;
  readonly clock: Clock;
}

/** kubectl gives a server up that has not answered its pings for 61 s. */
const UNREAD_PONG_MS = 15_000;
const NORMAL = 1000;
const GOING_AWAY = 1001;
const PROTOCOL_ERROR = 1002;

/** Messages over a WebSocket with back-pressure both ways, an idle time and one reason for its end. */
export class WebSocketPipe {
  readonly #ws: WebSocket;
  readonly #socket: Duplex;
  readonly #options: WebSocketPipeOptions;
  readonly #gone = new AbortController();
  readonly #drained: (() => void)[] = [];
  readonly #onSent = (): void => {
    this.#unsent -= 1;
    if (this.#unsent === 0) this.#flushed();
  };
  #unsent = 0;
  #flushed = (): void => {};
  #closing = false;
  #closed = false;
  #why: GantryError | undefined;
  readonly #idle: IdleWatch;
  #cancelPong: (() => void) | undefined;

  /** `socket` is the one below `ws`. */
  constructor(ws: WebSocket, socket: Duplex, options: WebSocketPipeOptions) {
    this.#ws = ws;
    this.#socket = socket;
    this.#options = options;
    this.#idle = new IdleWatch(options.idleMs, options.clock, reason => this.fail(reason));
    ws.on('message', (data, isBinary) => {
      this.#idle.active();
      if (!this.#closing && !this.#gone.signal.aborted) options.onMessage(data as Buffer, isBinary);
    });
    ws.on('error', error => {
      this.#why ??= new GantryError('invalid-argument', `broken WebSocket: ${errorMessage(error)}`);
    });
    ws.once('close', code => this.#onClose(code));
    socket.on('drain', () => this.#onDrain());
  }

  /** Aborts when the connection is lost, by whom ever, `close` excepted. A peer that closes normally is gone as well. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** `done` when the socket takes more, or when the connection is over and nothing can be sent. A string goes as text. */
  send(data: Buffer | string, done: () => void): void {
    if (this.#closing || this.#ws.readyState !== this.#ws.OPEN) {
      done();
      return;
    }
    this.#idle.active();
    this.#unsent += 1;
    this.#ws.send(data, { binary: typeof data !== 'string' }, this.#onSent);
    if (this.#socket.writableNeedDrain) this.#drained.push(done);
    else done();
  }

  /** The peer has to wait. While it does, pongs that it did not ask for tell it that we live, and us whether it does. */
  pause(): void {
    if (this.#cancelPong !== undefined || this.#closed) return;
    this.#ws.pause();
    const pong = (): void => {
      this.#cancelPong = this.#options.clock.after(UNREAD_PONG_MS, () => {
        if (!this.#socket.writableNeedDrain && this.#ws.readyState === this.#ws.OPEN) this.#ws.pong();
        pong();
      });
    };
    pong();
  }

  resume(): void {
    if (this.#cancelPong === undefined) return;
    this.#cancelPong();
    this.#cancelPong = undefined;
    this.#ws.resume();
  }

  /** Sends what was written, closes normally and resolves when the connection has ended. May be repeated. */
  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => {
      if (this.#closed) resolve();
      else this.#ws.once('close', () => resolve());
    });
    if (!this.#closing && this.#ws.readyState === this.#ws.OPEN) {
      this.resume();
      // the library's time for closing must not begin while a slow client still reads
      if (this.#unsent > 0)
        await new Promise<void>(resolve => {
          this.#flushed = resolve;
        });
      this.#closing = true;
      this.#ws.close(NORMAL);
    }
    await closed;
  }

  /** Ends the connection without a word. */
  terminate(): void {
    this.#ws.terminate();
  }

  /** Ends what the peer has broken, or what has lasted too long. The signal aborts with `reason`. */
  fail(reason: GantryError): void {
    if (this.#closing || this.#gone.signal.aborted) return;
    this.#why = reason;
    this.#lose(reason);
    this.resume();
    this.#ws.close(reason.code === 'invalid-argument' ? PROTOCOL_ERROR : GOING_AWAY);
  }

  #onDrain(): void {
    for (const done of this.#drained.splice(0)) done();
  }

  #onClose(code: number): void {
    this.#closed = true;
    this.#idle.stop();
    this.#cancelPong?.();
    // 1005: closed without a code
    if (code !== NORMAL && code !== 1005) this.#why ??= unavailable(`connection closed with code ${code}`);
    this.#lose(this.#why ?? unavailable('the peer closed the connection'));
    this.#onDrain();
    this.#flushed();
    this.#options.onClose();
  }

  #lose(reason: GantryError): void {
    this.#idle.stop();
    if (!this.#closing) this.#gone.abort(reason);
  }
}
