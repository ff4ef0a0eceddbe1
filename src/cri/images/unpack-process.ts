import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip, type Gunzip } from 'node:zlib';
import { errorCode, errorMessage, GantryError, internalError, invalidArgument } from '../../base/errors.ts';
import { MovableRoot } from '../../linux/chroot.ts';
import { dieWithParent } from '../../linux/parent-death.ts';
import { syncFileSystem } from '../../linux/syncfs.ts';
import { LayerBytes, LayerSources } from './layer-bytes.ts';
import { decompressionBomb } from './layer-entry.ts';
import { TarReader } from './tar-reader.ts';
import { LayerUnpacker, type LayerUsage } from './unpack-layer.ts';
import type { UnpackReport, UnpackRequest } from './unpack-protocol.ts';

const GUNZIP_CHUNK = 256 * 1024;

/**
 * The life of an unpack process: takes layers from stdin (unpack-protocol.ts) until it closes, or until the first failure. It fetches each
 * layer itself, verifies it while it streams and unpacks it as a chroot of the layer's directory. Resolves to the exit code.
 */
export async function runUnpackProcess(): Promise<number> {
  dieWithParent();
  process.umask(0);
  const root = new MovableRoot();
  const sources = new LayerSources();
  try {
    for await (const line of createInterface({ input: process.stdin })) {
      const usage = await unpack(JSON.parse(line) as UnpackRequest, sources, root);
      report({ kind: 'done', usage });
    }
    return 0;
  } catch (error) {
    const reason = error instanceof GantryError ? error.reason : undefined;
    report({ kind: 'failed', code: errorCode(error), message: errorMessage(error), reason });
    return 1;
  } finally {
    sources.close();
  }
}

function report(what: UnpackReport): void {
  writeSync(1, `${JSON.stringify(what)}\n`);
}

async function unpack(request: UnpackRequest, sources: LayerSources, root: MovableRoot): Promise<LayerUsage> {
  const stream = await sources.open(request.source);
  const bytes = new LayerBytes(stream, request.size, taken => report({ kind: 'progress', bytes: taken }));
  // From here to `leave` every path means one inside the layer: nothing may be looked up, opened or loaded but what the layer holds.
  root.enter(request.directory);
  const unpacker = new LayerUnpacker('');
  const plain = createHash('sha256');
  const reader = new TarReader(unpacker);
  let tarBytes = 0;
  const take = (chunk: Buffer): void => {
    tarBytes += chunk.length;
    if (tarBytes > request.maxBytes) throw decompressionBomb('the layer', request.size, request.maxBytes);
    plain.update(chunk);
    reader.write(chunk);
  };
  try {
    let chunk = await bytes.next();
    const gunzip = chunk === undefined ? undefined : pumpFor(chunk, take);
    for (; chunk !== undefined; chunk = await bytes.next()) {
      if (gunzip === undefined) take(chunk);
      else await gunzip.write(chunk);
    }
    await gunzip?.end();
    reader.close();
  } catch (error) {
    unpacker.abandon();
    // A broken archive is most often a blob that is not the one that was asked for: say that first.
    if (errorCode(error) === 'invalid-argument') {
      await bytes.drain();
      checkDigest(request.digest, bytes.digest(), 'blob');
    }
    throw error;
  }
  checkDigest(request.digest, bytes.digest(), 'blob');
  checkDigest(request.diffId, `sha256:${plain.digest('hex')}`, 'uncompressed layer');
  const usage = unpacker.finish();
  root.leave();
  syncFileSystem(request.directory);
  return usage;
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
