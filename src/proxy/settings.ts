import { durationMs } from '../api/duration.ts';
import type { KubeProxyConfiguration } from '../api/types/gen/kubeproxy-v1alpha1.ts';
import { type IpFamily, ipFamily, ipToBigInt } from '../base/cidr.ts';
import { isIn, minimalCidrs } from '../base/cidr-list.ts';
import type { LocalPods } from './desired/node-settings.ts';

/** How to tell what comes from pods of this node. */
export type LocalDetection =
  | { readonly kind: 'none' }
  | { readonly kind: 'cidrs'; readonly cidrs: readonly string[] }
  | { readonly kind: 'node-cidrs' }
  | { readonly kind: 'link'; readonly name: string };

const PROXY_MODES = ['nftables', 'iptables', 'ipvs'] as const;
export type ProxyMode = (typeof PROXY_MODES)[number];

export interface IpvsSettings {
  /** `rr` unless told. */
  readonly scheduler: string;
  /** The machine answers ARP for an address on the link alone that has it, which load balancers on the same network need. */
  readonly strictArp: boolean;
  /** Virtual servers in these networks are others'. */
  readonly excludeCidrs: readonly string[];
  /** In seconds; 0 leaves the kernel's. */
  readonly timeouts: { readonly tcp: number; readonly tcpFin: number; readonly udp: number };
}

export interface ProxySettings {
  readonly mode: ProxyMode;
  readonly nodeName: string;
  readonly masqueradeBit: number;
  readonly masqueradeAll: boolean;
  readonly detection: LocalDetection;
  /** Networks whose addresses of this machine answer node ports; `primary`: the node's own addresses. */
  readonly nodePortAddresses: 'primary' | readonly string[];
  /** iptables mode: node ports are answered on 127.0.0.0/8 too. */
  readonly localhostNodePorts: boolean;
  /** From the beginning of one change of the rules until that of the next, at least. */
  readonly minSyncMs: number;
  /** How often somebody looks whether the rules are there still, where nothing tells. */
  readonly syncMs: number;
  readonly ipvs: IpvsSettings;
  /** The node's address, where it is told; otherwise the Node object's addresses are. */
  readonly bindAddress: string | undefined;
  /** Where /healthz and /livez are: `0.0.0.0:10256`. */
  readonly healthzAddress: string;
  /** Where /metrics is: `127.0.0.1:10249`. */
  readonly metricsAddress: string;
  readonly bindAddressHardFail: boolean;
  /** A change that waits for longer makes the proxy unhealthy: twice the sync period, as upstream. */
  readonly healthLimitMs: number;
}

/** nftables where none is told. Pure. */
export function proxyMode({ mode }: Pick<KubeProxyConfiguration, 'mode'>): ProxyMode {
  return PROXY_MODES.find(each => each === mode) ?? 'nftables';
}

/** Settings from a defaulted, valid configuration. */
export function proxySettings(config: KubeProxyConfiguration, nodeName: string): ProxySettings {
  const { bindAddress } = config;
  const mode = proxyMode(config);
  // IPVS mode masquerades by iptables, and has no settings of its own for that
  const { masqueradeBit, masqueradeAll } = config[mode === 'nftables' ? 'nftables' : 'iptables'];
  const { syncPeriod, minSyncPeriod } = config[mode];
  const nodePortAddresses = nodePortAddressesOf(config, mode);
  return {
    mode,
    nodeName,
    masqueradeBit: masqueradeBit ?? 14,
    masqueradeAll,
    detection: detectionOf(config),
    nodePortAddresses,
    localhostNodePorts:
      mode === 'iptables' && config.iptables.localhostNodePorts !== false && holdsLoopback(nodePortAddresses),
    // a transaction of nftables mode is no more than what changed
    minSyncMs: mode === 'nftables' ? 0 : durationMs(minSyncPeriod),
    syncMs: durationMs(syncPeriod),
    ipvs: ipvsSettings(config),
    bindAddress: bindAddress === '0.0.0.0' || bindAddress === '::' ? undefined : bindAddress,
    healthzAddress: config.healthzBindAddress,
    metricsAddress: config.metricsBindAddress,
    bindAddressHardFail: config.bindAddressHardFail,
    healthLimitMs: 2 * durationMs(syncPeriod),
  };
}

/** Where nothing is told, nftables mode answers on the node's own addresses, and the others on all that the machine has: upstream's defaults. */
function nodePortAddressesOf(
  { nodePortAddresses }: KubeProxyConfiguration,
  mode: ProxyMode,
): 'primary' | readonly string[] {
  if (nodePortAddresses === undefined || nodePortAddresses.length === 0)
    return mode === 'nftables' ? 'primary' : ['0.0.0.0/0', '::/0'];
  return nodePortAddresses[0] === 'primary' ? 'primary' : nodePortAddresses;
}

function ipvsSettings({ ipvs }: KubeProxyConfiguration): IpvsSettings {
  const seconds = (duration: string): number => Math.round(durationMs(duration) / 1000);
  return {
    scheduler: ipvs.scheduler || 'rr',
    strictArp: ipvs.strictARP,
    excludeCidrs: ipvs.excludeCIDRs ?? [],
    timeouts: { tcp: seconds(ipvs.tcpTimeout), tcpFin: seconds(ipvs.tcpFinTimeout), udp: seconds(ipvs.udpTimeout) },
  };
}

function holdsLoopback(addresses: 'primary' | readonly string[]): boolean {
  return nodePortsEverywhere(addresses, 4) || (addresses !== 'primary' && isIn(ipToBigInt('127.0.0.1'), 4, addresses));
}

function detectionOf({ detectLocalMode, detectLocal, clusterCIDR }: KubeProxyConfiguration): LocalDetection {
  switch (detectLocalMode) {
    case 'NodeCIDR':
      return { kind: 'node-cidrs' };
    case 'BridgeInterface':
      return { kind: 'link', name: detectLocal.bridgeInterface };
    case 'InterfaceNamePrefix':
      return { kind: 'link', name: `${detectLocal.interfaceNamePrefix}*` };
    default: {
      const cidrs = clusterCIDR
        .split(',')
        .map(text => text.trim())
        .filter(text => text !== '');
      return cidrs.length === 0 ? { kind: 'none' } : { kind: 'cidrs', cidrs };
    }
  }
}

/** Who is a pod of this node, in one family; undefined where that cannot be told. */
export function localPodsOf(
  detection: LocalDetection,
  nodeCidrs: readonly string[],
  family: IpFamily,
): LocalPods | undefined {
  if (detection.kind === 'none') return undefined;
  if (detection.kind === 'link') return detection;
  const cidrs = minimalCidrs(detection.kind === 'cidrs' ? detection.cidrs : nodeCidrs, family);
  return cidrs.length === 0 ? undefined : { kind: 'cidrs', cidrs };
}

/** Whether node ports are answered on all addresses of a family: the networks that are told hold all of it, or none is of it. */
export function nodePortsEverywhere(addresses: ProxySettings['nodePortAddresses'], family: IpFamily): boolean {
  if (addresses === 'primary') return false;
  const ofFamily = addresses.filter(cidr => ipFamily(cidr.split('/')[0] ?? '') === family);
  return ofFamily.length === 0 || ofFamily.some(cidr => cidr.endsWith('/0'));
}
