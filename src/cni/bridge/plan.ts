import { bigIntToIp, formatCidr, type IpFamily, ipBytes, ipFamily, parseCidr } from '../../base/cidr.ts';
import { fnv128aHex } from '../../base/hash.ts';
import type { AllocatedAddress } from '../host-local/plan.ts';
import type { CniResult } from '../protocol/result.ts';
import type { BridgeConfig } from './config.ts';

export interface BridgePlan {
  readonly bridge: {
    readonly name: string;
    readonly mac: string;
    readonly mtu: number | undefined;
    readonly addresses: readonly PlannedAddress[];
    /** Which families the machine must forward. */
    readonly forward: readonly IpFamily[];
  };
  /** An nft transaction that can be run any number of times; empty when nothing is to be masqueraded. */
  readonly masquerade: string;
}

export interface PlannedAddress {
  readonly ip: string;
  readonly prefix: number;
}

export interface PodPlan {
  readonly hostLink: string;
  readonly mac: string;
  readonly addresses: readonly PlannedAddress[];
  readonly routes: readonly { readonly destination: string; readonly gateway: string | undefined }[];
}

/** The table that holds everything this plugin says to nftables. */
export const MASQUERADE_TABLE = 'inet gantry_cni';

/** What the network needs once, before its first pod. */
export function planBridge(config: BridgeConfig): BridgePlan {
  const ranges = config.rangeSets.flatMap(set => set.ranges);
  const gateways = new Map(
    ranges.map(({ subnet, gateway }) => [bigIntToIp(gateway, subnet.family), subnet.prefix] as const),
  );
  const addresses = [...gateways].map(([ip, prefix]) => ({ ip, prefix }));
  return {
    bridge: {
      name: config.bridge,
      mac: macOf(addresses[0]?.ip ?? '', config.bridge),
      mtu: config.mtu,
      addresses: config.isGateway ? addresses : [],
      forward: config.isGateway ? ([4, 6] as const).filter(f => ranges.some(r => r.subnet.family === f)) : [],
    },
    masquerade: config.ipMasq ? masqueradeText(config) : '',
  };
}

/** What one pod needs. */
export function planPod(
  config: BridgeConfig,
  containerId: string,
  ifname: string,
  addresses: readonly AllocatedAddress[],
): PodPlan {
  const gatewayOf = new Map(
    addresses.map(({ range }) => [range.subnet.family, bigIntToIp(range.gateway, range.subnet.family)] as const),
  );
  const given = config.routes.map(route => ({
    destination: route.destination,
    gateway: route.gateway ?? gatewayOf.get(parseCidr(route.destination).family),
  }));
  const has = (destination: string): boolean => given.some(r => formatCidr(parseCidr(r.destination)) === destination);
  const defaults = config.isDefaultGateway
    ? [...gatewayOf].flatMap(([family, gateway]) => {
        const destination = family === 4 ? '0.0.0.0/0' : '::/0';
        return has(destination) ? [] : [{ destination, gateway }];
      })
    : [];
  return {
    hostLink: hostLinkName(containerId, ifname),
    mac: macOf(addresses[0]?.ip ?? '', containerId),
    addresses: addresses.map(({ ip, range }) => ({ ip, prefix: range.subnet.prefix })),
    routes: [...given, ...defaults],
  };
}

/** The near end's name: the same for one attachment every time (44 bits of hash), so that what a crash left behind can be found. */
export function hostLinkName(containerId: string, ifname: string): string {
  return `veth${fnv128aHex(`${containerId} ${ifname}`).slice(-11)}`;
}

/** The link through which goes what a limited pod sends: the near end's name with another beginning. */
export function egressLinkName(containerId: string, ifname: string): string {
  return hostLinkName(containerId, ifname).replace(/^veth/, 'ifb');
}

/**
 * A MAC made from the address (0a:58 and the IPv4 bytes, as others do; else the hash of the address): whoever gets an address later answers with
 * the same MAC, so no neighbour's cache can be stale.
 */
export function macOf(ip: string, otherwise: string): string {
  const bytes =
    ip !== '' && ipFamily(ip) === 4 ? ipBytes(ip).toString('hex') : fnv128aHex(ip === '' ? otherwise : ip).slice(-8);
  return `0a58${bytes}`.replace(/(..)(?=.)/g, '$1:');
}

export function planResult(
  config: BridgeConfig,
  pod: PodPlan,
  place: { ifname: string; netns: string; bridgeMac: string; hostMac: string; mtu: number },
  addresses: readonly AllocatedAddress[],
): CniResult {
  return {
    interfaces: [
      { name: config.bridge, mac: place.bridgeMac, mtu: place.mtu },
      { name: pod.hostLink, mac: place.hostMac, mtu: place.mtu },
      { name: place.ifname, mac: pod.mac, mtu: place.mtu, sandbox: place.netns },
    ],
    ips: addresses.map(({ ip, range }) => ({
      address: `${ip}/${range.subnet.prefix}`,
      gateway: bigIntToIp(range.gateway, range.subnet.family),
      interface: 2,
    })),
    routes: pod.routes.map(({ destination, gateway }) => ({
      dst: destination,
      ...(gateway === undefined ? {} : { gw: gateway }),
    })),
    dns: config.dns,
  };
}

/** The chain of a network that masquerades, and the subnets that have a rule in it: none where that is switched off. */
export function masqueradeRules(config: BridgeConfig): { chain: string; subnets: readonly string[] } {
  const ranges = config.ipMasq ? config.rangeSets.flatMap(set => set.ranges) : [];
  return {
    chain: masqueradeChain(config.network),
    subnets: [...new Set(ranges.map(({ subnet }) => formatCidr(subnet)))],
  };
}

function masqueradeChain(network: string): string {
  return `${MASQUERADE_TABLE} masquerade_${fnv128aHex(network).slice(-8)}`;
}

/**
 * One chain per network, with a rule per subnet, made anew in one transaction: what leaves the pod network and is not multicast gets the address of
 * the way out. nft takes names of letters, digits, `_`, `/`, `\` and `.`; a network's may hold `-` too, hence the hash.
 */
function masqueradeText(config: BridgeConfig): string {
  const chain = masqueradeChain(config.network);
  const subnets = config.rangeSets.flatMap(set => set.ranges.map(range => range.subnet));
  const own = (family: IpFamily): string[] => [
    ...new Set(subnets.filter(subnet => subnet.family === family).map(formatCidr)),
  ];
  const rules = ([4, 6] as const).flatMap(family => {
    const [word, multicast] = family === 4 ? ['ip', '224.0.0.0/4'] : ['ip6', 'ff00::/8'];
    const all = own(family);
    return all.map(
      subnet =>
        `add rule ${chain} ${word} saddr ${subnet} ${word} daddr != { ${[...all, multicast].join(', ')} } masquerade comment "pods of ${config.network}"`,
    );
  });
  return [
    `add table ${MASQUERADE_TABLE}`,
    `add chain ${chain} { type nat hook postrouting priority srcnat; policy accept; }`,
    `flush chain ${chain}`,
    ...rules,
    '',
  ].join('\n');
}
