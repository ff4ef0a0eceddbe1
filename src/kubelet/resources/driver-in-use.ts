import { failedPrecondition } from '../../base/errors.ts';
import { type CgroupDriver, type CgroupDriverName, cgroupfsDriver, systemdDriver } from '../../linux/cgroup-driver.ts';
import { systemdManager, systemdRuns } from '../../linux/systemd-manager.ts';

/**
 * The driver of the pods' groups. Until the runtime has told which one it uses it is the configuration's; then the runtime's, for both must put a pod's group at the same
 * place (upstream's KubeletCgroupDriverFromCRI).
 */
export class DriverInUse implements CgroupDriver {
  #driver: CgroupDriver;

  constructor(configured: CgroupDriverName) {
    this.#driver = driverNamed(configured);
  }

  /** Throws `failed-precondition` where that driver cannot work. */
  use(name: CgroupDriverName): void {
    if (name === 'systemd' && !systemdRuns())
      throw failedPrecondition(
        'the cgroup driver is systemd, and this machine was not booted with systemd (there is no /run/systemd/system): set cgroupfs in the runtime',
      );
    if (name !== this.#driver.name) this.#driver = driverNamed(name);
  }

  get name(): CgroupDriverName {
    return this.#driver.name;
  }

  pathOf(group: string): string {
    return this.#driver.pathOf(group);
  }

  make(...args: Parameters<CgroupDriver['make']>): Promise<void> {
    return this.#driver.make(...args);
  }

  update(...args: Parameters<CgroupDriver['update']>): Promise<void> {
    return this.#driver.update(...args);
  }

  remove(...args: Parameters<CgroupDriver['remove']>): Promise<void> {
    return this.#driver.remove(...args);
  }
}

function driverNamed(name: CgroupDriverName): CgroupDriver {
  return name === 'systemd' ? systemdDriver(systemdManager()) : cgroupfsDriver();
}
