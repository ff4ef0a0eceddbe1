import { fchmodSync, fchownSync, fstatSync, lstatSync, realpathSync, type Stats, statSync } from 'node:fs';
import { errnoName } from '../base/errors.ts';
import { writeAndRename } from './atomic-file.ts';
import { getXattr, removeXattrOf, setXattrOf } from './xattr.ts';

const ACL = 'system.posix_acl_access';
/** It may not be given away; this user namespace does not know the owner, or somebody whom the ACL names; a security module does not let the ACL be seen. */
const REFUSED: readonly (string | undefined)[] = ['EPERM', 'EINVAL', 'EACCES'];

/**
 * Replaces a file that is there with `data`, in one step and durably: owner, group, mode and ACL stay what somebody has made of them, and a link to it stays a link. Where a file may not be
 * given away (CAP_CHOWN), or its ACL cannot be kept, the new one is for who writes it alone. Nobody may read it at any time who could not read the old one. Throws where there is no such
 * file; the old one stays then, as on a full disk.
 */
export function replaceFileAtomic(path: string, data: string | Uint8Array): void {
  const target = lstatSync(path).isSymbolicLink() ? realpathSync(path) : path;
  const standing = statSync(target);
  writeAndRename(target, data, { mode: 0o600, durable: true }, fd => giveAs(target, standing, fd));
}

/** In an order that takes no right but to give files away, and in which nobody may read it who could not before. */
function giveAs(target: string, { uid, gid, mode }: Stats, fd: number): void {
  const own = fstatSync(fd);
  try {
    if (gid !== own.gid) fchownSync(fd, own.uid, gid);
    setRights(fd, mode, getXattr(target, ACL));
    if (uid !== own.uid) fchownSync(fd, uid, gid);
  } catch (error) {
    if (!REFUSED.includes(errnoName(error))) throw error;
    // an ACL that it has by now lets nobody in by that
    fchmodSync(fd, mode & 0o700);
  }
}

/** With an ACL the middle bits of a mode are no rights of the group: they are the most that anybody has whom it names, and come with it. */
function setRights(fd: number, mode: number, acl: Uint8Array | undefined): void {
  if (acl !== undefined) {
    setXattrOf(fd, ACL, acl);
    return;
  }
  // new files may have one by their directory
  removeXattrOf(fd, ACL);
  fchmodSync(fd, mode & 0o777);
}
