import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { errorCode, GantryError, invalidArgument } from '../../base/errors.ts';
import type { BlobLocation } from './image-source.ts';
import { RegistryRepository } from './registry-client.ts';
import { REGISTRY_TIMEOUTS, RegistryConnections } from './registry-http.ts';
import { type AskedAgain, RegistryLayer } from './registry-layer.ts';

/** Between two reports of progress, in milliseconds. */
const PROGRESS_MS = 250;
const FILE_CHUNK = 256 * 1024;

/** Bytes that are fetched one piece after the other. */
export interface ByteSource {
  /** The next piece, undefined after the last. */
  next(): Promise<Buffer | undefined>;
}

/** Runs something that needs the machine's own files, and comes back to where the process was. */
export type Outside = (work: () => Promise<void>) => Promise<void>;

/**
 * Opens layers in an unpack process, one after the other. Connections to registries stay open from layer to layer. What needs the machine's
 * files (host names, certificates, the archive) is done when `open` resolves: the process may then move its root. A connection in place of a broken one
 * is made in `outside`.
 */
export class LayerSources {
  #connections: RegistryConnections | undefined;

  /** Throws GantryErrors that name the registry, or the errno error of the file. */
  async open(location: BlobLocation, outside: Outside, onAgain: (again: AskedAgain) => void): Promise<ByteSource> {
    if (location.kind === 'file') return fileBytes(location.path, location.offset, location.length);
    const [first] = location.repositories;
    if (first === undefined) throw invalidArgument('no registry may be asked for the layer');
    const timeouts = first.options.timeouts ?? REGISTRY_TIMEOUTS;
    this.#connections ??= new RegistryConnections(timeouts);
    const connections = this.#connections;
    const repositories = location.repositories.map(access => RegistryRepository.resume(access, connections));
    const layer = new RegistryLayer(repositories, location.digest, timeouts, onAgain);
    await layer.connect();
    await connections.lookupsEnded();
    return {
      next: async () => {
        for (;;) {
          try {
            return await layer.next();
          } catch (error) {
            if (errorCode(error) !== 'unavailable') throw error;
            await outside(async () => {
              await layer.again(error);
              await connections.lookupsEnded();
            });
          }
        }
      },
    };
  }

  close(): void {
    this.#connections?.close();
  }
}

async function fileBytes(path: string, offset: number, length: number): Promise<ByteSource> {
  const handle = await open(path, 'r');
  if (length === 0) {
    await handle.close();
    return { next: async () => undefined };
  }
  const stream: Readable = handle.createReadStream({
    start: offset,
    end: offset + length - 1,
    highWaterMark: FILE_CHUNK,
  });
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  return {
    next: async () => {
      const { done, value } = await chunks.next();
      return done === true ? undefined : value;
    },
  };
}

/** The bytes of one layer as they come: counted, hashed, and held against the size that the descriptor says. */
export class LayerBytes {
  readonly #source: ByteSource;
  readonly #size: number;
  readonly #onProgress: (bytes: number) => void;
  readonly #hash = createHash('sha256');
  #seen = 0;
  #reported = performance.now();

  constructor(source: ByteSource, size: number, onProgress: (bytes: number) => void) {
    this.#source = source;
    this.#size = size;
    this.#onProgress = onProgress;
  }

  /** The next bytes, undefined after the last. Throws `data-loss` when there are more or fewer than announced, or what the source met. */
  async next(): Promise<Buffer | undefined> {
    const value = await this.#source.next();
    if (value === undefined) {
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
