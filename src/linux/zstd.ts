import { GantryError } from '../base/errors.ts';
import { addressOf, bind } from './ffi.ts';

/** Part of every Debian (dpkg itself needs it), and of every other distribution whose packages are compressed with it. */
const LIBRARY = 'libzstd.so.1';
const WINDOW_LOG_MAX = 100;
/** ZSTD_DStreamOutSize: a whole block fits. */
const OUTPUT_BYTES = 128 << 10;
/** A structure of pointer, size and position, 8 bytes each (ZSTD_inBuffer and ZSTD_outBuffer). */
const SPAN_BYTES = 24;

/** Functions of libzstd that are in its stable API, bound once. Sizes are declared as bigints: errors are sizes near 2^64. */
interface Libzstd {
  create(): number;
  setParameter(stream: number, parameter: number, value: number): bigint | number;
  decompress(stream: number, output: Buffer, input: Buffer): bigint | number;
  isError(code: bigint | number): number;
  errorName(code: bigint | number): string;
  free(stream: number): void;
}

let loaded: Libzstd | GantryError | undefined;

/**
 * Loads the library, once. For processes that move their root: it must come from the machine's own files, never from those that the process unpacks.
 * Where it is missing the first decoder says so.
 */
export function loadZstd(): void {
  loaded ??= load();
}

function load(): Libzstd | GantryError {
  const of = <T>(signature: string): T => bind(LIBRARY, signature) as unknown as T;
  try {
    return {
      create: of('uintptr_t ZSTD_createDStream()'),
      setParameter: of('size_t ZSTD_DCtx_setParameter(uintptr_t, int, int)'),
      decompress: of('size_t ZSTD_decompressStream(uintptr_t, _Inout_ void*, _Inout_ void*)'),
      isError: of('uint ZSTD_isError(size_t)'),
      errorName: of('const char* ZSTD_getErrorName(size_t)'),
      free: of('size_t ZSTD_freeDStream(uintptr_t)'),
    };
  } catch (error) {
    return new GantryError(
      'failed-precondition',
      `zstd cannot be read on this machine: ${LIBRARY} is missing (on Debian it is in the package libzstd1)`,
      { cause: error },
    );
  }
}

function libzstd(): Libzstd {
  loadZstd();
  if (loaded === undefined || loaded instanceof GantryError) throw loaded;
  return loaded;
}

/**
 * Decompresses a stream of zstd frames, skippable ones and several in a row included, by the system's libzstd. The work is done in the calls and
 * blocks the thread: for a process of its own. Memory is bounded by the window that a frame may ask for. To be closed.
 */
export class ZstdDecoder {
  readonly #zstd = libzstd();
  readonly #stream: number;
  readonly #output = Buffer.alloc(OUTPUT_BYTES);
  readonly #from = Buffer.alloc(SPAN_BYTES);
  readonly #to = Buffer.alloc(SPAN_BYTES);
  #isInFrame = false;
  #isClosed = false;

  /** Frames with a window of more than 2^`maxWindowLog` bytes are refused; 27 is what the zstd command accepts unless told otherwise. */
  constructor(maxWindowLog = 27) {
    this.#stream = this.#zstd.create();
    if (Number(this.#stream) === 0) throw new GantryError('resource-exhausted', 'no memory for a zstd decoder');
    this.#checked(this.#zstd.setParameter(this.#stream, WINDOW_LOG_MAX, maxWindowLog));
    this.#to.writeBigUInt64LE(addressOf(this.#output), 0);
    this.#to.writeBigUInt64LE(BigInt(OUTPUT_BYTES), 8);
  }

  /** Takes the next bytes and hands on what they say, in pieces that are good until `take` returns. Throws `invalid-argument` for what is not zstd. */
  write(input: Buffer, take: (piece: Buffer) => void): void {
    if (this.#isClosed || input.length === 0) return;
    this.#from.writeBigUInt64LE(addressOf(input), 0);
    this.#from.writeBigUInt64LE(BigInt(input.length), 8);
    this.#from.writeBigUInt64LE(0n, 16);
    let isFull = true;
    // An output buffer that came back full may have more behind it, though all of the input is taken.
    while (this.#taken(this.#from) < input.length || isFull) {
      this.#to.writeBigUInt64LE(0n, 16);
      const left = this.#checked(this.#zstd.decompress(this.#stream, this.#to, this.#from));
      const produced = this.#taken(this.#to);
      isFull = produced === OUTPUT_BYTES;
      this.#isInFrame = left !== 0;
      if (produced > 0) take(this.#output.subarray(0, produced));
      if (!this.#isInFrame && this.#taken(this.#from) === input.length) return;
    }
  }

  /** Says that no more bytes come. Throws `invalid-argument` in the middle of a frame. */
  end(): void {
    if (this.#isInFrame) throw new GantryError('invalid-argument', 'it ends in the middle of a zstd frame');
  }

  /** Safe to repeat. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#zstd.free(this.#stream);
  }

  #taken(span: Buffer): number {
    return Number(span.readBigUInt64LE(16));
  }

  #checked(result: bigint | number): number {
    if (this.#zstd.isError(result) !== 0)
      throw new GantryError('invalid-argument', `it is not valid zstd: ${this.#zstd.errorName(result)}`);
    return Number(result);
  }
}
