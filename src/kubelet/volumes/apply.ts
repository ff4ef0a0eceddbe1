import {
  chmodSync,
  chownSync,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import type { HostPathType } from '../../api/types/gen/core-v1.ts';
import { errnoName, errorMessage, failedPrecondition } from '../../base/errors.ts';
import { isMountPoint, MS, mount } from '../../linux/mount.ts';
import { writeAtomically } from './atomic-writer.ts';
import type { Payload } from './payload.ts';
import type { FilesStep, VolumeStep } from './plan.ts';

export interface VolumeTools {
  /** What the files of a volume shall be. Rejects with what is missing. */
  payload(step: FilesStep): Promise<Payload>;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Told of every volume that could not be made, with upstream's text. */
  onFailure(message: string): void;
}

/**
 * Makes the volumes of a pod, or brings those up to date that are there: what a container has written stays. All are tried, each failure is told, and the
 * first is thrown. Safe to repeat.
 */
export async function applyVolumes(steps: readonly VolumeStep[], tools: VolumeTools): Promise<void> {
  const results = await Promise.allSettled(steps.map(step => applyVolume(step, tools)));
  let first: string | undefined;
  for (const [index, result] of results.entries()) {
    if (result.status === 'fulfilled') continue;
    const message = `MountVolume.SetUp failed for volume "${steps[index]?.volume}" : ${errorMessage(result.reason)}`;
    tools.onFailure(message);
    first ??= message;
  }
  if (first !== undefined) throw failedPrecondition(first, { reason: 'FailedMount' });
}

async function applyVolume(step: VolumeStep, tools: VolumeTools): Promise<void> {
  switch (step.kind) {
    case 'unsupported':
      throw failedPrecondition(step.because);
    case 'empty-dir':
      makeEmptyDir(step);
      break;
    case 'image':
      break;
    case 'host-path':
      checkHostPath(step);
      break;
    case 'files':
      writeFiles(step, await tools.payload(step), tools.now());
      break;
  }
}

/**
 * Open to all, as upstream makes it (in memory as every tmpfs is, with the sticky bit); with an fsGroup the group owns it and what is made in it. One that is
 * there stays as it is: its pod may have changed its owner or its mode, as databases do, and would not start again with those that it had first.
 */
function makeEmptyDir(
  step: Pick<Extract<VolumeStep, { readonly kind: 'empty-dir' }>, 'path' | 'tmpfs' | 'group'>,
): void {
  const { path, tmpfs, group } = step;
  const setGid = group === undefined ? 0 : 0o2000;
  if (tmpfs === undefined) {
    makeOpenDirectory(path, 0o777 | setGid, group);
    return;
  }
  mkdirSync(path, { recursive: true, mode: 0o750 });
  if (isMountPoint(path)) return;
  const size = tmpfs.sizeBytes === undefined ? '' : `,size=${tmpfs.sizeBytes}`;
  const owner = group === undefined ? '' : `,gid=${group}`;
  mountMemory(path, `mode=${(0o1777 | setGid).toString(8)}${owner}${size}`);
}

/** Has its name only when it has its mode and its owner: whoever finds it finds it whole. */
function makeOpenDirectory(path: string, mode: number, group: number | undefined): void {
  if (isThere(path)) return;
  // names of volumes begin with no dot
  const draft = `${dirname(path)}/.${basename(path)}`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true, mode: 0o750 });
  if (group !== undefined) chownSync(draft, 0, group);
  chmodSync(draft, mode);
  renameSync(draft, path);
}

/** Never swapped out where the kernel can promise that (6.3): secrets are not to reach a disk. */
function mountMemory(path: string, options: string): void {
  const flags = MS.NOSUID | MS.NODEV;
  try {
    mount('tmpfs', path, 'tmpfs', flags, `${options},noswap`);
  } catch (error) {
    if (errnoName(error) !== 'EINVAL') throw error;
    mount('tmpfs', path, 'tmpfs', flags, options);
  }
}

function writeFiles(step: FilesStep, payload: Payload, now: number): void {
  makeEmptyDir(step);
  for (const point of step.mountPoints) mkdirSync(`${step.path}/${point}`, { recursive: true, mode: 0o755 });
  writeAtomically({ directory: step.path, payload, group: step.group, now });
}

type HostPathStep = Extract<VolumeStep, { readonly kind: 'host-path' }>;

function checkHostPath(step: HostPathStep): void {
  const { path, type } = step;
  if (type === '') return;
  if (type === 'DirectoryOrCreate' && statOf(path) === undefined) mkdirSync(path, { recursive: true, mode: 0o755 });
  if (type === 'FileOrCreate' && statOf(path) === undefined) {
    if (statOf(dirname(path)) === undefined) throw mismatch(step, 'its directory does not exist');
    closeSync(openSync(path, 'wx', 0o644));
  }
  const stat = statOf(path);
  if (stat === undefined) throw mismatch(step, 'it does not exist');
  const holds: { readonly [Type in Exclude<typeof type, ''>]: boolean } = {
    DirectoryOrCreate: stat.isDirectory(),
    Directory: stat.isDirectory(),
    FileOrCreate: stat.isFile(),
    File: stat.isFile(),
    Socket: stat.isSocket(),
    CharDevice: stat.isCharacterDevice(),
    BlockDevice: stat.isBlockDevice(),
  };
  if (!holds[type]) throw mismatch(step, 'it is something else');
}

const KINDS: { readonly [Type in Exclude<HostPathType, ''>]: string } = {
  DirectoryOrCreate: 'a directory',
  Directory: 'a directory',
  FileOrCreate: 'a file',
  File: 'a file',
  Socket: 'a socket file',
  CharDevice: 'a character device',
  BlockDevice: 'a block device',
};

function mismatch({ path, type }: HostPathStep, because: string): Error {
  const kind = type === '' ? 'of that type' : KINDS[type];
  return failedPrecondition(`hostPath type check failed: ${path} is not ${kind}: ${because}`);
}

function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

/** True when something is at `path`, be it a dangling link. */
export function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
