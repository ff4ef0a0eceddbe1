import type { NodeSettings } from '../../desired/node-settings.ts';
import {
  CANARY_CHAIN,
  FORWARD_CHAIN,
  IPTABLES_JUMPS,
  type Jump,
  KUBELET_FIREWALL_CHAIN,
  KUBELET_FIREWALL_JUMPS,
  MARK_MASQ_CHAIN,
  MARK_OUTSIDE_CHAIN,
  NODE_PORTS_CHAIN,
  POSTROUTING_CHAIN,
  type Table,
} from '../xtables/chains.ts';
import { comment, loopbackOf, markOf, markOutsideChain, single } from '../xtables/matches.ts';
import { OURS } from '../xtables/saved-tables.ts';

export interface FixedSettings extends NodeSettings {
  /** Packets that belong to no connection as the kernel sees it are let through: `nf_conntrack_tcp_be_liberal` is set. */
  readonly lenient: boolean;
}

export interface FixedChain {
  readonly table: Table;
  readonly chain: string;
  readonly rules: readonly string[];
}

/** The chains that depend on no service. */
export function fixedChains(settings: FixedSettings): FixedChain[] {
  const chains: FixedChain[] = [
    ...masqueradeChains(settings),
    { table: 'filter', chain: FORWARD_CHAIN, rules: forwardRules(settings) },
    ...(['mangle', 'nat', 'filter'] as const).map(table => ({ table, chain: CANARY_CHAIN, rules: [] })),
  ];
  const local = `${comment('block incoming localnet connections')} -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT`;
  if (settings.localhostNodePorts)
    // route_localnet would let others reach what listens on the loopback alone
    chains.push({
      table: 'filter',
      chain: KUBELET_FIREWALL_CHAIN,
      rules: [`! -s 127.0.0.0/8 -d 127.0.0.0/8 ${local} -j DROP`],
    });
  return chains;
}

/** What marks packets, and masquerades those that are marked: the same in iptables and IPVS mode. */
export function masqueradeChains(settings: NodeSettings): FixedChain[] {
  const mark = markOf(settings.masqueradeBit);
  const outside = markOutsideChain(settings);
  const chains: FixedChain[] = [
    { table: 'nat', chain: MARK_MASQ_CHAIN, rules: [`${OURS} -j MARK --set-xmark ${mark}/${mark}`] },
    {
      table: 'nat',
      chain: POSTROUTING_CHAIN,
      rules: [
        `-m mark ! --mark ${mark}/${mark} -j RETURN`,
        // so that a packet that comes by once more is not masqueraded again
        `-j MARK --set-xmark ${mark}/0x0`,
        `${comment('kubernetes service traffic requiring SNAT')} -j MASQUERADE --random-fully`,
      ],
    },
  ];
  if (outside !== undefined) chains.push({ table: 'nat', chain: MARK_OUTSIDE_CHAIN, rules: outside });
  return chains;
}

/** Traffic of services is forwarded even where the machine forwards nothing else. */
export function forwardRules({ masqueradeBit, lenient }: FixedSettings): string[] {
  const mark = markOf(masqueradeBit);
  return [
    ...(lenient ? [] : ['-m conntrack --ctstate INVALID -j DROP']),
    `${comment('kubernetes forwarding rules')} -m mark --mark ${mark}/${mark} -j ACCEPT`,
    `${comment('kubernetes forwarding conntrack rule')} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
  ];
}

/** The end of KUBE-SERVICES in `nat`: where nothing else took it, it may be for a node port. */
export function nodePortRules({ family, nodePorts, localhostNodePorts }: NodeSettings): string[] {
  const about = comment('kubernetes service nodeports; NOTE: this must be the last rule in this chain');
  if (nodePorts !== 'everywhere') return nodePorts.map(ip => `-d ${single(ip)} ${about} -j ${NODE_PORTS_CHAIN}`);
  const notLoopback = localhostNodePorts ? '' : `! -d ${loopbackOf(family)} `;
  return [`${notLoopback}${about} -m addrtype --dst-type LOCAL -j ${NODE_PORTS_CHAIN}`];
}

export function jumpsOf({ localhostNodePorts }: NodeSettings): readonly Jump[] {
  return localhostNodePorts ? [...IPTABLES_JUMPS, ...KUBELET_FIREWALL_JUMPS] : IPTABLES_JUMPS;
}
