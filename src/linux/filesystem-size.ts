import { readFileSync, statfsSync, statSync } from 'node:fs';

/** The file system that a path lies on. */
export interface FilesystemSize {
  /** What it is mounted from, as mountinfo names it: `/dev/sda1`, `tmpfs`. */
  readonly device: string;
  readonly bytes: number;
  readonly inodes: number;
  readonly freeInodes: number;
}

/** Throws what the system calls throw. */
export function filesystemSize(path: string): FilesystemSize {
  const { blocks, bsize, files, ffree } = statfsSync(path);
  return { device: sourceOf(path), bytes: blocks * bsize, inodes: files, freeInodes: ffree };
}

function sourceOf(path: string): string {
  const { dev } = statSync(path, { bigint: true });
  const { major, minor } = deviceNumbers(dev);
  return sourceInMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'), major, minor) ?? `${major}:${minor}`;
}

/** The source of the first mount of a device (proc_pid_mountinfo(5)): field 3 is the number, and after the dash come type and source. Pure. */
export function sourceInMountinfo(text: string, major: number, minor: number): string | undefined {
  for (const line of text.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    if (before.split(' ')[2] === `${major}:${minor}`) return after.split(' ')[1];
  }
  return undefined;
}

/** Numbers as Linux packs them (makedev(3)). */
function deviceNumbers(dev: bigint): { readonly major: number; readonly minor: number } {
  return {
    major: Number(((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n)),
    minor: Number((dev & 0xffn) | ((dev >> 12n) & 0xffffff00n)),
  };
}

const names = new Map<string, string>();

/** `/dev/sda` of a block device by its numbers; `8:0` where the machine has no name for it. */
export function blockDeviceName(major: number, minor: number): string {
  const numbers = `${major}:${minor}`;
  const known = names.get(numbers);
  if (known !== undefined) return known;
  const name = nameInSysfs(numbers);
  // numbers are given again to other devices when disks come and go: not worth more than this many
  if (names.size >= 1000) names.clear();
  names.set(numbers, name);
  return name;
}

function nameInSysfs(numbers: string): string {
  try {
    const [, name] = /^DEVNAME=(.+)$/m.exec(readFileSync(`/sys/dev/block/${numbers}/uevent`, 'utf8')) ?? [];
    return name === undefined ? numbers : `/dev/${name}`;
  } catch {
    return numbers;
  }
}
