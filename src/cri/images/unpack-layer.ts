import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readlinkSync,
  rmSync,
  type Stats,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { errnoName, errorMessage, GantryError, invalidArgument } from '../../base/errors.ts';
import { makeNode } from '../../linux/mknod.ts';
import { setXattr } from '../../linux/xattr.ts';
import { isLayerXattr, type LayerPath, planEntry } from './layer-entry.ts';
import type { TarHandler, TarHeader } from './tar-reader.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
const OPAQUE_XATTR = 'trusted.overlay.opaque';
const MAX_LINKS = 40;
const SET_ID_BITS = 0o6000;

/** What became of a layer. */
export interface LayerOutcome {
  /** Extended attributes that the file system cannot hold or that a layer may not set. */
  readonly skippedXattrs: number;
}

/**
 * Makes the files of one layer under `root`, whiteouts and opaque directories in overlayfs's own form. All calls are synchronous: for a process
 * of its own, with umask 0. Every parent is resolved here, link by link and inside the root only; the process is in a chroot besides.
 * Throws `invalid-argument` for a hostile or broken entry and `resource-exhausted` when the disk is full; each names the entry.
 */
export class LayerUnpacker implements TarHandler {
  readonly #root: string;
  /** Directories known to be real ones, as paths from the root. */
  readonly #directories = new Set(['']);
  readonly #directoryTimes = new Map<string, number>();
  #file: { fd: number; header: TarHeader; path: string } | undefined;
  #skippedXattrs = 0;

  /** `root` is an existing directory; '' for the root of a chroot. */
  constructor(root: string) {
    this.#root = root;
  }

  entry(header: TarHeader): void {
    this.#guard(header.name, () => {
      const entry = planEntry(header);
      if (entry.kind === 'skip') return;
      if (entry.kind === 'opaque') return this.#setOpaque(this.#directory(entry.path));
      const path = entry.path.length === 0 ? '' : `${this.#directory(entry.path.slice(0, -1))}/${entry.path.at(-1)}`;
      if (entry.kind === 'whiteout') return this.#whiteout(path);
      this.#make(header, path, entry.linkTo);
    });
  }

  data(chunk: Buffer): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#guard(file.header.name, () => {
      let offset = 0;
      while (offset < chunk.length) offset += writeSync(file.fd, chunk, offset);
    });
  }

  end(): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    this.#guard(file.header.name, () => {
      const { fd, header, path } = file;
      try {
        if (header.uid !== 0 || header.gid !== 0) {
          fchownSync(fd, header.uid, header.gid);
          if ((header.mode & SET_ID_BITS) !== 0) fchmodSync(fd, header.mode);
        } else if ((header.mode & SET_ID_BITS) !== 0) fchmodSync(fd, header.mode);
        this.#xattrs(header, path);
        futimesSync(fd, header.mtime, header.mtime);
      } finally {
        closeSync(fd);
      }
    });
  }

  /** Sets what had to wait for the last entry. */
  finish(): LayerOutcome {
    for (const [path, mtime] of this.#directoryTimes)
      this.#guard(path, () => lutimesSync(`${this.#root}${path}/`, mtime, mtime));
    return { skippedXattrs: this.#skippedXattrs };
  }

  /** Closes what an unfinished file holds open. */
  abandon(): void {
    if (this.#file !== undefined) closeSync(this.#file.fd);
    this.#file = undefined;
  }

  #make(header: TarHeader, path: string, linkTo: LayerPath): void {
    const full = `${this.#root}${path}`;
    switch (header.type) {
      case 'directory':
        this.#makeDirectory(header, path);
        return;
      case 'file': {
        const flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW;
        const fd = this.#fresh(path, () => openSync(full, flags, header.mode));
        this.#file = { fd, header, path };
        return;
      }
      case 'hardlink': {
        const target = `${this.#directory(linkTo.slice(0, -1))}/${linkTo.at(-1)}`;
        if (target === path) return;
        const found = this.#stat(target);
        if (found === undefined)
          throw invalidArgument(`it is a hard link to ${JSON.stringify(header.linkName)}, which is not in the layer`);
        if (found.isDirectory())
          throw invalidArgument(`it is a hard link to ${JSON.stringify(header.linkName)}, which is a directory`);
        this.#fresh(path, () => linkSync(`${this.#root}${target}`, full));
        return;
      }
      case 'symlink':
        this.#fresh(path, () => symlinkSync(header.linkName, full));
        break;
      case 'char':
      case 'block':
      case 'fifo': {
        const { type } = header;
        this.#fresh(path, () => makeNode(full, type, header.mode, header.devMajor, header.devMinor));
        break;
      }
    }
    if (header.uid !== 0 || header.gid !== 0) lchownSync(full, header.uid, header.gid);
    if (header.type !== 'symlink') chmodSync(full, header.mode);
    this.#xattrs(header, path);
    lutimesSync(full, header.mtime, header.mtime);
  }

  #makeDirectory(header: TarHeader, path: string): void {
    const full = `${this.#root}${path}/`;
    const old = path === '' ? undefined : this.#stat(path);
    if (path !== '' && old?.isDirectory() !== true) {
      this.#fresh(path, () => mkdirSync(`${this.#root}${path}`));
      // Hidden below and made anew: nothing of the lower directory may show through.
      if (old !== undefined && isWhiteout(old)) this.#setOpaque(path);
    }
    this.#directories.add(path);
    lchownSync(full, header.uid, header.gid);
    chmodSync(full, header.mode);
    this.#xattrs(header, path);
    this.#directoryTimes.set(path, header.mtime);
  }

  /** Runs `create`; what is in the way is removed first. */
  #fresh<T>(path: string, create: () => T): T {
    try {
      return create();
    } catch (error) {
      if (errnoName(error) !== 'EEXIST') throw error;
    }
    const full = `${this.#root}${path}`;
    const old = lstatSync(full);
    if (old.isDirectory()) {
      rmSync(full, { recursive: true });
      this.#directories.clear();
      this.#directories.add('');
      for (const key of this.#directoryTimes.keys())
        if (key === path || key.startsWith(`${path}/`)) this.#directoryTimes.delete(key);
    } else unlinkSync(full);
    return create();
  }

  /** Hides `path` of the layers below. What this very layer put there stays: whiteouts speak of lower layers only. */
  #whiteout(path: string): void {
    const there = this.#stat(path);
    if (there === undefined) makeNode(`${this.#root}${path}`, 'char', 0, 0, 0);
    else if (there.isDirectory()) this.#setOpaque(path);
  }

  #setOpaque(path: string): void {
    if (!setXattr(`${this.#root}${path}/`, OPAQUE_XATTR, Buffer.from('y')))
      throw new GantryError(
        'failed-precondition',
        'the file system of the image store has no trusted extended attributes, which overlayfs needs',
      );
  }

  /** The real path of a directory inside the root; makes what is missing, as unpackers do for archives without entries for parents. */
  #directory(path: LayerPath): string {
    const whole = path.length === 0 ? '' : `/${path.join('/')}`;
    if (this.#directories.has(whole)) return whole;
    const todo = path.map(name => ({ name, ofLink: '' }));
    let current = '';
    let links = 0;
    for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
      const { name, ofLink } = part;
      if (name === '' || name === '.') continue;
      if (name === '..') {
        if (current === '') throw invalidArgument(`its parent ${ofLink} points outside the root of the layer`);
        current = current.slice(0, current.lastIndexOf('/'));
        continue;
      }
      const next = `${current}/${name}`;
      const found = this.#directories.has(next) ? undefined : this.#stat(next);
      if (found?.isSymbolicLink()) {
        links += 1;
        if (links > MAX_LINKS) throw invalidArgument('its parent is a loop of symbolic links');
        const target = readlinkSync(`${this.#root}${next}`);
        const shown = `${JSON.stringify(next.slice(1))}, a symbolic link to ${JSON.stringify(target)},`;
        if (target.startsWith('/')) current = '';
        todo.unshift(...target.split('/').map(n => ({ name: n, ofLink: shown })));
        continue;
      }
      if (found === undefined && !this.#directories.has(next)) {
        if (ofLink !== '') throw invalidArgument(`its parent ${ofLink} points outside of what is in the layer`);
        this.#implicitDirectory(next);
      } else if (found !== undefined && isWhiteout(found)) {
        unlinkSync(`${this.#root}${next}`);
        this.#implicitDirectory(next);
        this.#setOpaque(next);
      } else if (found !== undefined && !found.isDirectory())
        throw invalidArgument(`its parent ${JSON.stringify(next.slice(1))} is not a directory`);
      this.#directories.add(next);
      current = next;
    }
    return current;
  }

  #implicitDirectory(path: string): void {
    mkdirSync(`${this.#root}${path}`, 0o755);
  }

  #xattrs(header: TarHeader, path: string): void {
    for (const [name, value] of header.xattrs)
      if (!isLayerXattr(name) || !setXattr(`${this.#root}${path}`, name, value)) this.#skippedXattrs += 1;
  }

  #stat(path: string): Stats | undefined {
    return lstatSync(`${this.#root}${path}`, { throwIfNoEntry: false });
  }

  #guard<T>(name: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      const errno = errnoName(error);
      if (errno === 'ENOSPC' || errno === 'EDQUOT')
        throw new GantryError(
          'resource-exhausted',
          `no space left on the disk of the image store (${errno} at entry ${JSON.stringify(name)})`,
        );
      const code = error instanceof GantryError ? error.code : 'invalid-argument';
      throw new GantryError(code, `layer entry ${JSON.stringify(name)}: ${errorMessage(error)}`, { cause: error });
    }
  }
}

function isWhiteout(stats: Stats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0;
}
