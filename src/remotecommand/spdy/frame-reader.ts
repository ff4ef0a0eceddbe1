/** Of a frame's first eight bytes. */
export const FRAME_HEAD = 8;
/** Of a control frame without its head; SPDY asks for 8 KiB at least. Ours need 300 bytes. */
const MAX_CONTROL_BYTES = 64 * 1024;
const SPDY_VERSION = 3;

/** Who is told of frames as they come. */
export interface FrameHandler {
  /** A piece of a data frame, never empty. It is a view of what was read, not a copy. */
  data(streamId: number, piece: Buffer): void;
  /** A data frame is complete. */
  dataEnd(streamId: number, flags: number): void;
  control(type: number, flags: number, payload: Buffer): void;
}

/**
 * Cuts the bytes of a SPDY/3.1 connection into frames, wherever reads happen to end. Data is handed on as it comes, so a frame of 16 MiB costs no more memory than
 * one of 16 bytes; control frames are collected.
 */
export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #head = Buffer.alloc(FRAME_HEAD);
  #headLength = 0;
  /** What is missing of the frame that is being read. */
  #missing = 0;
  #control: Buffer | undefined;
  #controlLength = 0;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** Throws where the bytes are no SPDY/3.1; the connection cannot be read on then. */
  feed(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#headLength < FRAME_HEAD) {
        const count = Math.min(FRAME_HEAD - this.#headLength, chunk.length - at);
        chunk.copy(this.#head, this.#headLength, at, at + count);
        this.#headLength += count;
        at += count;
        if (this.#headLength === FRAME_HEAD) this.#begin();
        continue;
      }
      const count = Math.min(this.#missing, chunk.length - at);
      const piece = chunk.subarray(at, at + count);
      at += count;
      this.#missing -= count;
      if (this.#control !== undefined) {
        piece.copy(this.#control, this.#controlLength);
        this.#controlLength += count;
      } else this.#handler.data(this.#streamId(), piece);
      if (this.#missing === 0) this.#end();
    }
  }

  /** Whether the connection may end here: not within a frame. */
  get betweenFrames(): boolean {
    return this.#headLength === 0;
  }

  #streamId(): number {
    return this.#head.readUInt32BE(0);
  }

  #begin(): void {
    this.#missing = this.#head.readUIntBE(5, 3);
    if (((this.#head[0] ?? 0) & 0x80) !== 0) {
      const version = this.#head.readUInt16BE(0) & 0x7fff;
      if (version !== SPDY_VERSION) throw new Error(`control frame of SPDY version ${version}`);
      if (this.#missing > MAX_CONTROL_BYTES) throw new Error(`control frame of ${this.#missing} bytes`);
      this.#control = Buffer.allocUnsafe(this.#missing);
      this.#controlLength = 0;
    } else if (this.#streamId() === 0) throw new Error('data frame of stream 0');
    if (this.#missing === 0) this.#end();
  }

  #end(): void {
    this.#headLength = 0;
    const control = this.#control;
    const flags = this.#head[4] ?? 0;
    this.#control = undefined;
    if (control === undefined) this.#handler.dataEnd(this.#streamId(), flags);
    else this.#handler.control(this.#head.readUInt16BE(2), flags, control);
  }
}
