import type { IpFamily } from '../../../base/cidr.ts';
import { ipToBigInt } from '../../../base/cidr.ts';
import { isIn } from '../../../base/cidr-list.ts';
import { type Endpoint, endpointKey } from '../../desired/endpoint.ts';
import type { NodeSettings } from '../../desired/node-settings.ts';
import { isExternallyAccessible, type ServicePort } from '../../desired/service-port.ts';
import type { CompiledPort, CompiledService } from '../compiled-service.ts';
import {
  EXTERNAL_SERVICES_CHAIN,
  endpointChain,
  MARK_MASQ_CHAIN,
  NODE_PORTS_CHAIN,
  PROXY_FIREWALL_CHAIN,
  SERVICES_CHAIN,
  serviceChain,
} from '../xtables/chains.ts';
import { comment, fromPods, marksOutside, portMatch, single } from '../xtables/matches.ts';

/** The chains that services share, which a service has rules in. */
export const SHARED_CHAINS = [
  { table: 'nat', chain: SERVICES_CHAIN },
  { table: 'nat', chain: NODE_PORTS_CHAIN },
  { table: 'filter', chain: SERVICES_CHAIN },
  { table: 'filter', chain: EXTERNAL_SERVICES_CHAIN },
  { table: 'filter', chain: NODE_PORTS_CHAIN },
  { table: 'filter', chain: PROXY_FIREWALL_CHAIN },
] as const;

/** `nat KUBE-SERVICES` */
export type SharedChain = `${(typeof SHARED_CHAINS)[number]['table']} ${(typeof SHARED_CHAINS)[number]['chain']}`;

/** The rules of one service, without the names of the chains before them. */
export interface ServiceRules {
  /** Chains of the table `nat` that are the service's own. */
  readonly own: ReadonlyMap<string, readonly string[]>;
  readonly shared: ReadonlyMap<SharedChain, readonly string[]>;
}

export interface RuleSettings extends NodeSettings {
  /** Words on the rules of endpoints: upstream leaves them out where endpoints are many, which spares nearly half of the text. */
  readonly endpointComments: boolean;
}

/** The rules of a service (`namespace/name`), as iptables-save writes them. */
export function serviceRules(key: string, service: CompiledService, settings: RuleSettings): ServiceRules {
  const own = new Map<string, string[]>();
  const shared = new Map<SharedChain, string[]>();
  for (const compiled of service.ports) {
    const rules = new PortRules(key, compiled, settings);
    for (const [chain, texts] of rules.own()) own.set(chain, texts);
    for (const [chain, text] of rules.shared()) shared.set(chain, [...(shared.get(chain) ?? []), text]);
  }
  return { own, shared };
}

type Refusal = { readonly why: string; readonly target: string } | undefined;

class PortRules {
  readonly #port: ServicePort;
  readonly #cluster: readonly Endpoint[];
  readonly #local: readonly Endpoint[];
  readonly #hasAny: boolean;
  readonly #settings: RuleSettings;
  /** `namespace/name:port` */
  readonly #name: string;

  constructor(key: string, { port, usable }: CompiledPort, settings: RuleSettings) {
    this.#port = port;
    this.#cluster = usable.cluster;
    this.#local = usable.local;
    this.#hasAny = usable.hasAny;
    this.#settings = settings;
    this.#name = port.name === '' ? key : `${key}:${port.name}`;
  }

  /** What leads to the port, or refuses it. */
  *shared(): Generator<readonly [SharedChain, string]> {
    const { clusterIp, port, externalIps, loadBalancerIps, nodePort, healthCheckNodePort, protocol } = this.#port;
    const to = (ip: string, about: string, target: string): string =>
      `-d ${single(ip)} ${portMatch(protocol, port, comment(`${this.#name} ${about}`))} -j ${target}`;
    const internal = this.#internalRefusal();
    if (internal === undefined) yield ['nat KUBE-SERVICES', to(clusterIp, 'cluster IP', this.#internalChain)];
    else yield ['filter KUBE-SERVICES', to(clusterIp, internal.why, internal.target)];

    const refusal = this.#externalRefusal();
    const external = this.#chain('EXT');
    const firewalled = this.#usesFirewall;
    for (const ip of externalIps) if (this.#hasAny) yield ['nat KUBE-SERVICES', to(ip, 'external IP', external)];
    for (const ip of loadBalancerIps) {
      if (this.#hasAny)
        yield ['nat KUBE-SERVICES', to(ip, 'loadbalancer IP', firewalled ? this.#chain('FW') : external)];
      if (firewalled)
        yield ['filter KUBE-PROXY-FIREWALL', to(ip, `traffic not accepted by ${this.#chain('FW')}`, 'DROP')];
    }
    if (refusal !== undefined)
      for (const ip of [...externalIps, ...loadBalancerIps])
        yield ['filter KUBE-EXTERNAL-SERVICES', to(ip, refusal.why, refusal.target)];
    if (nodePort !== undefined) {
      if (this.#hasAny)
        yield ['nat KUBE-NODEPORTS', `${portMatch(protocol, nodePort, comment(this.#name))} -j ${external}`];
      if (refusal !== undefined) {
        const match = `${comment(`${this.#name} ${refusal.why}`)} -m addrtype --dst-type LOCAL`;
        yield ['filter KUBE-EXTERNAL-SERVICES', `${portMatch(protocol, nodePort, match)} -j ${refusal.target}`];
      }
    }
    if (healthCheckNodePort !== undefined) {
      const about = comment(`${this.#name} health check node port`);
      yield ['filter KUBE-NODEPORTS', `${portMatch('tcp', healthCheckNodePort, about)} -j ACCEPT`];
    }
  }

  /** The chains of the port, each with its rules. */
  *own(): Generator<readonly [string, string[]]> {
    if (this.#hasAny && isExternallyAccessible(this.#port)) yield [this.#chain('EXT'), [...this.#externalRules()]];
    if (this.#usesFirewall) yield [this.#chain('FW'), [...this.#firewallRules()]];
    const { internalLocal } = this.#port;
    if (this.#cluster.length > 0)
      yield [this.#chain('SVC'), [...this.#outsideRules(!internalLocal), ...this.#choice(this.#cluster)]];
    if (this.#local.length > 0)
      yield [this.#chain('SVL'), [...this.#outsideRules(internalLocal), ...this.#choice(this.#local)]];
    const endpoints = new Map([...this.#cluster, ...this.#local].map(each => [endpointKey(each), each]));
    for (const endpoint of endpoints.values()) yield [this.#endpointChain(endpoint), this.#endpointRules(endpoint)];
  }

  /** Refused where nobody serves it; dropped where somebody does, elsewhere. */
  #internalRefusal(): Refusal {
    return this.#refusal(this.#port.internalLocal);
  }

  #externalRefusal(): Refusal {
    return this.#refusal(this.#port.externalLocal);
  }

  #refusal(isLocal: boolean): Refusal {
    const target = rejectTarget(this.#settings.family, this.#port.protocol);
    if (!this.#hasAny) return { why: 'has no endpoints', target };
    if (isLocal && this.#local.length === 0) return { why: 'has no local endpoints', target: 'DROP' };
    return undefined;
  }

  get #internalChain(): string {
    return this.#chain(this.#port.internalLocal ? 'SVL' : 'SVC');
  }

  get #usesFirewall(): boolean {
    return this.#hasAny && this.#port.loadBalancerIps.length > 0 && this.#port.sourceRanges.length > 0;
  }

  #chain(kind: 'SVC' | 'SVL' | 'EXT' | 'FW'): string {
    return serviceChain(kind, this.#name, this.#port.protocol);
  }

  #endpointChain(endpoint: Endpoint): string {
    return endpointChain(this.#name, this.#port.protocol, hostPort(endpoint));
  }

  /** What comes from outside of the cluster gets this node's address: an endpoint may be on another. In the chain that the cluster IP leads to. */
  #outsideRules(isInternal: boolean): string[] {
    if (!isInternal) return [];
    const { clusterIp, protocol, port } = this.#port;
    const about = comment(`${this.#name} cluster IP`);
    return marksOutside(this.#settings, {
      destination: `-d ${single(clusterIp)}`,
      match: portMatch(protocol, port, about),
    });
  }

  *#externalRules(): Generator<string> {
    const name = this.#name;
    if (!this.#port.externalLocal) {
      yield `${comment(`masquerade traffic for ${name} external destinations`)} -j ${MARK_MASQ_CHAIN}`;
    } else if (this.#cluster.length > 0) {
      const { localPods } = this.#settings;
      // as if it had gone out to a load balancer and come back: neither policy counts
      for (const from of localPods === undefined ? [] : fromPods(localPods))
        yield `${from} ${comment(`pod traffic for ${name} external destinations`)} -j ${this.#chain('SVC')}`;
      const fromHere = '-m addrtype --src-type LOCAL';
      yield `${comment(`masquerade LOCAL traffic for ${name} external destinations`)} ${fromHere} -j ${MARK_MASQ_CHAIN}`;
      yield `${comment(`route LOCAL traffic for ${name} external destinations`)} ${fromHere} -j ${this.#chain('SVC')}`;
    }
    if (this.#externalRefusal() === undefined) yield `-j ${this.#chain(this.#port.externalLocal ? 'SVL' : 'SVC')}`;
  }

  /** Who gets to its end was not let in: nothing translates it, and KUBE-PROXY-FIREWALL drops it. */
  *#firewallRules(): Generator<string> {
    const { sourceRanges, loadBalancerIps } = this.#port;
    const { nodeIps, family } = this.#settings;
    const external = `${comment(`${this.#name} loadbalancer IP`)} -j ${this.#chain('EXT')}`;
    for (const range of sourceRanges) yield `-s ${range} ${external}`;
    // where the address is one of the machine's own, it is what the kernel takes for its connections there
    if (nodeIps.some(ip => isIn(ipToBigInt(ip), family, sourceRanges)))
      for (const ip of loadBalancerIps) yield `-s ${single(ip)} ${external}`;
    yield comment(`other traffic to ${this.#name} will be dropped by ${PROXY_FIREWALL_CHAIN}`);
  }

  *#choice(endpoints: readonly Endpoint[]): Generator<string> {
    const { affinitySeconds } = this.#port;
    const about = (endpoint: Endpoint): string =>
      this.#settings.endpointComments ? `${comment(`${this.#name} -> ${hostPort(endpoint)}`)} ` : '';
    if (affinitySeconds !== undefined)
      for (const endpoint of endpoints) {
        const chain = this.#endpointChain(endpoint);
        const recent = `-m recent --rcheck --seconds ${affinitySeconds} --reap ${this.#recentList(chain)}`;
        yield `${about(endpoint)}${recent} -j ${chain}`;
      }
    for (const [index, endpoint] of endpoints.entries()) {
      const left = endpoints.length - index;
      const chance = left === 1 ? '' : `-m statistic --mode random --probability ${(1 / left).toFixed(10)} `;
      yield `${about(endpoint)}${chance}-j ${this.#endpointChain(endpoint)}`;
    }
  }

  #endpointRules(endpoint: Endpoint): string[] {
    const { protocol, affinitySeconds } = this.#port;
    const about = this.#settings.endpointComments ? `${comment(this.#name)} ` : '';
    const remember =
      affinitySeconds === undefined ? '' : `-m recent --set ${this.#recentList(this.#endpointChain(endpoint))} `;
    const target = `-m ${protocol} -j DNAT --to-destination ${hostPort(endpoint)}`;
    return [
      // a pod that reaches itself
      `-s ${single(endpoint.ip)} ${about}-j ${MARK_MASQ_CHAIN}`,
      `-p ${protocol} ${about}${remember}${target}`,
    ];
  }

  #recentList(chain: string): string {
    const mask = this.#settings.family === 4 ? '255.255.255.255' : 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
    return `--name ${chain} --mask ${mask} --rsource`;
  }
}

/** TCP by a reset, unlike upstream: resets are sent as they come, other refusals so many a second, and some kernels' TCP does not heed those of IPv6. */
function rejectTarget(family: IpFamily, protocol: string): string {
  const refusal = protocol === 'tcp' ? 'tcp-reset' : `${family === 4 ? 'icmp' : 'icmp6'}-port-unreachable`;
  return `REJECT --reject-with ${refusal}`;
}

/** `10.0.0.1:80`, `[fd00::1]:80` */
function hostPort({ ip, port }: Endpoint): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}
