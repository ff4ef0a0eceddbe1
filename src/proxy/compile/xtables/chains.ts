import { sha256Hex } from '../../../base/hash.ts';

export type Table = 'nat' | 'filter' | 'mangle';

/** Chains by upstream's names: tools and people look for them. */
export const SERVICES_CHAIN = 'KUBE-SERVICES';
export const EXTERNAL_SERVICES_CHAIN = 'KUBE-EXTERNAL-SERVICES';
export const NODE_PORTS_CHAIN = 'KUBE-NODEPORTS';
export const POSTROUTING_CHAIN = 'KUBE-POSTROUTING';
export const MARK_MASQ_CHAIN = 'KUBE-MARK-MASQ';
export const FORWARD_CHAIN = 'KUBE-FORWARD';
export const PROXY_FIREWALL_CHAIN = 'KUBE-PROXY-FIREWALL';
export const CANARY_CHAIN = 'KUBE-PROXY-CANARY';
/** The kubelet of upstream has this one too, with the same rule. */
export const KUBELET_FIREWALL_CHAIN = 'KUBE-FIREWALL';
/** Ours, and empty: stands beside KUBE-FIREWALL where the route to the loopback was closed before a proxy opened it, and is to be closed again before that chain goes. */
export const LOOPBACK_OPENED_CHAIN = 'KUBE-LOOPBACK-OPENED';
/** Stands in `mangle` where a kubelet of upstream looks after KUBE-FIREWALL. */
export const KUBELET_CANARY_CHAIN = 'KUBE-KUBELET-CANARY';
/** Ours: marks what comes from none of several networks of pods, which one rule cannot say. */
export const MARK_OUTSIDE_CHAIN = 'KUBE-MARK-OUTSIDE';

/** IPVS mode's. */
export const NODE_PORT_CHAIN = 'KUBE-NODE-PORT';
export const LOAD_BALANCER_CHAIN = 'KUBE-LOAD-BALANCER';
export const SOURCE_RANGES_CHAIN = 'KUBE-SOURCE-RANGES-FIREWALL';
export const IPVS_FILTER_CHAIN = 'KUBE-IPVS-FILTER';
export const IPVS_OUT_FILTER_CHAIN = 'KUBE-IPVS-OUT-FILTER';

const FIXED: Readonly<Record<Table, readonly string[]>> = {
  nat: [
    SERVICES_CHAIN,
    NODE_PORTS_CHAIN,
    POSTROUTING_CHAIN,
    MARK_MASQ_CHAIN,
    MARK_OUTSIDE_CHAIN,
    CANARY_CHAIN,
    NODE_PORT_CHAIN,
    LOAD_BALANCER_CHAIN,
  ],
  filter: [
    SERVICES_CHAIN,
    EXTERNAL_SERVICES_CHAIN,
    NODE_PORTS_CHAIN,
    FORWARD_CHAIN,
    PROXY_FIREWALL_CHAIN,
    CANARY_CHAIN,
    KUBELET_FIREWALL_CHAIN,
    LOOPBACK_OPENED_CHAIN,
    NODE_PORT_CHAIN,
    SOURCE_RANGES_CHAIN,
    IPVS_FILTER_CHAIN,
    IPVS_OUT_FILTER_CHAIN,
  ],
  mangle: [CANARY_CHAIN],
};

/** How chains of the table `nat` begin that belong to one service or endpoint. */
export const SERVICE_CHAIN_PREFIXES = ['KUBE-SVC-', 'KUBE-SVL-', 'KUBE-EXT-', 'KUBE-FW-', 'KUBE-SEP-'] as const;

export type ServiceChainKind = 'SVC' | 'SVL' | 'EXT' | 'FW';

/** Whether a chain is one that a proxy of iptables or IPVS mode makes. */
export function isProxyChain(table: Table, name: string): boolean {
  return (
    FIXED[table].includes(name) ||
    (table === 'nat' && SERVICE_CHAIN_PREFIXES.some(prefix => name.startsWith(prefix) && name.length > prefix.length))
  );
}

/** `KUBE-SVC-ERIFXISQEP7F7OF4`, upstream's name for a port (`namespace/name:port`) and protocol. */
export function serviceChain(kind: ServiceChainKind, portName: string, protocol: string): string {
  return `KUBE-${kind}-${suffix(portName + protocol)}`;
}

/** `KUBE-SEP-…`, upstream's name for an endpoint (`ip:port`, `[ip]:port`) of a port. */
export function endpointChain(portName: string, protocol: string, endpoint: string): string {
  return `KUBE-SEP-${suffix(portName + protocol + endpoint)}`;
}

/** 16 characters, as upstream makes them: names of chains are 28 long at most. */
function suffix(text: string): string {
  return base32(Buffer.from(sha256Hex(text), 'hex')).slice(0, 16);
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function base32(bytes: Uint8Array): string {
  let text = '';
  let value = 0;
  let bits = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += ALPHABET[(value >>> (bits - 5)) & 31];
  }
  return text;
}

/** A rule that leads from a chain of the kernel into one of ours, as iptables-save writes it. */
export interface Jump {
  readonly table: Table;
  readonly from: string;
  readonly to: string;
  readonly rule: string;
}

const NEW = '-m conntrack --ctstate NEW';

function jump(table: Table, to: string, from: string, match: string, comment: string): Jump {
  const words = [match, comment === '' ? '' : `-m comment --comment "${comment}"`, `-j ${to}`];
  return { table, from, to, rule: words.filter(word => word !== '').join(' ') };
}

const EXTERNAL = 'kubernetes externally-visible service portals';
const PORTALS = 'kubernetes service portals';
const FIREWALL = 'kubernetes load balancer firewall';
const POSTROUTING = jump('nat', POSTROUTING_CHAIN, 'POSTROUTING', '', 'kubernetes postrouting rules');
const NAT_SERVICES = ['OUTPUT', 'PREROUTING'].map(from => jump('nat', SERVICES_CHAIN, from, '', PORTALS));

/** Upstream's, in its order: each goes before those that are there. */
export const IPTABLES_JUMPS: readonly Jump[] = [
  ...['INPUT', 'FORWARD'].map(from => jump('filter', EXTERNAL_SERVICES_CHAIN, from, NEW, EXTERNAL)),
  jump('filter', NODE_PORTS_CHAIN, 'INPUT', '', 'kubernetes health check service ports'),
  ...['FORWARD', 'OUTPUT'].map(from => jump('filter', SERVICES_CHAIN, from, NEW, PORTALS)),
  jump('filter', FORWARD_CHAIN, 'FORWARD', '', 'kubernetes forwarding rules'),
  ...['INPUT', 'OUTPUT', 'FORWARD'].map(from => jump('filter', PROXY_FIREWALL_CHAIN, from, NEW, FIREWALL)),
  ...NAT_SERVICES,
  POSTROUTING,
];

/** Where KUBE-FIREWALL is wanted: upstream's, without words on it. */
export const KUBELET_FIREWALL_JUMPS: readonly Jump[] = ['INPUT', 'OUTPUT'].map(from =>
  jump('filter', KUBELET_FIREWALL_CHAIN, from, '', ''),
);

/** IPVS mode's. */
export const IPVS_JUMPS: readonly Jump[] = [
  ...NAT_SERVICES,
  POSTROUTING,
  jump('filter', FORWARD_CHAIN, 'FORWARD', '', 'kubernetes forwarding rules'),
  jump('filter', NODE_PORT_CHAIN, 'INPUT', '', 'kubernetes health check rules'),
  ...['INPUT', 'FORWARD'].map(from => jump('filter', PROXY_FIREWALL_CHAIN, from, '', 'kube-proxy firewall rules')),
  jump('filter', IPVS_FILTER_CHAIN, 'INPUT', '', 'kubernetes ipvs access filter'),
  jump('filter', IPVS_OUT_FILTER_CHAIN, 'OUTPUT', '', 'kubernetes ipvs access filter'),
];

/** Every jump that a proxy of either mode makes. */
export const ALL_JUMPS: readonly Jump[] = [...IPTABLES_JUMPS, ...KUBELET_FIREWALL_JUMPS, ...IPVS_JUMPS];
