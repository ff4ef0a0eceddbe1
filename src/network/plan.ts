import type { Node } from '../api/types/gen/core-v1.ts';
import { canonicalIp, formatCidr, type IpFamily, ipFamily, parseCidr } from '../base/cidr.ts';
import { minimalCidrs } from '../base/cidr-list.ts';

/** A network of pods on another node, and the address of that node. */
export interface PodRoute {
  readonly node: string;
  readonly destination: string;
  readonly gateway: string;
}

/** The networks of a node's pods, in canonical form; those that cannot be read are left out. */
export function podCidrsOf(node: Node | undefined): string[] {
  const { podCIDRs = [], podCIDR = '' } = node?.spec ?? {};
  const texts = podCIDRs.length > 0 || podCIDR === '' ? podCIDRs : [podCIDR];
  return texts.flatMap(text => {
    try {
      return [formatCidr(parseCidr(text))];
    } catch {
      return [];
    }
  });
}

/**
 * The way to the pods of every other node: each of its networks over its first InternalIP of the same family. A network that two nodes claim is that of the one
 * whose name comes first; this node's own is nobody else's.
 */
export function podRoutes(nodes: readonly Node[], ownName: string): PodRoute[] {
  const named = (node: Node): string => node.metadata.name ?? '';
  const own = new Set(podCidrsOf(nodes.find(node => named(node) === ownName)));
  const routes = new Map<string, PodRoute>();
  for (const node of nodes.toSorted((a, b) => (named(a) < named(b) ? -1 : 1))) {
    if (named(node) === ownName) continue;
    for (const destination of podCidrsOf(node)) {
      const gateway = internalIp(node, parseCidr(destination).family);
      if (gateway === undefined || own.has(destination) || routes.has(destination)) continue;
      routes.set(destination, { node: named(node), destination, gateway });
    }
  }
  return [...routes.values()];
}

function internalIp(node: Node, family: IpFamily): string | undefined {
  for (const { type, address } of node.status.addresses ?? []) {
    if (type !== 'InternalIP') continue;
    try {
      if (ipFamily(address) === family) return canonicalIp(address);
    } catch {
      // an address that cannot be read leads nowhere
    }
  }
  return undefined;
}

/** The text of a CNI configuration that gives pods addresses of the networks; undefined where there are none yet. */
export function conflistText(cidrs: readonly string[]): string | undefined {
  if (cidrs.length === 0) return undefined;
  const bridge = {
    type: 'gantry-bridge',
    bridge: 'gantry0',
    // what leaves the cluster is masqueraded by the network of the node, which knows where the cluster ends
    ipMasq: false,
    capabilities: { ipRanges: true, portMappings: true, bandwidth: true },
    ipam: { type: 'host-local', ranges: cidrs.map(subnet => [{ subnet }]) },
  };
  return `${JSON.stringify({ cniVersion: '1.1.0', name: 'gantry', plugins: [bridge] }, undefined, 2)}\n`;
}

export const NETWORK_TABLE = 'inet gantry_network';

/**
 * What pods of this node send out of the cluster gets the address of the way out: one transaction, that can be run any number of times. `cluster` are networks
 * that are told; those of all nodes are added.
 */
export function masqueradeText(own: readonly string[], nodes: readonly Node[], cluster: readonly string[]): string {
  const inside = [...cluster, ...nodes.flatMap(podCidrsOf), ...own];
  const table = NETWORK_TABLE;
  const families = ([4, 6] as const).flatMap(family => {
    const ip = family === 4 ? 'ip' : 'ip6';
    const pods = minimalCidrs(own, family);
    const stays = minimalCidrs([...inside, family === 4 ? '224.0.0.0/4' : 'ff00::/8'], family);
    if (pods.length === 0) return [];
    const rule = `${ip} saddr { ${pods.join(', ')} } ${ip} daddr != { ${stays.join(', ')} } masquerade fully-random`;
    return [`add rule ${table} leaving ${rule} comment "pods leaving the cluster"`];
  });
  return [
    `add table ${table}`,
    `add chain ${table} leaving { type nat hook postrouting priority srcnat; policy accept; }`,
    `flush chain ${table} leaving`,
    ...families,
    '',
  ].join('\n');
}
