import { once } from 'node:events';
import { createGunzip, type Gunzip } from 'node:zlib';
import { errorCode, errorMessage, GantryError, internalError, invalidArgument } from '../../base/errors.ts';
import { ZstdDecoder } from '../../linux/zstd.ts';

const GUNZIP_CHUNK = 256 * 1024;
const ZSTD_MAGIC = 0xfd2fb528;
/** Skippable frames, as zstd:chunked and eStargz's zstd form have them: the last four bits are free. */
const SKIPPABLE_MAGIC = 0x184d2a50;
/** So many bytes tell the compression. */
const MAGIC_BYTES = 4;

/** What turns the bytes of a layer into its tar, handing on each piece as it comes. */
interface Decompressor {
  /** Resolves when more may be written: the reader's slowness reaches the sender by that. Throws what is wrong with the bytes. */
  write(chunk: Buffer): Promise<void>;
  /** Resolves when the last piece has been handed on. Throws for what stops in the middle. */
  end(): Promise<void>;
  /** Nothing is handed on between `pause` and `resume`. */
  pause(): void;
  resume(): void;
  /** Frees what it holds. */
  close(): void;
}

/** The tar of a layer that is plain, gzip or zstd. The bytes themselves tell which: media types are wrong often enough. */
export class LayerDecompression {
  readonly #take: (chunk: Buffer) => void;
  #start: Buffer = Buffer.alloc(0);
  #chosen: Decompressor | undefined;

  /** `take` is given the tar, in pieces that are good until it returns; what it throws comes out of `write` and `end`. */
  constructor(take: (chunk: Buffer) => void) {
    this.#take = take;
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#chosen !== undefined) return this.#chosen.write(chunk);
    this.#start = this.#start.length === 0 ? chunk : Buffer.concat([this.#start, chunk]);
    if (this.#start.length >= MAGIC_BYTES) await this.#choose();
  }

  async end(): Promise<void> {
    if (this.#chosen === undefined && this.#start.length > 0) await this.#choose();
    await this.#chosen?.end();
  }

  pause(): void {
    this.#chosen?.pause();
  }

  resume(): void {
    this.#chosen?.resume();
  }

  close(): void {
    this.#chosen?.close();
  }

  #choose(): Promise<void> {
    const start = this.#start;
    this.#start = Buffer.alloc(0);
    this.#chosen = decompressorFor(start, this.#take);
    return this.#chosen.write(start);
  }
}

function decompressorFor(start: Buffer, take: (chunk: Buffer) => void): Decompressor {
  if (start[0] === 0x1f && start[1] === 0x8b) return new GunzipPump(take);
  const magic = start.length >= MAGIC_BYTES ? start.readUInt32LE(0) : 0;
  const isZstd = magic === ZSTD_MAGIC || (magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC;
  return isZstd ? new ZstdPump(take) : new PlainPump(take);
}

class PlainPump implements Decompressor {
  readonly #take: (chunk: Buffer) => void;

  constructor(take: (chunk: Buffer) => void) {
    this.#take = take;
  }

  async write(chunk: Buffer): Promise<void> {
    this.#take(chunk);
  }

  async end(): Promise<void> {}
  pause(): void {}
  resume(): void {}
  close(): void {}
}

/** In the thread itself: at its speed nothing is won by another one. */
class ZstdPump implements Decompressor {
  readonly #take: (chunk: Buffer) => void;
  readonly #decoder = new ZstdDecoder();

  constructor(take: (chunk: Buffer) => void) {
    this.#take = take;
  }

  async write(chunk: Buffer): Promise<void> {
    this.#named(() => this.#decoder.write(chunk, this.#take));
  }

  async end(): Promise<void> {
    this.#named(() => this.#decoder.end());
  }

  pause(): void {}
  resume(): void {}

  close(): void {
    this.#decoder.close();
  }

  #named(work: () => void): void {
    try {
      work();
    } catch (error) {
      const isOfZstd = errorCode(error) === 'invalid-argument' && errorMessage(error).includes('zstd');
      throw isOfZstd ? invalidArgument(`the layer cannot be read: ${errorMessage(error)}`) : error;
    }
  }
}

/** Gunzip on a pool thread. */
class GunzipPump implements Decompressor {
  readonly #stream: Gunzip = createGunzip({ chunkSize: GUNZIP_CHUNK });
  readonly #failed: Promise<never>;

  constructor(take: (chunk: Buffer) => void) {
    this.#stream.on('data', (chunk: Buffer) => {
      try {
        take(chunk);
      } catch (error) {
        this.#stream.destroy(error instanceof Error ? error : internalError(String(error)));
      }
    });
    this.#failed = new Promise((_, reject) => {
      this.#stream.once('error', error =>
        reject(
          error instanceof GantryError ? error : invalidArgument(`the layer is not valid gzip: ${errorMessage(error)}`),
        ),
      );
    });
    this.#failed.catch(() => undefined);
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#stream.errored !== null) await this.#failed;
    if (!this.#stream.write(chunk)) await Promise.race([once(this.#stream, 'drain'), this.#failed]);
  }

  async end(): Promise<void> {
    const ended = once(this.#stream, 'end');
    this.#stream.end();
    await Promise.race([ended, this.#failed]);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  close(): void {
    this.#stream.destroy();
  }
}
