import type { IpFamily } from '../../base/cidr.ts';
import type { CompiledService } from '../compile/compiled-service.ts';
import type { ProxyState } from '../desired/proxy-state.ts';
import { healthCheckNodePortOf, isExternallyAccessible } from '../desired/service-port.ts';
import type { HealthCheckedService } from './service-health.ts';

interface FamilyServices {
  readonly family: IpFamily;
  readonly services: ReadonlyMap<string, CompiledService>;
}

/** The services whose load balancers ask after them, with their ready endpoints on this node, in the family that has most. */
export function healthChecked(state: ProxyState, families: readonly FamilyServices[]): HealthCheckedService[] {
  return state.healthChecked().flatMap(service => {
    const port = healthCheckNodePortOf(service);
    const key = `${service.metadata.namespace}/${service.metadata.name}`;
    if (port === undefined) return [];
    const counts = families.map(({ services }) => localReady(services.get(key)));
    return [{ key, port, localEndpoints: Math.max(0, ...counts) }];
  });
}

function localReady(service: CompiledService | undefined): number {
  const ready = (service?.ports ?? []).flatMap(({ endpoints }) => endpoints.filter(each => each.isLocal && each.ready));
  return new Set(ready.map(({ ip }) => ip)).size;
}

/** How many ports have endpoints, but none on this node, where their policy asks for one. */
export function withoutLocalEndpoints(
  family: IpFamily,
  services: ReadonlyMap<string, CompiledService>,
): { readonly family: IpFamily; readonly internal: number; readonly external: number } {
  let internal = 0;
  let external = 0;
  for (const { ports } of services.values())
    for (const { port, usable } of ports) {
      if (!usable.hasAny || usable.local.length > 0) continue;
      if (port.internalLocal) internal += 1;
      if (port.externalLocal && isExternallyAccessible(port)) external += 1;
    }
  return { family, internal, external };
}
