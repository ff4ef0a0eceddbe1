import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isNotFound } from '../../src/base/errors.ts';
import type { FaultPoint } from '../../src/linux/fault-point.ts';
import type { Host } from '../../src/local-cluster/host/host.ts';
import type { Service } from '../../src/local-cluster/host/supervise.ts';
import { waitFor } from './wait-for.ts';

/**
 * A constant program for sh: takes the fault point out of a file, if one is there, and becomes the daemon. So a fault is armed for one life of the
 * daemon and not for the next. Names the file of those that are armed while it lives.
 */
const ARM_ONCE =
  'f=$1; shift; GANTRY_FAULT_FILE=$f.armed; export GANTRY_FAULT_FILE; if [ -e "$f" ]; then GANTRY_FAULT=$(cat "$f"); export GANTRY_FAULT; rm "$f"; fi; exec "$@"';

const armFile = (daemon: string): string => `/run/host-faults/${daemon}`;

/** The command line of a daemon that takes up armed faults at its start. */
export function armable(daemon: string, argv: readonly string[]): string[] {
  return ['sh', '-c', ARM_ONCE, 'arm-once', armFile(daemon), ...argv];
}

/** Kills the daemon with -9 and waits until the supervisor has started it again. Returns its new pid. */
export async function killAndRestart(service: Service): Promise<number> {
  const before = service.pid();
  service.signal('KILL');
  return waitForRestart(service, before);
}

/** Waits until the daemon has another pid than `before`. */
export function waitForRestart(service: Service, before: number | undefined, timeoutMs = 30_000): Promise<number> {
  return waitFor(
    `${service.name} to be started again after pid ${before}`,
    saw => {
      const now = service.pid();
      saw(now);
      return now !== undefined && now !== before && now;
    },
    { timeoutMs },
  );
}

/** Restarts the daemon with the fault armed. Returns the pid that will die there. */
export async function armFault(host: Host, service: Service, point: FaultPoint): Promise<number> {
  mkdirSync(host.path('/run/host-faults'), { recursive: true });
  writeFileSync(host.path(armFile(service.name)), point);
  return killAndRestart(service);
}

/** Arms places in a daemon that runs: it dies at the first, its next life at the second, and so on. `name:2` is the second pass. */
export function armFaults(host: Host, service: Service, points: readonly string[]): void {
  mkdirSync(host.path('/run/host-faults'), { recursive: true });
  writeFileSync(host.path(`${armFile(service.name)}.armed`), points.join('\n'));
}

/** Those at which nobody has died yet. */
export function armedFaults(host: Host, service: Service): readonly string[] {
  try {
    return readFileSync(host.path(`${armFile(service.name)}.armed`), 'utf8').split('\n');
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

export function disarmFaults(host: Host, service: Service): void {
  rmSync(host.path(`${armFile(service.name)}.armed`), { force: true });
}

/** From now on the daemon writes down every place that it passes; `disarmFaults` ends it, `armedFaults` tells. */
export function traceFaultPoints(host: Host, service: Service): void {
  armFaults(host, service, ['trace']);
}
