import { mkdirSync, writeFileSync } from 'node:fs';
import type { FaultPoint } from '../../src/linux/fault-point.ts';
import type { Host } from '../../src/local-cluster/host/host.ts';
import type { Service } from '../../src/local-cluster/host/supervise.ts';
import { waitFor } from './wait-for.ts';

/**
 * A constant program for sh: takes the fault point out of a file, if one is there, and becomes the daemon. So a fault is armed for one life of the
 * daemon and not for the next.
 */
const ARM_ONCE =
  'f=$1; shift; if [ -e "$f" ]; then GANTRY_FAULT=$(cat "$f"); export GANTRY_FAULT; rm "$f"; fi; exec "$@"';

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
