import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { failedPrecondition } from '../../base/errors.ts';
import { type MountRow, readMountinfo, unmount } from '../../linux/mount.ts';
import { isMemoryVolumePath } from './plan.ts';

/**
 * Removes the volumes of a pod with what is in them. Safe to repeat. Mounts of ours (memory volumes, sub-paths) are taken off first; a mount that
 * somebody else made inside is an error that names it, and nothing under it is touched.
 */
export async function removeVolumes(podDir: string): Promise<void> {
  for (const row of mountsUnder(podDir).reverse()) if (isOurs(podDir, row)) unmount(row.target, { lazy: true });
  refuseForeignMounts(podDir);
  await rm(`${podDir}/volume-subpaths`, { recursive: true, force: true });
  await rm(`${podDir}/volumes`, { recursive: true, force: true });
}

/** Removes a directory tree, but never across a mount: one that is there is an error that names it. */
export async function removeDirectory(directory: string): Promise<void> {
  if (!existsSync(directory)) return;
  refuseForeignMounts(directory);
  await rm(directory, { recursive: true, force: true });
}

function mountsUnder(directory: string): MountRow[] {
  return readMountinfo().filter(row => row.target === directory || row.target.startsWith(`${directory}/`));
}

function isOurs(podDir: string, row: MountRow): boolean {
  if (row.target.startsWith(`${podDir}/volume-subpaths/`)) return true;
  return row.fstype === 'tmpfs' && isMemoryVolumePath(podDir, row.target);
}

function refuseForeignMounts(directory: string): void {
  const [foreign] = mountsUnder(directory);
  if (foreign !== undefined)
    throw failedPrecondition(
      `${foreign.target} is a mount point (${foreign.fstype}); unmount it, then ${directory} will be removed`,
    );
}
