import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { errnoName, GantryError, invalidArgument } from '../base/errors.ts';
import { sleep } from '../base/signals.ts';
import { type CgroupLayout, detectCgroups } from './cgroup-layout.ts';
import { type CgroupResources, cgroupWrites } from './cgroup-resources.ts';

export { type CgroupLayout, detectCgroups } from './cgroup-layout.ts';
export type { CgroupResources } from './cgroup-resources.ts';

/**
 * How long a removal goes on trying while the kernel still counts members: a process that was killed leaves its group only when it is
 * reaped by the kernel, a few milliseconds later under load.
 */
const REMOVE_PATIENCE_MS = 2_000;

/**
 * Makes the group in every hierarchy, with its parents, and sets its limits. Idempotent: an existing group gets the limits and keeps its
 * members. `path` is `/kubepods/burstable/pod<uid>`, relative to the root of each hierarchy as this process sees it. New v1 cpuset groups take
 * cpus and mems from their parent, since an empty one admits no process. Throws with the file that could not be written.
 */
export function createCgroup(path: string, resources: CgroupResources = {}, layout = detectCgroups()): void {
  const segments = segmentsOf(path);
  for (const { mountPoint, controllers } of layout.hierarchies) {
    let directory = mountPoint;
    for (const segment of segments) {
      if (layout.version === 2) delegateControllers(directory, controllers);
      const parent = directory;
      directory = `${parent}/${segment}`;
      makeGroup(directory);
      if (layout.version === 1 && controllers.includes('cpuset')) inheritCpuset(parent, directory);
    }
  }
  updateCgroup(path, resources, layout);
}

/** Sets the given limits of an existing group; a limit whose controller is not mounted is an error that says so. */
export function updateCgroup(path: string, resources: CgroupResources, layout = detectCgroups()): void {
  const relative = segmentsOf(path).join('/');
  for (const { controller, file, value } of cgroupWrites(layout.version, resources)) {
    const hierarchy = layout.hierarchies.find(h => h.controllers.includes(controller));
    if (hierarchy === undefined)
      throw new GantryError(
        'failed-precondition',
        `cgroup ${path}: the ${controller} controller is not available, ${file} cannot be set`,
      );
    const target = `${hierarchy.mountPoint}/${relative}/${file}`;
    try {
      writeFileSync(target, value);
    } catch (error) {
      throw new GantryError(
        'internal',
        `cgroup: cannot write "${value}" to ${target}: ${errnoName(error) ?? String(error)}`,
        {
          cause: error,
        },
      );
    }
  }
}

/** True when the group is there in any hierarchy. */
export function cgroupExists(path: string, layout = detectCgroups()): boolean {
  return directoriesOf(path, layout).some(d => existsSync(d));
}

/** Names of the direct child groups, over all hierarchies, sorted; empty when the group is not there. */
export function cgroupChildren(path: string, layout = detectCgroups()): readonly string[] {
  const names = new Set<string>();
  for (const directory of directoriesOf(path, layout)) for (const name of childNames(directory)) names.add(name);
  return [...names].sort();
}

/** Process ids in the group and in all groups below it, over all hierarchies. Empty when the group is not there. */
export function cgroupPids(path: string, layout = detectCgroups()): readonly number[] {
  const pids = new Set<number>();
  for (const directory of directoriesOf(path, layout)) collectPids(directory, pids);
  return [...pids].sort((a, b) => a - b);
}

/**
 * Sends SIGKILL to every process in and below the group, again for those that were forked meanwhile. Returns how many got one. Safe to
 * repeat; does not wait for the processes to be gone (removeCgroup does).
 */
export function killCgroup(path: string, layout = detectCgroups()): number {
  const killed = new Set<number>();
  if (layout.version === 2) {
    const members = cgroupPids(path, layout);
    try {
      for (const directory of directoriesOf(path, layout)) writeFileSync(`${directory}/cgroup.kill`, '1');
      return members.length;
    } catch (error) {
      // cgroup.kill came with Linux 5.14; older kernels and a group that is gone take the loop below
      const code = errnoName(error);
      if (!isNoGroup(code) && code !== 'EACCES') throw error;
    }
  }
  for (let pass = 0; pass < 10; pass += 1) {
    const fresh = cgroupPids(path, layout).filter(pid => !killed.has(pid));
    if (fresh.length === 0) break;
    for (const pid of fresh) {
      killed.add(pid);
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if (errnoName(error) !== 'ESRCH') throw error;
      }
    }
  }
  return killed.size;
}

/**
 * Removes the group and all below it, from every hierarchy. Safe to repeat: what is gone is fine. Members are not killed here; while any is
 * left the kernel says EBUSY, which is waited out for two seconds and is then an error that names the processes.
 */
export async function removeCgroup(path: string, signal?: AbortSignal, layout = detectCgroups()): Promise<void> {
  if (segmentsOf(path).length === 0) throw invalidArgument('refusing to remove the root cgroup');
  let delayMs = 1;
  for (let waitedMs = 0; ; waitedMs += delayMs) {
    const busy = directoriesOf(path, layout).filter(d => !removeTree(d));
    if (busy.length === 0) return;
    if (waitedMs >= REMOVE_PATIENCE_MS) {
      const pids = cgroupPids(path, layout);
      throw new GantryError(
        'unavailable',
        `cgroup ${path} is still busy after ${REMOVE_PATIENCE_MS} ms: ${pids.length === 0 ? 'no process is left, yet the kernel holds it' : `processes ${pids.slice(0, 10).join(', ')}`}`,
      );
    }
    await sleep(delayMs, signal);
    delayMs = Math.min(delayMs * 2, 100);
  }
}

function segmentsOf(path: string): string[] {
  const segments = path.split('/').filter(s => s !== '');
  if (!path.startsWith('/') || segments.some(s => s === '.' || s === '..' || s.includes('\0')))
    throw invalidArgument(`"${path}" is not a cgroup path: it must be absolute and have no dot segments`);
  return segments;
}

/** The group's directory in each hierarchy, the v2 side of a hybrid layout included. */
function directoriesOf(path: string, layout: CgroupLayout): string[] {
  const relative = segmentsOf(path).join('/');
  const roots = layout.hierarchies.map(h => h.mountPoint);
  if (layout.hybridUnified !== undefined) roots.push(layout.hybridUnified);
  return roots.map(root => `${root}/${relative}`);
}

function makeGroup(directory: string): void {
  try {
    mkdirSync(directory, 0o755);
  } catch (error) {
    if (errnoName(error) !== 'EEXIST') throw error;
  }
}

function inheritCpuset(parent: string, directory: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (readFileSync(`${directory}/${file}`, 'utf8').trim() !== '') continue;
    writeFileSync(`${directory}/${file}`, readFileSync(`${parent}/${file}`, 'utf8').trim());
  }
}

/** Lets the children of a v2 group use the controllers that it has. One write each: a controller that cannot be given must not hide the others. */
function delegateControllers(directory: string, controllers: readonly string[]): void {
  const given = new Set(readFileSync(`${directory}/cgroup.subtree_control`, 'utf8').trim().split(/\s+/));
  for (const controller of controllers) {
    if (given.has(controller)) continue;
    try {
      writeFileSync(`${directory}/cgroup.subtree_control`, `+${controller}`);
    } catch (error) {
      const code = errnoName(error);
      if (code === 'EBUSY' && ['cpu', 'memory', 'pids'].includes(controller))
        throw new GantryError(
          'failed-precondition',
          `cgroup ${directory}: the ${controller} controller cannot be given to child groups while processes are in the group itself`,
          { cause: error },
        );
      // other controllers (rdma, misc, …) are a courtesy: no limit of ours needs them
      if (code !== 'EBUSY' && code !== 'EINVAL' && code !== 'ENOENT' && code !== 'EOPNOTSUPP') throw error;
    }
  }
}

function childNames(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter(e => e.isDirectory())
      .map(e => e.name);
  } catch (error) {
    if (isNoGroup(errnoName(error))) return [];
    throw error;
  }
}

/** There is none by that name, or there cannot be one, because a part of it is a file. */
function isNoGroup(code: string | undefined): boolean {
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function collectPids(directory: string, into: Set<number>): void {
  let text: string;
  try {
    text = readFileSync(`${directory}/cgroup.procs`, 'utf8');
  } catch (error) {
    // ENODEV: the group was removed between the open and the read; EOPNOTSUPP: a threaded v2 group, its processes stand at its domain
    const code = errnoName(error);
    if (!isNoGroup(code) && code !== 'ENODEV' && code !== 'EOPNOTSUPP') throw error;
    text = '';
  }
  for (const line of text.split('\n')) if (line !== '' && line !== '0') into.add(Number(line));
  for (const name of childNames(directory)) collectPids(`${directory}/${name}`, into);
}

/** Removes children first. False when something in it is busy. */
function removeTree(directory: string): boolean {
  let clear = true;
  for (const name of childNames(directory)) clear = removeTree(`${directory}/${name}`) && clear;
  if (!clear) return false;
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    const code = errnoName(error);
    if (isNoGroup(code) || code === 'ENODEV') return true;
    if (code === 'EBUSY' || code === 'ENOTEMPTY') return false;
    throw error;
  }
}
