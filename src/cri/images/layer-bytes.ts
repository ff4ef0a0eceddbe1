import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { GantryError } from '../../base/errors.ts';
import type { BlobLocation } from './image-source.ts';
import { RegistryRepository } from './registry-client.ts';
import { RegistryConnections } from './registry-http.ts';

/** Between two reports of progress, in milliseconds. */
const PROGRESS_MS = 250;
const FILE_CHUNK = 256 * 1024;

/**
 * Opens layers in an unpack process, one after the other. Connections to registries stay open from layer to layer. What needs the machine's
 * files (host names, certificates, the archive) is done when `open` resolves: the process may then move its root.
 */
export class LayerSources {
  readonly #never = new AbortController().signal;
  #connections: RegistryConnections | undefined;

  /** Throws GantryErrors that name the registry, or the errno error of the file. */
  async open(location: BlobLocation): Promise<Readable> {
    if (location.kind === 'registry') {
      this.#connections ??= new RegistryConnections(location.repository.options.timeouts);
      const repository = RegistryRepository.resume(location.repository, this.#connections);
      return repository.blob(location.digest, this.#never);
    }
    const { path, offset, length } = location;
    const handle = await open(path, 'r');
    if (length > 0)
      return handle.createReadStream({ start: offset, end: offset + length - 1, highWaterMark: FILE_CHUNK });
    await handle.close();
    return Readable.from([]);
  }

  close(): void {
    this.#connections?.close();
  }
}

/** The bytes of one layer as they come: counted, hashed, and held against the size that the descriptor says. */
export class LayerBytes {
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #size: number;
  readonly #onProgress: (bytes: number) => void;
  readonly #hash = createHash('sha256');
  #seen = 0;
  #reported = performance.now();

  constructor(stream: Readable, size: number, onProgress: (bytes: number) => void) {
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#size = size;
    this.#onProgress = onProgress;
  }

  /** The next bytes, undefined after the last. Throws `data-loss` when there are more or fewer than announced, or what the source met. */
  async next(): Promise<Buffer | undefined> {
    const { done, value } = await this.#chunks.next();
    if (done === true) {
      if (this.#seen === this.#size) return undefined;
      throw new GantryError('data-loss', `the layer ended after ${this.#seen} of ${this.#size} bytes`);
    }
    this.#seen += value.length;
    if (this.#seen > this.#size)
      throw new GantryError('data-loss', `the layer has more than the ${this.#size} bytes that its descriptor says`);
    this.#hash.update(value);
    const now = performance.now();
    if (now - this.#reported >= PROGRESS_MS) {
      this.#reported = now;
      this.#onProgress(this.#seen);
    }
    return value;
  }

  /** Reads what is left, for its digest alone. */
  async drain(): Promise<void> {
    while ((await this.next()) !== undefined);
  }

  /** `sha256:<hex>` of all bytes; to be called once, after the last. */
  digest(): string {
    return `sha256:${this.#hash.digest('hex')}`;
  }
}
