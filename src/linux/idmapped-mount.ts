import { closeSync, openSync } from 'node:fs';
import { check, libc } from './ffi.ts';

const SYS_OPEN_TREE = 428;
const SYS_MOVE_MOUNT = 429;
const SYS_MOUNT_SETATTR = 442;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOUNT_ATTR_RDONLY = 0x1n;
const MOUNT_ATTR_IDMAP = 0x100000n;

export interface IdmappedMount {
  readonly source: string;
  /** An existing file or directory, as the source is. */
  readonly target: string;
  /** A bound user namespace: an id of a file on the disk is seen as the id that it has for those inside. */
  readonly usernsPath: string;
  /** Also shows what is mounted below the source; that keeps the ids it has. */
  readonly recursive: boolean;
  readonly readonly: boolean;
}

/**
 * Shows `source` at `target` with its ids moved (mount_setattr(2), Linux 5.12). Throws SyscallError: EINVAL where the file system of the source cannot do it
 * (overlayfs and most network file systems), EPERM where it is moved already. After a throw nothing is mounted.
 */
export function mountIdmapped(request: IdmappedMount): void {
  const { source, target } = request;
  const syscall = libc('long syscall(long, ...)');
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (request.recursive ? AT_RECURSIVE : 0);
  const tree = check(
    syscall(SYS_OPEN_TREE, 'int', AT_FDCWD, 'const char *', source, 'uint', flags),
    'open_tree',
    source,
  );
  try {
    const userns = openSync(request.usernsPath, 'r');
    try {
      // struct mount_attr: u64 attr_set, attr_clr, propagation, userns_fd
      const attributes = Buffer.alloc(32);
      attributes.writeBigUInt64LE(MOUNT_ATTR_IDMAP | (request.readonly ? MOUNT_ATTR_RDONLY : 0n), 0);
      attributes.writeBigUInt64LE(BigInt(userns), 24);
      check(
        syscall(
          SYS_MOUNT_SETATTR,
          'int',
          tree,
          'const char *',
          '',
          'uint',
          AT_EMPTY_PATH,
          'void *',
          attributes,
          'size_t',
          attributes.length,
        ),
        'mount_setattr',
        source,
      );
    } finally {
      closeSync(userns);
    }
    check(
      syscall(
        SYS_MOVE_MOUNT,
        'int',
        tree,
        'const char *',
        '',
        'int',
        AT_FDCWD,
        'const char *',
        target,
        'uint',
        MOVE_MOUNT_F_EMPTY_PATH,
      ),
      'move_mount',
      target,
    );
  } finally {
    closeSync(tree);
  }
}
