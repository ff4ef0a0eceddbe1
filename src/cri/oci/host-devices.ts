import { lstatSync, readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { errnoName, invalidArgument } from '../../base/errors.ts';
import type { RequestedDevice } from '../spec/inputs.ts';
import type { OciDevice } from '../spec/oci-spec.ts';

/** Parts of /dev that belong to one set of processes, or that the runtime makes anew. */
const SKIPPED: ReadonlySet<string> = new Set([
  'pts',
  'shm',
  'fd',
  'mqueue',
  'console',
  'ptmx',
  '.udev',
  '.lxc',
  '.lxd-mounts',
]);
const DEFAULT_ACCESS = 'rwm';

/** Every device node of the machine, for privileged containers. */
export function readHostDevices(): readonly OciDevice[] {
  return devicesBelow('/dev', '/dev');
}

/**
 * The device at a host path as the container shall see it; for a directory all devices below it. Symbolic links are followed. Throws `invalid-argument` naming
 * the path when there is none, and for permissions other than r, w and m.
 */
export function lookUpDevices(request: {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly permissions: string;
}): readonly RequestedDevice[] {
  const access = request.permissions === '' ? DEFAULT_ACCESS : request.permissions;
  if (!/^[rwm]{1,3}$/.test(access))
    throw invalidArgument(`device ${request.hostPath}: permissions "${access}" are not made of r, w and m`);
  const containerPath = request.containerPath === '' ? request.hostPath : request.containerPath;
  let path: string;
  let stats: Stats;
  try {
    path = realpathSync(request.hostPath);
    stats = statSync(path);
  } catch (cause) {
    throw invalidArgument(`device ${request.hostPath} is not on this machine (${errnoName(cause) ?? 'unreadable'})`, {
      cause,
    });
  }
  const found = stats.isDirectory() ? devicesBelow(path, containerPath) : [deviceOf(stats, containerPath)];
  const devices = found.filter(device => device !== undefined);
  if (devices.length === 0) throw invalidArgument(`${request.hostPath} is not a device`);
  return devices.map(device => ({ device, access }));
}

/** The node at exactly this path; undefined where there is none. Links are not followed, and named pipes count. */
export function lookUpNode(path: string): OciDevice | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  return stats.isFIFO() ? { path, type: 'p', major: 0, minor: 0, fileMode: stats.mode & 0o777 } : deviceOf(stats, path);
}

function devicesBelow(directory: string, containerDirectory: string): readonly OciDevice[] {
  const devices: OciDevice[] = [];
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (SKIPPED.has(entry.name)) continue;
    const path = join(directory, entry.name);
    const containerPath = join(containerDirectory, entry.name);
    if (entry.isDirectory()) {
      devices.push(...devicesBelow(path, containerPath));
      continue;
    }
    if (!entry.isCharacterDevice() && !entry.isBlockDevice()) continue;
    const device = deviceOf(lstatSync(path), containerPath);
    if (device !== undefined) devices.push(device);
  }
  return devices;
}

/** Numbers as Linux packs them: 12 + 20 bits of major, 8 + 12 + … of minor (makedev(3)). */
function deviceOf(stats: Stats, path: string): OciDevice | undefined {
  const type = stats.isCharacterDevice() ? 'c' : stats.isBlockDevice() ? 'b' : undefined;
  if (type === undefined) return undefined;
  const rdev = BigInt(stats.rdev);
  return {
    path,
    type,
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)),
    fileMode: stats.mode & 0o777,
    uid: stats.uid,
    gid: stats.gid,
  };
}
