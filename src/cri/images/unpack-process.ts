import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { errorCode, errorMessage, GantryError } from '../../base/errors.ts';
import { MovableRoot } from '../../linux/chroot.ts';
import { directoryUsageSync } from '../../linux/directory-usage.ts';
import { dieWithParent } from '../../linux/parent-death.ts';
import { syncFileSystem } from '../../linux/syncfs.ts';
import { loadZstd } from '../../linux/zstd.ts';
import { LayerBytes, LayerSources } from './layer-bytes.ts';
import { LayerDecompression } from './layer-decompression.ts';
import { decompressionBomb } from './layer-entry.ts';
import { TarReader } from './tar-reader.ts';
import { LayerUnpacker } from './unpack-layer.ts';
import type { LayerUsage, UnpackReport, UnpackRequest } from './unpack-protocol.ts';

/**
 * The life of an unpack process: takes layers from stdin (unpack-protocol.ts) until it closes, or until the first failure. It fetches each
 * layer itself, verifies it while it streams and unpacks it as a chroot of the layer's directory. Resolves to the exit code.
 */
export async function runUnpackProcess(): Promise<number> {
  dieWithParent();
  process.umask(0);
  loadZstd();
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
  const unpacker = new LayerUnpacker('');
  const plain = createHash('sha256');
  const reader = new TarReader(unpacker);
  let tarBytes = 0;
  const decompression = new LayerDecompression(chunk => {
    tarBytes += chunk.length;
    if (tarBytes > request.maxBytes) throw decompressionBomb('the layer', request.size, request.maxBytes);
    plain.update(chunk);
    reader.write(chunk);
  });
  const outside = async (work: () => Promise<void>): Promise<void> => {
    // What a pool thread has decompressed meanwhile must not be written until the root is the layer's again.
    decompression.pause();
    root.leave();
    await work();
    root.enter(request.directory);
    decompression.resume();
  };
  const source = await sources.open(request.source, outside, again => report({ kind: 'again', ...again }));
  const bytes = new LayerBytes(source, request.size, taken => report({ kind: 'progress', bytes: taken }));
  // From here to `leave` every path means one inside the layer: nothing may be looked up, opened or loaded but what the layer holds.
  root.enter(request.directory);
  try {
    for (let chunk = await bytes.next(); chunk !== undefined; chunk = await bytes.next())
      await decompression.write(chunk);
    await decompression.end();
    reader.close();
  } catch (error) {
    unpacker.abandon();
    // A broken archive is most often a blob that is not the one that was asked for: say that first.
    if (errorCode(error) === 'invalid-argument') {
      await bytes.drain();
      checkDigest(request.digest, bytes.digest(), 'blob');
    }
    throw error;
  } finally {
    decompression.close();
  }
  checkDigest(request.digest, bytes.digest(), 'blob');
  checkDigest(request.diffId, `sha256:${plain.digest('hex')}`, 'uncompressed layer');
  const outcome = unpacker.finish();
  root.leave();
  syncFileSystem(request.directory);
  return { ...outcome, ...directoryUsageSync(request.directory) };
}

function checkDigest(expected: string | undefined, found: string, what: string): void {
  if (expected !== undefined && expected !== found)
    throw new GantryError('data-loss', `digest mismatch: the ${what} should be ${expected} and is ${found}`);
}
