import { closeSync, constants, type Dirent, openSync, readdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoName } from '../base/errors.ts';
import { randomHex } from '../base/hash.ts';
import { check, libc } from './ffi.ts';

const SYS_OPENAT2 = 437;
const O_CLOEXEC = 0o2000000;
/** openat2(2): no mount is crossed, not even a bind mount of the same file system. The kernel decides it before it asks the file system, so a hung one does not hold us. */
const RESOLVE_NO_XDEV = 0x01;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
/** Deeper directories are moved to the top first, so that neither descriptors nor the stack run out: a pod may nest as deep as it likes. */
const MAX_DEPTH = 64;

/** Something that was left, and why. */
export interface LeftPath {
  readonly path: string;
  readonly because: 'mount' | 'refused';
  /** The errno's name where the kernel refused. */
  readonly code: string;
}

export interface RemovedTree {
  /** Files, links and directories that were removed. */
  readonly removed: number;
  readonly left: readonly LeftPath[];
}

/**
 * Removes a directory with all in it, or only what is in it with `keepTop`; a file or link is removed alone. Never follows a link, never crosses a mount: what
 * is mounted below stays, with its mount point and the directories above, and is told. Missing is fine; goes on after what the kernel refuses. Synchronous: some 10 µs a file.
 */
export function removeTree(path: string, options: { readonly keepTop?: boolean } = {}): RemovedTree {
  const walk = new Walk(path);
  const parent = openDirectory(dirname(path));
  if (parent === undefined) return { removed: 0, left: [] };
  try {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (options.keepTop === true) walk.emptyTop(parent, name);
    else walk.remove(parent, name, path);
  } finally {
    closeSync(parent);
  }
  return { removed: walk.removed, left: walk.left };
}

class Walk {
  removed = 0;
  readonly left: LeftPath[] = [];
  readonly #path: string;
  #top: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** The top may be a mount of its own (a disk for this directory alone), which is entered as such. */
  emptyTop(parent: number, name: string): void {
    let fd: number;
    try {
      fd = openSync(at(parent, name), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    } catch (error) {
      const code = errnoName(error) ?? 'unknown';
      if (code !== 'ENOENT') this.#leave(this.#path, code);
      return;
    }
    try {
      this.#emptyWhole(fd);
    } finally {
      closeSync(fd);
    }
  }

  remove(parent: number, name: string, path: string): void {
    let fd: number;
    try {
      fd = openBelow(parent, name);
    } catch (error) {
      const code = errnoName(error) ?? 'unknown';
      if (code === 'ENOTDIR' || code === 'ELOOP') this.#unlink(parent, name, path);
      else if (code !== 'ENOENT') this.#leave(path, code);
      return;
    }
    try {
      this.#emptyWhole(fd);
    } finally {
      closeSync(fd);
    }
    this.#rmdir(parent, name, path);
  }

  /** Until nothing more goes: deep directories come to the top meanwhile. */
  #emptyWhole(fd: number): void {
    this.#top = fd;
    for (let before = -1; before < this.removed && entries(fd).length > 0; ) {
      before = this.removed;
      this.left.length = 0;
      this.#empty(fd, this.#path, 1);
    }
  }

  #empty(fd: number, path: string, depth: number): void {
    for (const entry of entries(fd)) {
      const below = `${path}/${entry.name}`;
      if (entry.isDirectory()) this.#descend(fd, entry.name, below, depth);
      else this.#unlink(fd, entry.name, below);
    }
  }

  #descend(parent: number, name: string, path: string, depth: number): void {
    let fd: number;
    try {
      fd = openBelow(parent, name);
    } catch (error) {
      const code = errnoName(error) ?? 'unknown';
      if (code !== 'ENOENT') this.#leave(path, code);
      return;
    }
    try {
      if (depth < MAX_DEPTH) this.#empty(fd, path, depth + 1);
      else this.#lift(fd, path);
    } finally {
      closeSync(fd);
    }
    this.#rmdir(parent, name, path);
  }

  /** Moves the directories of one that lies deep to the top, for a later pass; its files are removed. */
  #lift(fd: number, path: string): void {
    for (const entry of entries(fd)) {
      if (!entry.isDirectory()) {
        this.#unlink(fd, entry.name, `${path}/${entry.name}`);
        continue;
      }
      try {
        renameSync(at(fd, entry.name), at(this.#top ?? fd, `.deep-${randomHex(8)}`));
        this.removed += 1;
      } catch (error) {
        this.#leave(`${path}/${entry.name}`, errnoName(error) ?? 'unknown');
      }
    }
  }

  #unlink(parent: number, name: string, path: string): void {
    try {
      unlinkSync(at(parent, name));
      this.removed += 1;
    } catch (error) {
      const code = errnoName(error) ?? 'unknown';
      if (code !== 'ENOENT') this.#leave(path, code);
    }
  }

  #rmdir(parent: number, name: string, path: string): void {
    try {
      rmdirSync(at(parent, name));
      this.removed += 1;
    } catch (error) {
      const code = errnoName(error) ?? 'unknown';
      // what keeps it is told already
      if (code !== 'ENOENT' && code !== 'ENOTEMPTY') this.#leave(path, code);
    }
  }

  #leave(path: string, code: string): void {
    this.left.push({ path, because: code === 'EXDEV' || code === 'EBUSY' ? 'mount' : 'refused', code });
  }
}

/** A name below an open directory: the path to it may have grown too long, or lead elsewhere by now. */
function at(directory: number, name: string): string {
  return `/proc/self/fd/${directory}/${name}`;
}

function entries(fd: number): Dirent[] {
  return readdirSync(`/proc/self/fd/${fd}`, { withFileTypes: true });
}

function openDirectory(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function openBelow(directory: number, name: string): number {
  // struct open_how: u64 flags, u64 mode, u64 resolve.
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS), 16);
  const syscall = libc('long syscall(long, ...)');
  return check(
    syscall(SYS_OPENAT2, 'int', directory, 'const char *', name, 'void *', how, 'size_t', how.length),
    'openat2',
    name,
  );
}
