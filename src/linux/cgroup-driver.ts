import { isAlreadyExists } from '../base/errors.ts';
import { cgroupExists, createCgroup, killCgroup, removeCgroup, updateCgroup } from './cgroup.ts';
import { type CgroupLayout, detectCgroups } from './cgroup-layout.ts';
import type { CgroupResources } from './cgroup-resources.ts';
import { type SystemdManager, systemdRuns } from './systemd-manager.ts';
import { expandSlice, newSliceProperties, roundedForSystemd, sliceOf, sliceProperties } from './systemd-slice.ts';

/** Who makes groups: this process by itself, or systemd, which thinks of all of the tree as its own wherever it runs. */
export type CgroupDriverName = 'cgroupfs' | 'systemd';

/**
 * Groups by their names from the root of the tree (`/kubepods/burstable/pod<uid>`), whatever the driver makes of them. Every method is idempotent. Throws with the file
 * or the unit that could not be changed.
 */
export interface CgroupDriver {
  readonly name: CgroupDriverName;
  /** Where the group is, from the root of every hierarchy. */
  pathOf(group: string): string;
  /** Makes the group, whose parent is there, and sets its limits. One that is there keeps its members. */
  make(group: string, resources: CgroupResources, signal?: AbortSignal): Promise<void>;
  /** Sets the given limits of a group that is there. */
  update(group: string, resources: CgroupResources, signal?: AbortSignal): Promise<void>;
  /** Ends what is in the group and removes it with all below. */
  remove(group: string, signal?: AbortSignal): Promise<void>;
}

/**
 * The driver that fits this machine: systemd where it is PID 1 and the hierarchy is v2, for there one process alone may write to a group; else cgroupfs. What a runtime does
 * that is not told.
 */
export function defaultCgroupDriver(layout = detectCgroups()): CgroupDriverName {
  return layout.version === 2 && systemdRuns() ? 'systemd' : 'cgroupfs';
}

/** Groups made directly. */
export function cgroupfsDriver(layout = detectCgroups()): CgroupDriver {
  return {
    name: 'cgroupfs',
    pathOf: group => group,
    make: async (group, resources) => createCgroup(group, resources, layout),
    update: async (group, resources) => updateCgroup(group, resources, layout),
    remove: (group, signal) => endGroup(group, layout, signal),
  };
}

/**
 * Groups as slices of systemd, made and changed by way of it, so that it does not undo at a reload what it knows nothing of. The files are written besides: systemd does so a
 * moment after it has answered, and keeps to itself what the kernel refused.
 */
export function systemdDriver(systemd: SystemdManager, layout = detectCgroups()): CgroupDriver {
  const pathOf = (group: string): string => expandSlice(sliceOf(group)) ?? group;
  return {
    name: 'systemd',
    pathOf,
    async make(group, resources, signal) {
      const slice = sliceOf(group);
      const limits = sliceProperties(layout.version, resources);
      try {
        await systemd.startTransient(slice, [...newSliceProperties(slice), ...limits], signal);
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
        await systemd.setProperties(slice, limits, signal);
      }
      createCgroup(pathOf(group), roundedForSystemd(resources), layout);
    },
    async update(group, resources, signal) {
      await systemd.setProperties(sliceOf(group), sliceProperties(layout.version, resources), signal);
      updateCgroup(pathOf(group), roundedForSystemd(resources), layout);
    },
    async remove(group, signal) {
      // the directory goes last: as long as it is there, so may the unit be
      if (!cgroupExists(pathOf(group), layout)) return;
      killCgroup(pathOf(group), layout);
      await systemd.stop(sliceOf(group), signal);
      await endGroup(pathOf(group), layout, signal);
    },
  };
}

async function endGroup(path: string, layout: CgroupLayout, signal: AbortSignal | undefined): Promise<void> {
  killCgroup(path, layout);
  await removeCgroup(path, signal, layout);
}
