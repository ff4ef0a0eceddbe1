import { createReadStream, createWriteStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { errorMessage, invalidArgument, isNotFound, notFound } from '../../base/errors.ts';
import type { BlobLocation } from './image-source.ts';
import { decompressionBomb, type UnpackLimits, unpackLimit } from './layer-entry.ts';
import { TarReader } from './tar-reader.ts';

type FileLocation = Extract<BlobLocation, { kind: 'file' }>;

/** The files of an archive by their names in it, read-only. Names that are not there are `undefined`. */
export interface ArchiveFiles {
  readonly path: string;
  /** Where the file's bytes are on disk. */
  locate(name: string): Promise<FileLocation | undefined>;
  /** The whole file. Throws `invalid-argument` when it is over `limit` bytes. */
  read(name: string, limit: number): Promise<Buffer | undefined>;
}

/** Headers come in runs between the contents of files; a run is rarely longer. */
const HEADER_READ = 16 * 1024;

interface Span {
  readonly offset: number;
  readonly size: number;
}

/**
 * Opens a layout directory or a tar, gzip or not. A compressed one is unpacked to `spool` first, since its blobs are read out of order; the
 * caller removes that file. Throws `not-found` or `invalid-argument` with the path, and `resource-exhausted` when it unpacks to more than `limits` allow.
 */
export async function openArchive(
  path: string,
  spool: string,
  limits: UnpackLimits,
  signal: AbortSignal,
): Promise<ArchiveFiles> {
  const info = await stat(path).catch((error: unknown) => {
    throw isNotFound(error) ? notFound(`there is no ${path}`) : error;
  });
  if (info.isDirectory()) return new DirectoryFiles(path);
  if (!info.isFile()) throw invalidArgument(`${path} is neither a file nor a directory`);
  const handle = await open(path, 'r');
  const start = Buffer.alloc(2);
  await handle.read(start, 0, 2, 0).finally(() => handle.close());
  if (start[0] !== 0x1f || start[1] !== 0x8b) return TarFiles.index(path, path, signal);
  const limit = unpackLimit(info.size, limits);
  const atMost = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let seen = 0;
    for await (const chunk of chunks) {
      seen += chunk.length;
      if (seen > limit) throw decompressionBomb(path, info.size, limit);
      yield chunk;
    }
  };
  const spooled = createWriteStream(spool, { mode: 0o600 });
  try {
    await pipeline(createReadStream(path), createGunzip(), atMost, spooled, { signal });
  } catch (error) {
    if ((error as { code?: unknown }).code?.toString().startsWith('Z_') === true)
      throw invalidArgument(`${path} is not valid gzip: ${errorMessage(error)}`);
    throw error;
  }
  return TarFiles.index(path, spool, signal);
}

class DirectoryFiles implements ArchiveFiles {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  async locate(name: string): Promise<FileLocation | undefined> {
    const path = this.#file(name);
    const info = await stat(path).catch(absent);
    return info?.isFile() ? { kind: 'file', path, offset: 0, length: info.size } : undefined;
  }

  async read(name: string, limit: number): Promise<Buffer | undefined> {
    const place = await this.locate(name);
    if (place === undefined) return undefined;
    if (place.length > limit) throw tooLarge(this.path, name, limit);
    return readFile(place.path);
  }

  /** Names come from documents inside: none may leave the directory. */
  #file(name: string): string {
    return join(this.path, posix.normalize(`/${name}`));
  }
}

class TarFiles implements ArchiveFiles {
  readonly path: string;
  readonly #file: string;
  readonly #spans: ReadonlyMap<string, Span>;
  readonly #links: ReadonlyMap<string, string>;

  private constructor(
    path: string,
    file: string,
    spans: ReadonlyMap<string, Span>,
    links: ReadonlyMap<string, string>,
  ) {
    this.path = path;
    this.#file = file;
    this.#spans = spans;
    this.#links = links;
  }

  static async index(path: string, file: string, signal: AbortSignal): Promise<TarFiles> {
    const spans = new Map<string, Span>();
    const links = new Map<string, string>();
    const reader = new TarReader({
      entry(header, offset) {
        const name = clean(header.name);
        if (header.type === 'file') spans.set(name, { offset, size: header.size });
        if (header.type === 'symlink') links.set(name, clean(posix.join(posix.dirname(name), header.linkName)));
        if (header.type === 'hardlink') links.set(name, clean(header.linkName));
      },
      data() {},
      end() {},
    });
    try {
      await readHeaders(file, reader, signal);
      reader.close();
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw invalidArgument(`${path} is not an image archive: ${errorMessage(error)}`);
    }
    return new TarFiles(path, file, spans, links);
  }

  async locate(name: string): Promise<FileLocation | undefined> {
    const span = this.#span(name);
    return span === undefined ? undefined : { kind: 'file', path: this.#file, offset: span.offset, length: span.size };
  }

  async read(name: string, limit: number): Promise<Buffer | undefined> {
    const span = this.#span(name);
    if (span === undefined) return undefined;
    if (span.size > limit) throw tooLarge(this.path, name, limit);
    const handle = await open(this.#file, 'r');
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(span.size), 0, span.size, span.offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  }

  #span(name: string): Span | undefined {
    const wanted = clean(name);
    return this.#spans.get(wanted) ?? this.#spans.get(this.#links.get(wanted) ?? '');
  }
}

/** Feeds a tar to the reader without the contents of its files: an archive of gigabytes is indexed by a few reads. */
async function readHeaders(file: string, reader: TarReader, signal: AbortSignal): Promise<void> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(HEADER_READ);
    for (let position = 0; position < size; ) {
      signal.throwIfAborted();
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) return;
      reader.write(buffer.subarray(0, bytesRead));
      position += bytesRead;
      // What is cut off at the end is left to the reader to complain of.
      if (reader.contentLeft > size - position) return;
      position += reader.contentLeft;
      reader.skipContent();
    }
  } finally {
    await handle.close();
  }
}

const clean = (name: string): string => posix.normalize(`/${name}`).slice(1).replace(/\/$/, '');

function absent(error: unknown): undefined {
  if (isNotFound(error)) return undefined;
  throw error;
}

const tooLarge = (path: string, name: string, limit: number): Error =>
  invalidArgument(`${path}: ${name} is over ${limit} bytes, which no such document is`);
