import type { Clock } from '../../base/clock.ts';
import { errorCode, errorMessage } from '../../base/errors.ts';
import { sleep } from '../../base/signals.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { DriverInUse } from '../resources/driver-in-use.ts';
import type { KubeletSettings } from '../settings.ts';
import type { ContainerRuntime, RuntimeVersion } from './ports.ts';

/** Between two tries. */
const RETRY_MS = 250;

export interface FindRuntimeOptions {
  readonly settings: Pick<KubeletSettings, 'cgroupDriver'>;
  readonly runtime: Pick<ContainerRuntime, 'version' | 'cgroupDriver'>;
  readonly cgroups: DriverInUse;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Waits until the runtime answers, takes over who makes cgroups, and tells its version. Undefined when the signal aborts before. Throws `failed-precondition` where its
 * cgroup driver cannot work here.
 */
export async function findRuntime(
  { settings, runtime, cgroups, clock, log }: FindRuntimeOptions,
  signal: AbortSignal,
): Promise<RuntimeVersion | undefined> {
  let said = false;
  while (!signal.aborted) {
    try {
      const version = await runtime.version(signal);
      const told = await runtime.cgroupDriver(signal);
      if (told !== undefined && told !== settings.cgroupDriver)
        log.info({ configured: settings.cgroupDriver, runtime: told }, "the runtime's cgroup driver is used");
      cgroups.use(told ?? settings.cgroupDriver);
      log.info(
        { runtime: version.name, version: version.version, cgroupDriver: cgroups.name },
        'found the container runtime',
      );
      return version;
    } catch (error) {
      if (signal.aborted) break;
      if (errorCode(error) === 'failed-precondition') throw error;
      if (!said) log.warn({ because: errorMessage(error) }, 'waiting for the container runtime');
      said = true;
    }
    await sleep(RETRY_MS, signal, clock).catch(() => undefined);
  }
  return undefined;
}
