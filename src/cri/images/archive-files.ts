import { createReadStream, createWriteStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { errorMessage, invalidArgument, isNotFound, notFound } from '../../base/errors.ts';
import { TarReader } from './tar-reader.ts';

/** The files of an archive by their names in it, read-only. Names that are not there are `undefined`. */
export interface ArchiveFiles {
  readonly path: string;
  size(name: string): Promise<number | undefined>;
  /** The whole file. Throws `invalid-argument` when it is over `limit` bytes. */
  read(name: string, limit: number): Promise<Buffer | undefined>;
  stream(name: string, signal: AbortSignal): Promise<Readable | undefined>;
}

interface Span {
  readonly offset: number;
  readonly size: number;
}

/**
 * Opens a layout directory or a tar, gzip or not. A compressed one is unpacked to `spool` first, since its blobs are read out of order; the
 * caller removes that file. Throws `not-found` or `invalid-argument` with the path.
 */
export async function openArchive(path: string, spool: string, signal: AbortSignal): Promise<ArchiveFiles> {
  const info = await stat(path).catch((error: unknown) => {
    throw isNotFound(error) ? notFound(`there is no ${path}`) : error;
  });
  if (info.isDirectory()) return new DirectoryFiles(path);
  if (!info.isFile()) throw invalidArgument(`${path} is neither a file nor a directory`);
  const handle = await open(path, 'r');
  const start = Buffer.alloc(2);
  await handle.read(start, 0, 2, 0).finally(() => handle.close());
  if (start[0] !== 0x1f || start[1] !== 0x8b) return TarFiles.index(path, path, signal);
  try {
    await pipeline(createReadStream(path), createGunzip(), createWriteStream(spool, { mode: 0o600 }), { signal });
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

  async size(name: string): Promise<number | undefined> {
    const info = await stat(this.#file(name)).catch(absent);
    return info?.isFile() ? info.size : undefined;
  }

  async read(name: string, limit: number): Promise<Buffer | undefined> {
    const size = await this.size(name);
    if (size === undefined) return undefined;
    if (size > limit) throw tooLarge(this.path, name, limit);
    return readFile(this.#file(name));
  }

  async stream(name: string): Promise<Readable | undefined> {
    return (await this.size(name)) === undefined
      ? undefined
      : createReadStream(this.#file(name), { highWaterMark: 1 << 18 });
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
      for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20, signal }) as AsyncIterable<Buffer>)
        reader.write(chunk);
      reader.close();
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw invalidArgument(`${path} is not an image archive: ${errorMessage(error)}`);
    }
    return new TarFiles(path, file, spans, links);
  }

  async size(name: string): Promise<number | undefined> {
    return this.#span(name)?.size;
  }

  async read(name: string, limit: number): Promise<Buffer | undefined> {
    const span = this.#span(name);
    if (span === undefined) return undefined;
    if (span.size > limit) throw tooLarge(this.path, name, limit);
    const chunks: Buffer[] = [];
    for await (const chunk of this.#open(span) as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async stream(name: string): Promise<Readable | undefined> {
    const span = this.#span(name);
    return span === undefined ? undefined : this.#open(span);
  }

  #span(name: string): Span | undefined {
    const wanted = clean(name);
    return this.#spans.get(wanted) ?? this.#spans.get(this.#links.get(wanted) ?? '');
  }

  #open(span: Span): Readable {
    if (span.size === 0) return createReadStream('/dev/null');
    return createReadStream(this.#file, {
      start: span.offset,
      end: span.offset + span.size - 1,
      highWaterMark: 1 << 18,
    });
  }
}

const clean = (name: string): string => posix.normalize(`/${name}`).slice(1).replace(/\/$/, '');

function absent(error: unknown): undefined {
  if (isNotFound(error)) return undefined;
  throw error;
}

const tooLarge = (path: string, name: string, limit: number): Error =>
  invalidArgument(`${path}: ${name} is over ${limit} bytes, which no such document is`);
