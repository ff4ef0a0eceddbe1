import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readdir, readlink } from 'node:fs/promises';
import { errnoName, failedPrecondition } from '../../base/errors.ts';
import { getXattr } from '../../linux/xattr.ts';
import type { TarEntry, TarEntryType } from './tar-writer.ts';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;
/** A file is open per level. */
const MAX_DEPTH = 512;
const OPAQUE = 'trusted.overlay.opaque';
const CAPABILITY = 'security.capability';

/**
 * What a container has changed in its root file system, as an image layer says it: files as they are, `.wh.<name>` for what was removed, `.wh..wh..opq` in
 * directories that hide those below. File capabilities are the only extended attributes. The container may write meanwhile: a file that is gone is left out, and
 * every step is taken from an open directory and follows no link, so that none it makes leads out of the layer. Throws `failed-precondition` for a layer of more than 512 levels.
 */
export async function* writableLayer(upperDir: string): AsyncGenerator<TarEntry> {
  const top = await open(upperDir, O_RDONLY | O_DIRECTORY);
  try {
    yield* below(top, '', new Map(), 0);
  } finally {
    await top.close();
  }
}

async function* below(
  directory: FileHandle,
  prefix: string,
  linked: Map<string, string>,
  depth: number,
): AsyncGenerator<TarEntry> {
  if (depth === MAX_DEPTH)
    throw failedPrecondition(`the container has written more than ${MAX_DEPTH} levels of directories`);
  const at = `/proc/self/fd/${directory.fd}`;
  for (const name of (await readdir(at)).sort()) {
    const path = `${at}/${name}`;
    const stats = await unlessGone(() => lstat(path));
    if (stats === undefined) continue;
    const type = typeOf(stats);
    if (type === undefined) continue;
    if (type === 'char' && stats.rdev === 0) {
      yield marker(`${prefix}.wh.${name}`, stats);
      continue;
    }
    const entry = { ...metadata(stats), name: `${prefix}${name}`, type };
    if (type === 'directory') yield* subtree(path, entry, linked, depth);
    else if (type === 'file') yield* file(path, entry, linked);
    else if (type === 'symlink') {
      const linkName = await unlessGone(() => readlink(path));
      if (linkName !== undefined) yield { ...entry, linkName };
    } else if (type === 'fifo') yield entry;
    else yield { ...entry, device: deviceNumbers(stats.rdev) };
  }
}

async function* subtree(
  path: string,
  entry: TarEntry,
  linked: Map<string, string>,
  depth: number,
): AsyncGenerator<TarEntry> {
  const handle = await unlessGone(() => open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (handle === undefined) return;
  try {
    yield entry;
    if (getXattr(`/proc/self/fd/${handle.fd}/.`, OPAQUE)?.toString() === 'y')
      yield marker(`${entry.name}/.wh..wh..opq`, await handle.stat());
    yield* below(handle, `${entry.name}/`, linked, depth + 1);
  } finally {
    await handle.close();
  }
}

async function* file(path: string, entry: TarEntry, linked: Map<string, string>): AsyncGenerator<TarEntry> {
  // a pipe that took the file's place would wait for a writer
  const handle = await unlessGone(() => open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  if (handle === undefined) return;
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) return;
    if (stats.nlink > 1) {
      const inode = `${stats.dev}:${stats.ino}`;
      const first = linked.get(inode);
      if (first !== undefined) {
        yield { ...entry, type: 'link', linkName: first };
        return;
      }
      linked.set(inode, entry.name);
    }
    const capability = getXattr(path, CAPABILITY);
    yield {
      ...entry,
      ...metadata(stats),
      ...(capability === undefined ? {} : { xattrs: new Map([[CAPABILITY, capability]]) }),
      size: stats.size,
      content: fileContent(handle),
    };
  } finally {
    await handle.close();
  }
}

/** The bytes of an open file from its start, in pieces. */
export async function* fileContent(handle: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(256 * 1024), 0, 256 * 1024, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

export function metadata(stats: Stats): Pick<TarEntry, 'mode' | 'uid' | 'gid' | 'mtime'> {
  return { mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid, mtime: Math.floor(stats.mtimeMs / 1000) };
}

function marker(name: string, stats: Stats): TarEntry {
  return { ...metadata(stats), name, type: 'file', mode: 0, size: 0 };
}

/** Undefined for sockets: no archive keeps them. */
function typeOf(stats: Stats): TarEntryType | undefined {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isCharacterDevice()) return 'char';
  if (stats.isBlockDevice()) return 'block';
  return stats.isFIFO() ? 'fifo' : undefined;
}

/** As glibc packs them, for the numbers that 32 bits hold. */
function deviceNumbers(rdev: number): { major: number; minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
}

/** ENOENT: gone. ELOOP, ENOTDIR, ENXIO: something else took its place. */
async function unlessGone<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'ENOTDIR', 'ENXIO', 'EINVAL'].includes(errnoName(error) ?? '')) return undefined;
    throw error;
  }
}
