import { type FileHandle, open, rename, rm, writeFile } from 'node:fs/promises';
import { isNotFound } from '../../base/errors.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import type { CheckpointDirectory } from './checkpoint-directory.ts';
import type { CheckpointDocuments } from './checkpoint-documents.ts';
import { type TarEntry, tarChunks } from './tar-writer.ts';
import { fileContent, metadata, writableLayer } from './writable-layer.ts';

export interface CheckpointContents {
  readonly directory: CheckpointDirectory;
  readonly documents: CheckpointDocuments;
  readonly upperDir: string;
  /** Empty for a container without one. */
  readonly logPath: string;
}

/**
 * Writes the archive of a checkpoint to `location`, which has the old or the new file whole at any time; mode 0600, on the disk when this resolves. In it, as containerd has
 * it: `checkpoint/` (CRIU's images), `rootfs-diff.tar` (what the container has written, as an image layer), the documents, `container.log`, CRIU's `dump.log` and `stats-dump`. Throws the signal's
 * reason and what the file system says; nothing is left beside `location` then.
 */
export async function writeCheckpointArchive(
  location: string,
  { directory, documents, upperDir, logPath }: CheckpointContents,
  signal: AbortSignal,
): Promise<void> {
  const layer = `${directory.path}/rootfs-diff.tar`;
  await writeChunks(layer, tarChunks(writableLayer(upperDir)), signal);
  faultPoint('checkpoint/layer-written');
  const texts = `${directory.path}/documents`;
  const files: (readonly [name: string, path: string])[] = [['rootfs-diff.tar', layer]];
  for (const [name, text] of documents) {
    await writeFile(`${texts}-${name}`, text, { mode: 0o600 });
    files.push([name, `${texts}-${name}`]);
  }
  for (const name of ['dump.log', 'stats-dump']) files.push([name, `${directory.workPath}/${name}`]);
  if (logPath !== '') files.push(['container.log', logPath]);
  const temporary = directory.temporaryBeside(location);
  try {
    await writeChunks(temporary, tarChunks(archived(directory.imagePath, files)), signal, { flush: true });
    faultPoint('checkpoint/archive-written');
    signal.throwIfAborted();
    await rename(temporary, location);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  faultPoint('checkpoint/in-place');
}

async function* archived(
  imagePath: string,
  files: readonly (readonly [name: string, path: string])[],
): AsyncGenerator<TarEntry> {
  const images = await open(imagePath, 'r');
  try {
    yield { ...metadata(await images.stat()), name: 'checkpoint', type: 'directory' };
  } finally {
    await images.close();
  }
  for await (const entry of writableLayer(imagePath)) yield { ...entry, name: `checkpoint/${entry.name}` };
  for (const [name, path] of files) {
    const handle = await openIfThere(path);
    if (handle === undefined) continue;
    try {
      const stats = await handle.stat();
      const content = fileContent(handle);
      yield { ...metadata(stats), mode: 0o600, name, type: 'file', size: stats.size, content };
    } finally {
      await handle.close();
    }
  }
}

/** Undefined where there is none: CRIU writes no statistics in some versions, and a log can be rotated just now. */
async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function writeChunks(
  path: string,
  chunks: AsyncIterable<Buffer>,
  signal: AbortSignal,
  { flush = false } = {},
): Promise<void> {
  const handle = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of chunks) {
      signal.throwIfAborted();
      await handle.appendFile(chunk);
    }
    if (flush) await handle.sync();
  } finally {
    await handle.close();
  }
}
