import { readdirSync, readFileSync } from 'node:fs';
import { errnoName } from '../base/errors.ts';
import { type CgroupCounters, cgroupCounters } from './cgroup-counters.ts';
import { type CgroupLayout, detectCgroups } from './cgroup-layout.ts';
import { type CgroupFile, type CgroupUsage, cgroupUsage } from './cgroup-usage.ts';

/** ENOTDIR: a part of the path is a file; ENODEV: removed between open and read; EOPNOTSUPP: a kernel that could keep the figure and was told not to; EINVAL: a controller that does not tell it here. */
const NOT_TOLD = new Set(['ENOENT', 'ENOTDIR', 'ENODEV', 'EOPNOTSUPP', 'EINVAL']);

/** Where the files of a controller stand in that layout; `pressure` is told on the v2 side only. Undefined where it is not mounted. Pure. */
export function controllerMount(layout: CgroupLayout, controller: string): string | undefined {
  if (layout.version === 2) return layout.hierarchies[0]?.mountPoint;
  if (controller === 'pressure') return layout.hybridUnified;
  return layout.hierarchies.find(each => each.controllers.includes(controller))?.mountPoint;
}

/**
 * What a group has used until now. `path` is from the root of every hierarchy, `/` for all of the machine. A group that is not there has no figures. About ten small files:
 * 0.1 to 0.2 ms.
 */
export function readCgroupUsage(path: string, layout = detectCgroups()): CgroupUsage {
  return cgroupUsage(layout.version, filesOf(path, layout));
}

/** What has been counted of it besides; as long as the usage. */
export function readCgroupCounters(path: string, layout = detectCgroups()): CgroupCounters {
  return cgroupCounters(layout.version, filesOf(path, layout), hugePageSizes());
}

/** The processes of a group as this process numbers them, without those of groups below. None where it is not there. */
export function readCgroupProcesses(path: string, layout = detectCgroups()): readonly number[] {
  return (filesOf(path, layout)('pids', 'cgroup.procs') ?? '').split('\n').flatMap(line => {
    const pid = Number(line);
    // 0 stands for one that this process cannot see
    return pid > 0 ? [pid] : [];
  });
}

function filesOf(path: string, layout: CgroupLayout): CgroupFile {
  const relative = path === '/' ? '' : path;
  return (controller, file) => {
    const mount = controllerMount(layout, controller);
    if (mount === undefined) return undefined;
    try {
      return readFileSync(`${mount}${relative}/${file}`, 'utf8');
    } catch (error) {
      if (NOT_TOLD.has(errnoName(error) ?? '')) return undefined;
      throw error;
    }
  };
}

let pageSizes: readonly string[] | undefined;

/** `2MB`, `1GB`: what the kernel keeps pools of, as the files of the controller are called. It does not change while the machine runs. */
function hugePageSizes(): readonly string[] {
  pageSizes ??= listed('/sys/kernel/mm/hugepages').flatMap(name => {
    const kib = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(kib)) return [];
    return kib >= 1 << 20 ? [`${kib >> 20}GB`] : kib >= 1 << 10 ? [`${kib >> 10}MB`] : [`${kib}KB`];
  });
  return pageSizes;
}

function listed(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
