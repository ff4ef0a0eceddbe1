import { chmodSync, chownSync, closeSync, lstatSync, mkdirSync, openSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoName, failedPrecondition } from '../../base/errors.ts';
import { MS, mount, readMountinfo } from '../../linux/mount.ts';
import type { VolumeStep } from './plan.ts';

/** Makes the volumes of a pod. Safe to repeat: what is there keeps its content. Throws an error that names the volume. */
export function applyVolumes(steps: readonly VolumeStep[]): void {
  for (const step of steps) {
    try {
      applyVolume(step);
    } catch (error) {
      const code = errnoName(error);
      if (code === undefined) throw error;
      throw failedPrecondition(`volume "${step.volume}": ${(error as Error).message}`, {
        reason: 'FailedMount',
        cause: error,
      });
    }
  }
}

function applyVolume(step: VolumeStep): void {
  switch (step.kind) {
    case 'unsupported':
      throw failedPrecondition(step.because, { reason: 'FailedMount' });
    case 'empty-dir':
      makeEmptyDir(step);
      break;
    case 'host-path':
      checkHostPath(step);
      break;
  }
}

/** Open to all, as upstream makes it; with an fsGroup the group owns it and what is made in it. */
function makeEmptyDir(step: Extract<VolumeStep, { readonly kind: 'empty-dir' }>): void {
  mkdirSync(step.path, { recursive: true, mode: 0o750 });
  if (step.tmpfs !== undefined && !readMountinfo().some(row => row.target === step.path)) {
    const size = step.tmpfs.sizeBytes === undefined ? '' : `,size=${step.tmpfs.sizeBytes}`;
    mount('tmpfs', step.path, 'tmpfs', MS.NOSUID | MS.NODEV, `mode=0777${size}`);
  }
  if (step.group !== undefined) chownSync(step.path, 0, step.group);
  chmodSync(step.path, step.group === undefined ? 0o777 : 0o2777);
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

function mismatch(step: HostPathStep, because: string): Error {
  return failedPrecondition(`volume "${step.volume}": hostPath ${step.path} is not of type ${step.type}: ${because}`, {
    reason: 'FailedMount',
  });
}

function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

/** True when something is at `path`, be it a dangling link. */
export function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
