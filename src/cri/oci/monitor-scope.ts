import { errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { SystemdManager } from '../../linux/systemd-manager.ts';
import { FORGOTTEN_WHEN_FAILED } from '../../linux/systemd-slice.ts';

/** Scopes of monitors: this, the container's id, `.scope`. */
export const MONITOR_SCOPE_PREFIX = 'gantry-conmon-';

/**
 * Gives each monitor a scope of its own in system.slice, which ends with it. In the group of this process's unit it would count against the limits of that, and end whenever
 * systemd kills what is in it; in the group of the pod it would count against the limits of the pod. Where systemd does not do it the monitor stays where it is, and the
 * container is made all the same: that is said once.
 */
export function moveToScope(
  systemd: Pick<SystemdManager, 'startTransient'>,
  log: Pick<Logger, 'warn'>,
): (id: string, pid: number) => Promise<void> {
  let said = false;
  return async (id, pid) => {
    try {
      await systemd.startTransient(`${MONITOR_SCOPE_PREFIX}${id}.scope`, [
        { name: 'Description', type: 's', value: `conmon of container ${id}` },
        { name: 'Slice', type: 's', value: 'system.slice' },
        { name: 'PIDs', type: 'au', value: [pid] },
        // it writes down how its container ended, so at the end of the machine nobody hurries it
        { name: 'DefaultDependencies', type: 'b', value: false },
        FORGOTTEN_WHEN_FAILED,
      ]);
    } catch (error) {
      if (!said) log.warn({ because: errorMessage(error) }, 'monitors stay in the group of this unit');
      said = true;
    }
  };
}
