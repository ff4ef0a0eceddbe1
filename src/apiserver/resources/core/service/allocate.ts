import type { Service } from '../../../../api/types/gen/core-v1.ts';
import { canonicalIp, isIp } from '../../../../base/cidr.ts';
import { type ClusterIpPool, takeClusterIps } from './cluster-ip.ts';
import type { Refused } from './given.ts';
import { isHeadless, needsClusterIp } from './needs.ts';
import { type NodePortPool, takeNodePorts } from './node-port.ts';

export type Allocated =
  | {
      readonly kind: 'allocated';
      readonly service: Service;
      /** What it takes that it had not before; addresses in canonical form. */
      readonly ips: readonly string[];
      readonly ports: readonly number[];
    }
  | Refused;

/**
 * Gives a service the addresses and node ports it needs and has not got. What `old` holds counts as its own. `random` answers a whole number
 * from 0 up to its argument (at most 2^47), the argument excluded. Where a search starts is random, so that two servers seldom want the same;
 * it goes on until it finds what is free, if there is any.
 */
export function allocateForService(
  service: Service,
  old: Service | undefined,
  pools: { readonly ips: ClusterIpPool; readonly ports: NodePortPool },
  random: (below: number) => number,
): Allocated {
  const ips = takeClusterIps(service, ownIps(old), pools.ips, random);
  if (ips.kind !== 'given') return ips;
  const ports = takeNodePorts(ips.service, old, pools.ports, random);
  if (ports.kind !== 'given') return ports;
  return { kind: 'allocated', service: ports.service, ips: ips.taken, ports: ports.taken };
}

/** The addresses and ports that `old` has and `service` (undefined: deleted) does not. */
export function releasedBy(
  old: Service,
  service: Service | undefined,
): { readonly ips: readonly string[]; readonly ports: readonly number[] } {
  const keptIps = new Set(ownIps(service));
  const keptPorts = new Set(ownPorts(service));
  return {
    ips: ownIps(old).filter(ip => !keptIps.has(ip)),
    ports: ownPorts(old).filter(port => !keptPorts.has(port)),
  };
}

/** The cluster IPs that a service holds, in canonical form, each once. */
export function ownIps(service: Service | undefined): readonly string[] {
  if (service === undefined || !needsClusterIp(service) || isHeadless(service)) return [];
  // what somebody wrote past the API server may be anything, and must not keep it from starting
  return [...new Set((service.spec.clusterIPs ?? []).filter(isIp).map(canonicalIp))];
}

/** The node ports that a service holds, that of its health check among them, each once. */
export function ownPorts(service: Service | undefined): readonly number[] {
  if (service === undefined) return [];
  const ports = (service.spec.ports ?? []).map(port => port.nodePort ?? 0);
  return [...new Set([...ports, service.spec.healthCheckNodePort ?? 0])].filter(port => port !== 0);
}
