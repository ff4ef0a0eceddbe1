import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip, type Gunzip } from 'node:zlib';
import { errorCode, errorMessage, GantryError, internalError, invalidArgument } from '../../base/errors.ts';
import { MovableRoot } from '../../linux/chroot.ts';
import { dieWithParent } from '../../linux/parent-death.ts';
import { syncFileSystem } from '../../linux/syncfs.ts';
import { TarReader } from './tar-reader.ts';
import { LayerUnpacker, type LayerUsage } from './unpack-layer.ts';
import type { UnpackAnswer, UnpackRequest } from './unpack-protocol.ts';

const GUNZIP_CHUNK = 256 * 1024;

/**
 * The life of an unpack process: takes layers from stdin (unpack-protocol.ts) until it closes, or until the first failure, after which what is
 * left in the pipe means nothing. Resolves to the exit code.
 */
export async function runUnpackProcess(): Promise<number> {
  dieWithParent();
  process.umask(0);
  const root = new MovableRoot();
  const input = new ByteSource(process.stdin);
  for (;;) {
    const head = await input.exactly(4);
    if (head === undefined) return 0;
    const body = await input.exactly(head.readUInt32BE(0));
    if (body === undefined) return 0;
    const request = JSON.parse(body.toString('utf8')) as UnpackRequest;
    try {
      const answer = await unpack(request, input, root);
      send({ ok: true, ...answer });
    } catch (error) {
      send({ ok: false, code: errorCode(error), message: errorMessage(error) });
      return 1;
    }
  }
}

function send(answer: UnpackAnswer): void {
  writeSync(1, `${JSON.stringify(answer)}\n`);
}

async function unpack(
  request: UnpackRequest,
  input: ByteSource,
  root: MovableRoot,
): Promise<LayerUsage & { tarBytes: number }> {
  root.enter(request.directory);
  const unpacker = new LayerUnpacker('');
  const compressed = createHash('sha256');
  const plain = createHash('sha256');
  const reader = new TarReader(unpacker);
  let tarBytes = 0;
  const take = (chunk: Buffer): void => {
    tarBytes += chunk.length;
    if (tarBytes > request.maxBytes)
      throw new GantryError(
        'resource-exhausted',
        `the layer of ${request.size} bytes unpacks to more than ${request.maxBytes}, which is refused as a decompression bomb (images.unpackRatio and images.unpackFreeBytes in the configuration set the limit)`,
      );
    plain.update(chunk);
    reader.write(chunk);
  };
  let remaining = request.size;
  try {
    let gunzip: GunzipPump | undefined;
    for (let first = true; remaining > 0; first = false) {
      const chunk = await input.upTo(remaining);
      if (chunk === undefined) throw new GantryError('cancelled', 'the layer was cut off');
      remaining -= chunk.length;
      compressed.update(chunk);
      if (first) gunzip = pumpFor(chunk, take);
      if (gunzip === undefined) take(chunk);
      else await gunzip.write(chunk);
    }
    await gunzip?.end();
    reader.close();
  } catch (error) {
    unpacker.abandon();
    // A broken archive is most often a blob that is not the one that was asked for: say that first.
    if (errorCode(error) === 'invalid-argument') {
      while (remaining > 0) {
        const chunk = await input.upTo(remaining);
        if (chunk === undefined) break;
        compressed.update(chunk);
        remaining -= chunk.length;
      }
      if (remaining === 0) checkDigest(request.digest, `sha256:${compressed.digest('hex')}`, 'blob');
    }
    throw error;
  }
  checkDigest(request.digest, `sha256:${compressed.digest('hex')}`, 'blob');
  checkDigest(request.diffId, `sha256:${plain.digest('hex')}`, 'uncompressed layer');
  const usage = unpacker.finish();
  root.leave();
  syncFileSystem(request.directory);
  return { ...usage, tarBytes };
}

function checkDigest(expected: string | undefined, found: string, what: string): void {
  if (expected !== undefined && expected !== found)
    throw new GantryError('data-loss', `digest mismatch: the ${what} should be ${expected} and is ${found}`);
}

/** The bytes themselves tell the compression: media types are wrong often enough. */
function pumpFor(start: Buffer, take: (chunk: Buffer) => void): GunzipPump | undefined {
  if (start[0] === 0x1f && start[1] === 0x8b) return new GunzipPump(take);
  if (start.length >= 4 && start.readUInt32LE(0) === 0xfd2fb528)
    throw invalidArgument('the layer is compressed with zstd; only gzip and plain tar can be unpacked');
  return undefined;
}

/** Gunzip on a pool thread with back-pressure; what `take` throws and what zlib reports come out of `write` and `end`. */
class GunzipPump {
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
}

/** Reads a stream in pieces of known length. */
class ByteSource {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: Readable) {
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** At most `limit` bytes, at least one; undefined at the end of the stream. */
  async upTo(limit: number): Promise<Buffer | undefined> {
    if (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return undefined;
      this.#rest = next.value;
    }
    const piece = this.#rest.subarray(0, limit);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }

  async exactly(length: number): Promise<Buffer | undefined> {
    const pieces: Buffer[] = [];
    for (let missing = length; missing > 0; ) {
      const piece = await this.upTo(missing);
      if (piece === undefined) return undefined;
      pieces.push(piece);
      missing -= piece.length;
    }
    return Buffer.concat(pieces);
  }
}
