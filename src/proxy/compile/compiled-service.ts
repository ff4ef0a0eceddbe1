import type { Service } from '../../api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../api/types/gen/discovery-v1.ts';
import type { IpFamily } from '../../base/cidr.ts';
import { type Endpoint, endpointsOf } from '../desired/endpoint.ts';
import { type ServicePort, servicePortsOf } from '../desired/service-port.ts';
import { type NodePlace, type UsableEndpoints, usableEndpoints } from '../desired/usable-endpoints.ts';
import { type PortSlots, slotKeys } from './port-elements.ts';
import { assignSlots } from './slots.ts';

/** One port with everything that was decided about it. */
export interface CompiledPort {
  readonly port: ServicePort;
  readonly endpoints: readonly Endpoint[];
  readonly usable: UsableEndpoints;
  readonly slots: PortSlots;
}

export interface CompiledService {
  readonly ports: readonly CompiledPort[];
}

export interface CompileContext {
  readonly family: IpFamily;
  readonly node: NodePlace;
  /** The node's addresses of the family. */
  readonly nodeIps: readonly string[];
}

/** What is decided about a service in one family, whatever the mode. `before`: what it was, so that endpoints keep their numbers where they can. */
export function compileService(
  service: Service | undefined,
  slices: readonly EndpointSlice[],
  context: CompileContext,
  before: CompiledService | undefined,
): CompiledService {
  const ports = (service === undefined ? [] : servicePortsOf(service, context.family)).map(port => {
    const endpoints = endpointsOf(slices, port, context.node.name);
    const usable = usableEndpoints(port, endpoints, context.node);
    const wanted = slotKeys(usable);
    const old = before?.ports.find(each => each.port.name === port.name && each.port.protocol === port.protocol);
    const slots = {
      cluster: assignSlots(old?.slots.cluster ?? [], wanted.cluster),
      local: assignSlots(old?.slots.local ?? [], wanted.local),
    };
    return { port, endpoints, usable, slots };
  });
  return { ports };
}
