import { bigIntToIp, type Cidr, formatCidr, lastAddress, parseCidr } from '../../base/cidr.ts';
import { errorMessage, failedPrecondition, invalidArgument } from '../../base/errors.ts';
import { fnv32a } from '../../base/hash.ts';

/** The network of one cluster's hosts: a bridge of its own, and the way out. */
export interface ClusterNetwork {
  readonly bridge: string;
  /** Our nft table, of this cluster alone. */
  readonly table: string;
  readonly subnet: string;
  /** The bridge's own address: the hosts' way out. */
  readonly gateway: string;
}

export interface HostLink {
  /** The end on the machine, a port of the bridge. */
  readonly near: string;
  readonly address: string;
  readonly prefix: number;
  readonly mac: string;
}

/** Clusters take /24 networks of this range, in order: 256 of them. Nothing that is widely used by default lies in it. */
const POOL = '10.210.0.0/16';
const NETWORK_PREFIX = 24;
/** A link's name has at most 15 characters (IFNAMSIZ - 1). */
const LINK_NAME_LIMIT = 15;

/** The network of the cluster in this subnet. */
export function clusterNetwork(cluster: string, subnet: string): ClusterNetwork {
  const { base, family } = parseCidr(subnet);
  return {
    bridge: bridgeName(cluster),
    table: `gantry-cluster-${cluster}`,
    subnet,
    gateway: bigIntToIp(base + 1n, family),
  };
}

/** `gantry-demo`; a longer name, and one that looks like a hash, is told by its hash. */
export function bridgeName(cluster: string): string {
  const plain = `gantry-${cluster}`;
  return plain.length <= LINK_NAME_LIMIT && !/^[0-9a-f]{8}$/.test(cluster) ? plain : `gantry-${hash(cluster)}`;
}

/** The n-th host's link, n from 0 on. */
export function hostLink(cluster: string, { subnet }: ClusterNetwork, index: number): HostLink {
  const cidr = parseCidr(subnet);
  const address = cidr.base + 2n + BigInt(index);
  if (address >= lastAddress(cidr)) throw invalidArgument(`the subnet ${subnet} has no address for node ${index + 1}`);
  return {
    near: `gantry${hash(cluster).slice(0, 6)}-${index}`,
    address: bigIntToIp(address, cidr.family),
    prefix: cidr.prefix,
    // locally administered, and never another's on the same bridge
    mac: `02:67:${address
      .toString(16)
      .padStart(8, '0')
      .replace(/(..)(?=.)/g, '$1:')}`,
  };
}

/**
 * The subnet that was asked for, or the first free one. Throws `failed-precondition` that says whose it is when it meets a network that the machine
 * reaches, another cluster's or one that is used inside.
 */
export function chooseSubnet(
  asked: string | undefined,
  taken: readonly { readonly cidr: string; readonly by: string }[],
): string {
  const meeting = (subnet: Cidr): (typeof taken)[number] | undefined =>
    taken.find(({ cidr }) => overlap(parseCidr(cidr), subnet));
  if (asked !== undefined) {
    const subnet = askedSubnet(asked);
    if (subnet.family !== 4 || subnet.prefix < 8 || subnet.prefix > 29)
      throw invalidArgument(`--subnet ${asked}: give an IPv4 network with a prefix from /8 to /29`);
    const other = meeting(subnet);
    if (other !== undefined)
      throw failedPrecondition(`--subnet ${asked} meets ${other.cidr}, which is ${other.by}: give another`);
    return formatCidr(subnet);
  }
  const pool = parseCidr(POOL);
  for (let i = 0n; i < 256n; i += 1n) {
    const subnet: Cidr = { family: 4, prefix: NETWORK_PREFIX, base: pool.base + i * 256n };
    if (meeting(subnet) === undefined) return formatCidr(subnet);
  }
  throw failedPrecondition(`no free /${NETWORK_PREFIX} network is left in ${POOL}: name one with --subnet`);
}

function askedSubnet(asked: string): Cidr {
  try {
    return parseCidr(asked);
  } catch (error) {
    throw invalidArgument(`--subnet: ${errorMessage(error)}: give an IPv4 network, as 10.210.7.0/24`);
  }
}

function overlap(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && a.base <= lastAddress(b) && b.base <= lastAddress(a);
}

/**
 * The rules: what leaves the subnet is masqueraded, hosts of other clusters are not reached, and a resolver that listens on the machine's loopback is
 * found at the gateway.
 */
export function networkRules({ table, bridge, subnet, gateway }: ClusterNetwork, localResolver?: string): string {
  const resolver =
    localResolver === undefined
      ? []
      : [
          '  chain prerouting {',
          '    type nat hook prerouting priority dstnat',
          `    iifname "${bridge}" ip daddr ${gateway} udp dport 53 dnat to ${localResolver}`,
          `    iifname "${bridge}" ip daddr ${gateway} tcp dport 53 dnat to ${localResolver}`,
          '  }',
        ];
  return [
    `table ip ${table} {}`,
    `delete table ip ${table}`,
    `table ip ${table} {`,
    '  chain postrouting {',
    '    type nat hook postrouting priority srcnat',
    `    ip saddr ${subnet} ip daddr != ${subnet} masquerade`,
    '  }',
    '  chain forward {',
    '    type filter hook forward priority filter',
    `    iifname "${bridge}" oifname != "${bridge}" oifname "gantry-*" drop`,
    '  }',
    ...resolver,
    '}',
    '',
  ].join('\n');
}

/** What the hosts' /etc/resolv.conf is made of. */
export interface Resolver {
  readonly text: string;
  /** On the machine's loopback, so that it is found at the gateway only by a rule. */
  readonly local: string | undefined;
}

/**
 * The machine's resolver as the hosts of a cluster can use it: servers elsewhere are named as they are; of those on loopback the first is reached through
 * the gateway.
 */
export function hostResolver(resolvConf: string, gateway: string): Resolver {
  const lines = resolvConf.split('\n').map(line => line.trim());
  const servers = lines.flatMap(line => /^nameserver\s+([0-9.]+)$/.exec(line)?.[1] ?? []);
  const remote = servers.filter(server => !server.startsWith('127.'));
  const others = lines.filter(line => /^(search|domain|options)\s/.test(line));
  const local = remote.length === 0 ? servers[0] : undefined;
  const named = local === undefined ? remote : [gateway];
  return { text: [...named.map(server => `nameserver ${server}`), ...others, ''].join('\n'), local };
}

function hash(text: string): string {
  return fnv32a(text).toString(16).padStart(8, '0');
}
