import type { FrameWriter } from './frame-writer.ts';
import { DEFAULT_WINDOW, MAX_WINDOW } from './frames.ts';
import type { SpdyStream } from './stream.ts';

/** What one stream writes before another has its turn. */
const MAX_DATA_FRAME = 64 * 1024;

/** Writes what streams want to send: in turns, as fast as the socket drains, and, once the peer has shown that it speaks flow control, within its windows. */
export class SendScheduler {
  readonly #writer: FrameWriter;
  /** For the socket to drain, and for a window to open, in the order in which they came. */
  readonly #waiting = new Set<SpdyStream>();
  readonly #starved = new Set<SpdyStream>();
  #obeysPeer = false;
  #window = DEFAULT_WINDOW;
  #initialWindow = DEFAULT_WINDOW;

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  /** What the peer lets a new stream send. */
  get initialWindow(): number {
    return this.#initialWindow;
  }

  /** Writes the stream's `outgoing`, now or later, and calls its `done` when the socket takes more. */
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
        const window = Math.min(stream.sendWindow, this.#window);
        if (window <= 0) {
          this.#starved.add(stream);
          return;
        }
        count = Math.min(count, window);
      }
      if (count > 0) this.#writer.data(stream.id, piece.subarray(outgoing.offset, outgoing.offset + count));
      stream.sendWindow -= count;
      this.#window -= count;
      outgoing.offset += count;
      if (outgoing.offset < piece.length) continue;
      outgoing.index += 1;
      outgoing.offset = 0;
    }
    if (outgoing.last) this.#writer.fin(stream.id);
    stream.outgoing = undefined;
    outgoing.done();
  }

  /** The socket takes more. Who has more to write than one frame comes again after the others. */
  drained(): void {
    for (const stream of this.#waiting) {
      if (this.#writer.blocked) return;
      this.#waiting.delete(stream);
      this.send(stream);
    }
  }

  /** The peer speaks flow control, and may have told another window for its streams. Throws where it is too large. */
  settings(initialWindow: number | undefined, streams: Iterable<SpdyStream>): void {
    this.#obeysPeer = true;
    if (initialWindow === undefined) return;
    if (initialWindow > MAX_WINDOW) throw new Error(`initial window of ${initialWindow}`);
    for (const stream of streams) stream.sendWindow += initialWindow - this.#initialWindow;
    this.#initialWindow = initialWindow;
    this.#feedStarved();
  }

  /** The peer opens the window of a stream, or of the session. Throws where it becomes too large. */
  update(target: SpdyStream | 'session' | undefined, delta: number): void {
    this.#obeysPeer = true;
    if (target === 'session') this.#window += delta;
    else if (target !== undefined) target.sendWindow += delta;
    const stream = target === 'session' ? undefined : target;
    if (this.#window > MAX_WINDOW || (stream?.sendWindow ?? 0) > MAX_WINDOW) throw new Error('window is too large');
    this.#feedStarved();
  }

  forget(stream: SpdyStream): void {
    this.#waiting.delete(stream);
    this.#starved.delete(stream);
  }

  #feedStarved(): void {
    for (const stream of [...this.#starved]) {
      if (this.#window <= 0) return;
      this.#starved.delete(stream);
      this.send(stream);
    }
  }
}
