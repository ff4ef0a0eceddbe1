import type { Services } from '../bootstrap/services.ts';
import { isSystemdThere, systemdServices } from '../bootstrap/systemd-services.ts';
import { isInsideHost, servicesInside } from '../local-cluster/host/inside.ts';

/** Who keeps daemons running on this machine; undefined where nobody does, which preflight tells. */
export function servicesHere(): Services | undefined {
  if (isInsideHost()) return servicesInside();
  return isSystemdThere() ? systemdServices() : undefined;
}
