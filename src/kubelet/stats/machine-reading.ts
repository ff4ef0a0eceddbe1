import { readFileSync } from 'node:fs';
import { readdir, statfs } from 'node:fs/promises';
import { errnoName } from '../../base/errors.ts';
import { readCgroupUsage } from '../../linux/cgroup-reading.ts';
import { parsePressure } from '../../linux/cgroup-usage.ts';
import { parseLinkCounters } from '../../linux/procfs.ts';
import { readPids } from '../node/pressure.ts';
import type { FsSpace, MachineExtras, MachineReading } from './node-stats.ts';

/** The processors and the memory of the machine, from files of /proc and the root of the cgroups: about 1 ms. */
export function readMachine(at: number): MachineReading {
  const { cpuNanoseconds, memory, pressure } = readCgroupUsage('/');
  const ofMachine = (resource: string) => parsePressure(text(`/proc/pressure/${resource}`));
  return {
    at,
    cpuNanoseconds,
    memory,
    meminfo: text('/proc/meminfo'),
    vmstat: text('/proc/vmstat'),
    pressure: {
      cpu: pressure.cpu ?? ofMachine('cpu'),
      memory: pressure.memory ?? ofMachine('memory'),
      io: pressure.io ?? ofMachine('io'),
    },
  };
}

/** The rest of what a summary tells of the node. */
export async function readMachineExtras(rootDir: string): Promise<MachineExtras> {
  return {
    links: parseLinkCounters(text('/proc/self/net/dev')),
    rootFs: await readSpace(rootDir),
    pids: readPids(),
    bootedAt: readBootTime(),
  };
}

/** When the machine was started, in milliseconds since the epoch. */
export function readBootTime(): number {
  return Number(/^btime (\d+)$/m.exec(text('/proc/stat'))?.[1] ?? 0) * 1000;
}

/** statfs(2) f_type of a file system in memory. */
const TMPFS_MAGIC = 0x01021994;

/** What is left on the file system of a path, and whether it is one in memory; undefined where there is none. Asked in Node's threads: a mount may hang. */
export async function readSpace(path: string): Promise<(FsSpace & { readonly inMemory: boolean }) | undefined> {
  try {
    const { type, bsize, blocks, bfree, bavail, files, ffree } = await statfs(path);
    return {
      capacity: blocks * bsize,
      free: bfree * bsize,
      available: bavail * bsize,
      inodes: files,
      inodesFree: ffree,
      inMemory: type === TMPFS_MAGIC,
    };
  } catch {
    return undefined;
  }
}

/** A volume of a pod, by the directory that it has. */
export interface VolumeDirectory {
  readonly plugin: string;
  readonly name: string;
  readonly path: string;
}

/** The volumes of a pod that are directories of the kubelet's: pods/<uid>/volumes/<plugin>/<name>. */
export async function listVolumes(podDirectory: string): Promise<readonly VolumeDirectory[]> {
  const root = `${podDirectory}/volumes`;
  const plugins = await namesIn(root);
  const found = await Promise.all(
    plugins.map(async plugin =>
      (await namesIn(`${root}/${plugin}`)).map(name => ({ plugin, name, path: `${root}/${plugin}/${name}` })),
    ),
  );
  return found.flat();
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    const code = errnoName(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // a kernel without it has no such figure
    return '';
  }
}
