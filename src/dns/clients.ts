import { BlockList, isIP, isIPv6 } from 'node:net';
import type { Node } from '../api/types/gen/core-v1.ts';
import { bigIntToIp, parseCidr } from '../base/cidr.ts';
import type { Informers } from '../client/informers.ts';

const NODES = { group: '', version: 'v1', plural: 'nodes' };

/** Who may ask on an address that others than the own pods can reach: a server that answers everybody helps attacks on third parties. */
export interface Clients {
  may(address: string): boolean;
}

/** The pods and the nodes of the cluster, and the machine itself. Before the informers run. */
export function clusterClients(informers: Informers): Clients {
  const nodes = informers.of<Node>(NODES);
  let allowed: BlockList | undefined;
  nodes.onChange(() => {
    allowed = undefined;
  });
  return {
    may(address) {
      allowed ??= clientsOf(nodes.store.list());
      return allowed.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
    },
  };
}

/** Loopback, the addresses of the nodes and the networks of their pods. What a node says of itself is not checked by the API: what is no address is passed over. */
export function clientsOf(nodes: readonly Node[]): BlockList {
  const list = new BlockList();
  list.addSubnet('127.0.0.0', 8, 'ipv4');
  list.addAddress('::1', 'ipv6');
  for (const { spec, status } of nodes) {
    for (const { type, address } of status?.addresses ?? [])
      if (type === 'InternalIP' && isIP(address) !== 0) list.addAddress(address, isIPv6(address) ? 'ipv6' : 'ipv4');
    for (const cidr of spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR])) {
      const { family, base, prefix } = parseCidr(cidr);
      list.addSubnet(bigIntToIp(base, family), prefix, family === 6 ? 'ipv6' : 'ipv4');
    }
  }
  return list;
}
