import type { Node } from '../../api/types/gen/core-v1.ts';
import { canonicalIp, type IpFamily, ipFamily, ipToBigInt } from '../../base/cidr.ts';
import { isIn } from '../../base/cidr-list.ts';
import { ZONE_LABEL } from '../resources.ts';
import type { NodePlace } from './usable-endpoints.ts';

export function placeOf(node: Node | undefined, name: string): NodePlace {
  return { name, zone: node?.metadata.labels?.[ZONE_LABEL] ?? '' };
}

/** The addresses of a node in a family, those inside the cluster first; `bound` instead, where it is told and of the family. */
export function nodeIpsOf(node: Node | undefined, bound: string | undefined, family: IpFamily): string[] {
  const told = bound === undefined ? [] : ofFamily(bound, family);
  if (told.length > 0) return told;
  const addresses = node?.status.addresses ?? [];
  return ['InternalIP', 'ExternalIP'].flatMap(type =>
    addresses.flatMap(({ type: each, address }) => (each === type ? ofFamily(address, family) : [])),
  );
}

export function podCidrsOf(node: Node | undefined): readonly string[] {
  const { podCIDRs = [], podCIDR = '' } = node?.spec ?? {};
  return podCIDRs.length > 0 || podCIDR === '' ? podCIDRs : [podCIDR];
}

/**
 * The addresses that answer node ports: the first one of the node, or those of the machine inside the given networks, sorted. Never those of the loopback, from where
 * answers could not come back, unless the kernel was told to lead them.
 */
export function nodePortIps(
  wanted: 'primary' | readonly string[],
  nodeIps: readonly string[],
  machineIps: readonly string[],
  family: IpFamily,
  withLoopback = false,
): string[] {
  if (wanted === 'primary') return nodeIps.slice(0, 1);
  return machineIps
    .flatMap(ip => ofFamily(ip, family))
    .filter(ip => (withLoopback || !isLoopback(ip, family)) && isIn(ipToBigInt(ip), family, wanted))
    .sort();
}

function isLoopback(ip: string, family: IpFamily): boolean {
  return isIn(ipToBigInt(ip), family, [family === 4 ? '127.0.0.0/8' : '::1/128']);
}

function ofFamily(address: string, family: IpFamily): string[] {
  try {
    return ipFamily(address) === family ? [canonicalIp(address)] : [];
  } catch {
    return [];
  }
}
