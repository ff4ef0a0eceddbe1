import type { Duplex } from 'node:stream';
import type { Clock } from '../../base/clock.ts';
import { RECEIVE_WINDOW, type SpdyStream } from './stream.ts';

/** That all streams of a connection may hold unread: as much as 32 full ones. */
const HELD_BYTES = 16 * 1024 * 1024;
/** Read on as soon as a stream's window is free: more would wait for streams that may never be read. */
const HELD_BYTES_TO_READ_ON = HELD_BYTES - RECEIVE_WINDOW;
/** While the socket is not read. */
const PROBE_MS = 15_000;

/** Whether the socket of a connection is read: not while one of its streams is full, nor while all of them together hold too much. */
export class ReadGate {
  readonly #socket: Duplex;
  readonly #clock: Clock;
  readonly #probe: () => void;
  readonly #full = new Set<SpdyStream>();
  #held = 0;
  #holdsTooMuch = false;
  #cancelProbe = (): void => {};

  /** `probe` is called every 15 s while the socket is not read: such a socket tells nothing of a peer that has died. */
  constructor(socket: Duplex, clock: Clock, probe: () => void) {
    this.#socket = socket;
    this.#clock = clock;
    this.#probe = probe;
  }

  isFull(stream: SpdyStream): void {
    this.#full.add(stream);
    this.#stopReading();
  }

  hasRoom(stream: SpdyStream): void {
    if (this.#full.delete(stream)) this.#readOn();
  }

  /** The streams hold so many bytes more, or fewer. */
  holds(change: number): void {
    this.#held += change;
    if (!this.#holdsTooMuch && this.#held > HELD_BYTES) {
      this.#holdsTooMuch = true;
      this.#stopReading();
    } else if (this.#holdsTooMuch && this.#held <= HELD_BYTES_TO_READ_ON) {
      this.#holdsTooMuch = false;
      this.#readOn();
    }
  }

  /** The connection has ended: nobody is probed. */
  stop(): void {
    this.#cancelProbe();
  }

  /** No stream holds the rest up any more. */
  clear(): void {
    this.#full.clear();
  }

  #stopReading(): void {
    this.#socket.pause();
    this.#probeLater();
  }

  #readOn(): void {
    if (this.#full.size > 0 || this.#holdsTooMuch) return;
    this.#cancelProbe();
    this.#socket.resume();
  }

  #probeLater(): void {
    this.#cancelProbe();
    this.#cancelProbe = this.#clock.after(PROBE_MS, () => {
      this.#probe();
      this.#probeLater();
    });
  }
}
