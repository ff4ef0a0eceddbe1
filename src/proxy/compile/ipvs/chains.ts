import type { NodeSettings } from '../../desired/node-settings.ts';
import { type FixedChain, masqueradeChains } from '../iptables/fixed-rules.ts';
import {
  CANARY_CHAIN,
  FORWARD_CHAIN,
  IPVS_FILTER_CHAIN,
  IPVS_OUT_FILTER_CHAIN,
  LOAD_BALANCER_CHAIN,
  MARK_MASQ_CHAIN,
  NODE_PORT_CHAIN,
  POSTROUTING_CHAIN,
  PROXY_FIREWALL_CHAIN,
  SERVICES_CHAIN,
  SOURCE_RANGES_CHAIN,
} from '../xtables/chains.ts';
import { comment, fromPods, loopbackOf, markOf, marksOutside, single } from '../xtables/matches.ts';
import { type SetId, setName } from './sets.ts';

/** The chains of IPVS mode: what differs from service to service stands in ipsets, but for load balancers that are closed to the node (`ip,protocol:port`). */
export function ipvsChains(settings: NodeSettings, closedToNode: readonly string[]): FixedChain[] {
  const { family, masqueradeBit } = settings;
  const match = (id: SetId, parts: string): string => `-m set --match-set ${setName(id, family)} ${parts}`;
  const mark = markOf(masqueradeBit);
  const masquerade = masqueradeChains(settings).map(chain =>
    chain.chain === POSTROUTING_CHAIN
      ? {
          ...chain,
          rules: [
            `${comment('Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose')} ${match('loopBack', 'dst,dst,src')} -j MASQUERADE`,
            ...chain.rules,
          ],
        }
      : chain,
  );
  return [
    ...masquerade,
    { table: 'nat', chain: SERVICES_CHAIN, rules: servicesRules(settings, match) },
    { table: 'nat', chain: NODE_PORT_CHAIN, rules: nodePortRules(match) },
    {
      table: 'nat',
      chain: LOAD_BALANCER_CHAIN,
      rules: [`${match('loadBalancerLocal', 'dst,dst')} -j RETURN`, `-j ${MARK_MASQ_CHAIN}`],
    },
    {
      table: 'filter',
      chain: FORWARD_CHAIN,
      rules: [
        `${comment('kubernetes forwarding rules')} -m mark --mark ${mark}/${mark} -j ACCEPT`,
        `${comment('kubernetes forwarding conntrack rule')} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
      ],
    },
    {
      table: 'filter',
      chain: NODE_PORT_CHAIN,
      rules: [
        `-p tcp ${comment('Kubernetes health check node port')} ${match('healthCheckNodePort', 'dst')} -j ACCEPT`,
      ],
    },
    { table: 'filter', chain: PROXY_FIREWALL_CHAIN, rules: firewallRules(settings, match) },
    {
      table: 'filter',
      chain: SOURCE_RANGES_CHAIN,
      rules: [
        `${match('loadBalancerSourceCidr', 'dst,dst,src')} -j RETURN`,
        `${match('loadBalancerSourceIp', 'dst,dst,src')} -j RETURN`,
        '-j DROP',
      ],
    },
    { table: 'filter', chain: IPVS_FILTER_CHAIN, rules: filterRules(settings, match) },
    { table: 'filter', chain: IPVS_OUT_FILTER_CHAIN, rules: closedToNode.toSorted().map(closedRule) },
    ...(['mangle', 'nat', 'filter'] as const).map(table => ({ table, chain: CANARY_CHAIN, rules: [] })),
  ];
}

type Match = (id: SetId, parts: string) => string;

function servicesRules(settings: NodeSettings, match: Match): string[] {
  const cluster = comment('Kubernetes service cluster ip + port for masquerade purpose');
  const outside = marksOutside(settings, { destination: '', match: `${cluster} ${match('clusterIp', 'dst,dst')}` });
  return [
    `-s ${loopbackOf(settings.family)} -j RETURN`,
    `${match('loadBalancer', 'dst,dst')} -j ${LOAD_BALANCER_CHAIN}`,
    ...outside,
    // the machine takes a service's address for its own end where it asks it: no answer finds that
    ...(outside.length === 0 ? [`${cluster} ${match('clusterIp', 'src,dst')} -j ${MARK_MASQ_CHAIN}`] : []),
    `${match('externalIp', 'dst,dst')} -j ${MARK_MASQ_CHAIN}`,
    // with an endpoint on another node, the machine asks from its own address
    `-m addrtype --src-type LOCAL ${match('externalIpLocal', 'dst,dst')} -j ${MARK_MASQ_CHAIN}`,
    `-m addrtype --src-type LOCAL ${match('loadBalancer', 'dst,dst')} -j ${MARK_MASQ_CHAIN}`,
    `-m addrtype --dst-type LOCAL -j ${NODE_PORT_CHAIN}`,
  ];
}

function nodePortRules(match: Match): string[] {
  const rules = (protocol: string, local: SetId, all: SetId, parts: string): string[] => [
    `-p ${protocol} -m addrtype --src-type LOCAL ${match(local, parts)} -j ${MARK_MASQ_CHAIN}`,
    `-p ${protocol} ${match(local, parts)} -j RETURN`,
    `-p ${protocol} ${match(all, parts)} -j ${MARK_MASQ_CHAIN}`,
  ];
  return [
    ...rules('tcp', 'nodePortLocalTcp', 'nodePortTcp', 'dst'),
    ...rules('udp', 'nodePortLocalUdp', 'nodePortUdp', 'dst'),
    ...rules('sctp', 'nodePortLocalSctp', 'nodePortSctp', 'dst,dst'),
  ];
}

/** Before IPVS sees a packet that comes in: who may not use a load balancer, and outsiders where all endpoints are elsewhere. */
function firewallRules({ localPods }: NodeSettings, match: Match): string[] {
  const pods =
    localPods === undefined
      ? []
      : fromPods(localPods).map(from => `${from} ${match('elsewhere', 'dst,dst')} -j RETURN`);
  return [
    `${match('loadBalancerFw', 'dst,dst')} -j ${SOURCE_RANGES_CHAIN}`,
    ...pods,
    `-m conntrack --ctstate NEW -m addrtype ! --src-type LOCAL ${match('elsewhere', 'dst,dst')} -j DROP`,
  ];
}

/** The addresses of services are the machine's own, with all that listens on it: they answer nothing but services. */
function filterRules({ family }: NodeSettings, match: Match): string[] {
  const known: readonly (readonly [SetId, string])[] = [
    ['loadBalancer', 'dst,dst'],
    ['clusterIp', 'dst,dst'],
    ['externalIp', 'dst,dst'],
    ['externalIpLocal', 'dst,dst'],
    ['healthCheckNodePort', 'dst'],
  ];
  const other = `-m conntrack --ctstate NEW ${match('ipvsIps', 'dst')} -j REJECT --reject-with`;
  return [
    ...known.map(([id, parts]) => `${match(id, parts)} -j RETURN`),
    `-p tcp ${other} tcp-reset`,
    `${other} ${family === 4 ? 'icmp' : 'icmp6'}-port-unreachable`,
  ];
}

/** Of what the machine itself sends: IPVS has it on its way already, and the source is the address of the load balancer. */
function closedRule(entry: string): string {
  const [ip = '', rest = ''] = entry.split(',');
  const [protocol = '', port = ''] = rest.split(':');
  return `-s ${single(ip)} -m ipvs --vproto ${protocol} --vaddr ${single(ip)} --vport ${port} -j DROP`;
}
