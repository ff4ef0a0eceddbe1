import type { FrameWriter } from './frame-writer.ts';
import { DEFAULT_WINDOW, MAX_WINDOW, SETTING_INITIAL_WINDOW, SETTINGS, WINDOW_UPDATE } from './frames.ts';
import { RECEIVE_WINDOW, type SpdyStream } from './stream.ts';

/**
 * What we let a peer send. Each stream has a window; that of the session never holds anybody up, since there is a limit to the number of streams. Updates stop for a
 * peer that has sent more than it may: it does not look at them.
 */
export class ReceiveWindows {
  readonly #writer: FrameWriter;
  /** Whose window is to be opened when the socket has drained. */
  readonly #owed = new Set<SpdyStream>();
  #ignored = false;
  #sessionCredit = 0;

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  announce(): void {
    this.#writer.numbers(SETTINGS, 1, SETTING_INITIAL_WINDOW, RECEIVE_WINDOW);
    this.#writer.numbers(WINDOW_UPDATE, 0, MAX_WINDOW - DEFAULT_WINDOW);
  }

  /** Data has come, for a stream or for none that is still there. */
  received(stream: SpdyStream | undefined, bytes: number): void {
    this.#sessionCredit += bytes;
    if (this.#sessionCredit >= MAX_WINDOW / 2) {
      this.#writer.numbers(WINDOW_UPDATE, 0, this.#sessionCredit);
      this.#sessionCredit = 0;
    }
    if (stream === undefined) return;
    stream.receiveWindow -= bytes;
    if (stream.receiveWindow < 0) this.#ignored = true;
  }

  /** The reader has taken so many bytes of a stream. */
  taken(stream: SpdyStream, bytes: number): void {
    if (this.#ignored) return;
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

  /** The socket takes more. */
  drained(): void {
    for (const stream of this.#owed) {
      if (this.#writer.blocked) return;
      this.#owed.delete(stream);
      this.taken(stream, 0);
    }
  }

  forget(stream: SpdyStream): void {
    this.#owed.delete(stream);
  }
}
