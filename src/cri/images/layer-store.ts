import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoName, errorCode, errorMessage, GantryError, internalError } from '../../base/errors.ts';
import { randomHex } from '../../base/hash.ts';
import type { Logger } from '../../daemon/logger.ts';
import { writeFileAtomic } from '../../linux/atomic-file.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import type { BlobLocation } from './image-source.ts';
import { type UnpackLimits, unpackLimit } from './layer-entry.ts';
import type { Unpackers } from './unpackers.ts';

/** One unpacked layer. `<root>/layer-records/<name>.json`, written after the directory is whole and on disk. */
export interface LayerRecord {
  readonly version: 1;
  readonly diffId: string;
  readonly bytes: number;
  readonly inodes: number;
}

/** Where a layer's bytes come from. */
export interface LayerContent {
  /** Whatever stands for the pull or import that it is for: layers take turns by it. */
  readonly pull: object;
  readonly diffId: string;
  /** Digest of the bytes as they come, where known. */
  readonly digest: string | undefined;
  readonly size: number;
  /** Called right before the bytes are read. */
  locate(): Promise<BlobLocation>;
  /** Told now and then how many of the bytes have been taken. */
  onProgress?(bytes: number): void;
}

/**
 * The name of a layer's directory: 128 bits of its diff id in 22 characters. Short, because all layers of a container stand in one mount option
 * of at most 4096 bytes; without `:` and `,`, which have a meaning there.
 */
export function layerName(diffId: string): string {
  return Buffer.from(diffId.slice('sha256:'.length), 'hex').subarray(0, 16).toString('base64url');
}

/**
 * Unpacked layers by diff id, each once, shared by all images. A layer is unpacked under `ingest/`, renamed to `layers/<name>`, and exists from
 * the moment its record is written. Everything else that is found at start is the rest of a crash and is removed.
 */
export class LayerStore {
  readonly #root: string;
  readonly #unpackers: Unpackers;
  readonly #limits: UnpackLimits;
  readonly #log: Logger;
  readonly #records = new Map<string, LayerRecord>();
  readonly #arriving = new Map<string, Promise<void>>();
  readonly #pins = new Map<string, number>();
  readonly #removals = new Set<Promise<void>>();

  private constructor(root: string, unpackers: Unpackers, limits: UnpackLimits, log: Logger) {
    this.#root = root;
    this.#unpackers = unpackers;
    this.#limits = limits;
    this.#log = log;
  }

  /** Reads what is there; leftovers of a crash are removed, the large ones in the background. `root` is made if missing. */
  static open(root: string, unpackers: Unpackers, limits: UnpackLimits, log: Logger): LayerStore {
    const store = new LayerStore(root, unpackers, limits, log);
    for (const folder of ['ingest', 'layers', 'layer-records'])
      mkdirSync(join(root, folder), { recursive: true, mode: 0o700 });
    for (const name of readdirSync(join(root, 'ingest'))) store.#discard(join(root, 'ingest', name));
    for (const file of readdirSync(join(root, 'layer-records'))) store.#load(file);
    for (const name of readdirSync(join(root, 'layers'))) {
      if (store.#records.has(name)) continue;
      log.warn({ layer: name }, 'removing a layer without a record, left by a crash');
      store.#discardLayerDirectory(name);
    }
    return store;
  }

  has(diffId: string): boolean {
    return this.#records.has(layerName(diffId));
  }

  directory(diffId: string): string {
    return join(this.#root, 'layers', layerName(diffId));
  }

  /** Bytes and inodes of all layers, as counted when they had been unpacked. */
  usage(): { bytes: number; inodes: number } {
    let bytes = 0;
    let inodes = 0;
    for (const record of this.#records.values()) {
      bytes += record.bytes;
      inodes += record.inodes;
    }
    return { bytes, inodes };
  }

  /** Keeps `collect` away from these layers, there or not yet, until the returned function is called. */
  pin(diffIds: readonly string[]): () => void {
    const names = diffIds.map(layerName);
    for (const name of names) this.#pins.set(name, (this.#pins.get(name) ?? 0) + 1);
    return () => {
      for (const name of names.splice(0)) {
        const left = (this.#pins.get(name) ?? 1) - 1;
        if (left === 0) this.#pins.delete(name);
        else this.#pins.set(name, left);
      }
    };
  }

  /**
   * Makes sure the layer is there. Callers that come while it is being unpacked wait for that; when it fails there, they try with their own
   * content. After a throw nothing of this try is left.
   */
  async ensure(content: LayerContent, signal: AbortSignal): Promise<'present' | 'unpacked'> {
    const name = layerName(content.diffId);
    for (;;) {
      signal.throwIfAborted();
      if (this.#records.has(name)) return 'present';
      const arriving = this.#arriving.get(name);
      if (arriving === undefined) break;
      await settledOrAborted(arriving, signal);
    }
    const work = this.#unpack(name, content, signal);
    const tail = work.catch(() => undefined).finally(() => this.#arriving.delete(name));
    this.#arriving.set(name, tail);
    await work;
    return 'unpacked';
  }

  /** Removes the layers that are neither in `needed` nor pinned. They are gone from the store at once, their files soon after. */
  collect(needed: ReadonlySet<string>): void {
    const keep = new Set([...needed].map(layerName));
    for (const name of [...this.#records.keys()]) {
      if (keep.has(name) || this.#pins.has(name)) continue;
      this.#records.delete(name);
      rmSync(this.#recordPath(name), { force: true });
      faultPoint('image/remove/layer-record-deleted');
      this.#discardLayerDirectory(name);
    }
  }

  /** Resolves when the files of everything removed so far are gone. */
  async settled(): Promise<void> {
    while (this.#removals.size > 0) await Promise.allSettled([...this.#removals]);
  }

  async #unpack(name: string, content: LayerContent, signal: AbortSignal): Promise<void> {
    const directory = join(this.#root, 'ingest', `${name}-${randomHex(4)}`);
    const target = join(this.#root, 'layers', name);
    try {
      mkdirSync(directory, { mode: 0o755 });
      faultPoint('image/pull/layer-begun');
      const maxBytes = unpackLimit(content.size, this.#limits);
      const { size, digest, diffId } = content;
      const usage = await this.#unpackers.unpack(
        content.pull,
        { directory, size, digest, diffId, maxBytes },
        () => content.locate(),
        {
          onProgress: bytes => content.onProgress?.(bytes),
          onAgain: ({ message, delayMs, bytes }) =>
            this.#log.warn({ layer: diffId, reason: message, delayMs, bytes, of: size }, 'a layer is asked for again'),
        },
        signal,
      );
      if (usage.skippedXattrs > 0)
        this.#log.warn(
          { layer: content.diffId, count: usage.skippedXattrs },
          'extended attributes of the layer were left out',
        );
      const record: LayerRecord = { version: 1, diffId: content.diffId, bytes: usage.bytes, inodes: usage.inodes };
      faultPoint('image/pull/layer-written');
      renameSync(directory, target);
      faultPoint('image/pull/layer-renamed');
      writeFileAtomic(this.#recordPath(name), JSON.stringify(record), { durable: true });
      this.#records.set(name, record);
    } catch (error) {
      this.#discard(directory);
      if (existsSync(target)) this.#discardLayerDirectory(name);
      await this.settled();
      throw storeError(error, content.diffId, this.#root);
    }
    faultPoint('image/pull/layer-unpacked');
  }

  #load(file: string): void {
    const path = join(this.#root, 'layer-records', file);
    const name = file.replace(/\.json$/, '');
    try {
      const record = JSON.parse(readFileSync(path, 'utf8')) as LayerRecord;
      if (record.version !== 1 || layerName(record.diffId) !== name)
        throw internalError('it is not a layer record of this version');
      if (!statSync(join(this.#root, 'layers', name)).isDirectory())
        throw internalError('the layer is not a directory');
      this.#records.set(name, record);
    } catch (error) {
      this.#log.warn({ file: path, reason: errorMessage(error) }, 'dropping a layer record that does not hold');
      rmSync(path, { force: true });
    }
  }

  #recordPath(name: string): string {
    return join(this.#root, 'layer-records', `${name}.json`);
  }

  /** Takes the directory out of `layers` first, so that no half removed layer ever stands there. */
  #discardLayerDirectory(name: string): void {
    const trash = join(this.#root, 'ingest', `removed-${name}-${randomHex(4)}`);
    try {
      renameSync(join(this.#root, 'layers', name), trash);
    } catch (error) {
      if (errnoName(error) === 'ENOENT') return;
      this.#log.warn({ layer: name, reason: errorMessage(error) }, 'cannot take a layer out of the store');
      return;
    }
    faultPoint('image/remove/layer-taken-out');
    this.#discard(trash);
  }

  #discard(path: string): void {
    const removal = rm(path, { recursive: true, force: true, maxRetries: 3 })
      .catch((error: unknown) =>
        this.#log.warn(
          { path, reason: errorMessage(error) },
          'cannot remove what is left of a layer; it is tried again at the next start',
        ),
      )
      .finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }
}

/** The error with the layer named; a full disk says whose. */
function storeError(error: unknown, diffId: string, root: string): unknown {
  const errno = errnoName(error);
  if (errno === 'ENOSPC' || errno === 'EDQUOT')
    return new GantryError('resource-exhausted', `no space left on the disk of ${root} (${errno})`, { cause: error });
  if (!(error instanceof GantryError) || errorCode(error) === 'cancelled') return error;
  const where = error.code === 'resource-exhausted' ? ` under ${root}` : '';
  return new GantryError(error.code, `layer ${diffId}${where}: ${error.message}`, {
    cause: error,
    ...(error.reason === undefined ? {} : { reason: error.reason }),
  });
}

function settledOrAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    void work.then(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
  });
}
