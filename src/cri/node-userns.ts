import { chmodSync, chownSync, mkdirSync, readdirSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoName, failedPrecondition, isNotFound } from '../base/errors.ts';
import { mountIdmapped } from '../linux/idmapped-mount.ts';
import { commonDirectory, unmount } from '../linux/mount.ts';
import { createUserns, removeUserns } from '../linux/userns.ts';
import type { OverlayRequest, UserNamespacePort } from './node-port.ts';

const NULL_DEVICE = '/dev/null';

/** What pods with a user namespace of their own need of the machine. */
export const usernsNode: UserNamespacePort = {
  createUserns: ({ path, netnsPath, uids, gids }) =>
    createUserns({
      path,
      netnsPath,
      uids: uids.map(m => ({ containerId: m.containerID, hostId: m.hostID, length: m.size })),
      gids: gids.map(m => ({ containerId: m.containerID, hostId: m.hostID, length: m.size })),
    }),
  removeUserns,
  chown: chownSync,
  chownStreams(pid, uid, gid) {
    for (const fd of [0, 1, 2]) {
      const stream = `/proc/${pid}/fd/${fd}`;
      if (statSync(stream, { throwIfNoEntry: false })?.isFIFO() === true) chownSync(stream, uid, gid);
    }
  },
  keepNullDevice() {
    const { uid, gid } = statSync(NULL_DEVICE);
    if (uid !== 0 || gid !== 0) chownSync(NULL_DEVICE, 0, 0);
    // whoever owned it could change that as well; now nobody in a pod can any more
    if ((statSync(NULL_DEVICE).mode & 0o777) !== 0o666) chmodSync(NULL_DEVICE, 0o666);
  },
  mountIdmapped({ source, target, usernsPath }) {
    mkdirSync(dirname(target), { recursive: true, mode: 0o711 });
    if (statSync(source).isDirectory()) mkdirSync(target, { recursive: true, mode: 0o755 });
    else writeFileSync(target, '');
    moveIds({ source, target, usernsPath, recursive: true, readonly: false });
  },
  removeIdmapped(directory) {
    let names: string[];
    try {
      names = readdirSync(directory);
    } catch (error) {
      if (isNotFound(error)) return;
      throw error;
    }
    for (const name of names) {
      const path = `${directory}/${name}`;
      unmount(path, { lazy: true });
      // Never recursive: were something still mounted there, its files would be a volume's.
      if (statSync(path).isDirectory()) rmdirSync(path);
      else rmSync(path);
    }
    rmdirSync(directory);
  },
};

/**
 * Gives `mountWith` the layers as they are seen with the pod's ids, for an overlay: one idmapped mount shows the folder that holds them all, the overlay keeps
 * it, and its name is gone when this returns. Without `ids` they are given as they are. Needs Linux 5.19.
 */
export function withIdmappedLayers(
  lowerDirs: readonly string[],
  ids: OverlayRequest['idmapped'],
  mountWith: (lowerDirs: readonly string[]) => void,
): void {
  if (ids === undefined || lowerDirs.length === 0) {
    mountWith(lowerDirs);
    return;
  }
  const base = commonDirectory(lowerDirs);
  mkdirSync(ids.scratch, { recursive: true, mode: 0o711 });
  try {
    // Read-only: a removal that went astray into it must not reach the images.
    moveIds({ source: base, target: ids.scratch, usernsPath: ids.usernsPath, recursive: false, readonly: true });
    mountWith(lowerDirs.map(directory => ids.scratch + directory.slice(base.length)));
  } finally {
    unmount(ids.scratch, { lazy: true });
    rmdirSync(ids.scratch);
  }
}

function moveIds(request: Parameters<typeof mountIdmapped>[0]): void {
  try {
    mountIdmapped(request);
  } catch (error) {
    if (errnoName(error) !== 'EINVAL' && errnoName(error) !== 'EPERM') throw error;
    throw failedPrecondition(
      `failed to set MOUNT_ATTR_IDMAP on ${request.source}: its file system cannot show files with the ids of a user namespace on this kernel; use another one, or hostUsers: true`,
      { cause: error },
    );
  }
}
