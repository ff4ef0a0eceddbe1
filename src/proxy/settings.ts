import { durationMs } from '../api/duration.ts';
import type { KubeProxyConfiguration } from '../api/types/gen/kubeproxy-v1alpha1.ts';
import { type IpFamily, ipFamily } from '../base/cidr.ts';
import { minimalCidrs } from '../base/cidr-list.ts';
import { failedPrecondition } from '../base/errors.ts';

/** How to tell what comes from pods of this node. */
export type LocalDetection =
  | { readonly kind: 'none' }
  | { readonly kind: 'cidrs'; readonly cidrs: readonly string[] }
  | { readonly kind: 'node-cidrs' }
  | { readonly kind: 'link'; readonly name: string };

export interface ProxySettings {
  readonly nodeName: string;
  readonly masqueradeBit: number;
  readonly masqueradeAll: boolean;
  readonly detection: LocalDetection;
  /** Networks whose addresses of this machine answer node ports; `primary`: the node's own addresses. */
  readonly nodePortAddresses: 'primary' | readonly string[];
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

/** Settings from a defaulted, valid configuration. Throws where it asks for what is not there. */
export function proxySettings(config: KubeProxyConfiguration, nodeName: string): ProxySettings {
  if (config.mode !== '' && config.mode !== 'nftables')
    throw failedPrecondition(`mode: "${config.mode}" is not available; set it to "nftables", or leave it out`);
  const { nftables, nodePortAddresses, bindAddress } = config;
  return {
    nodeName,
    masqueradeBit: nftables.masqueradeBit ?? 14,
    masqueradeAll: nftables.masqueradeAll,
    detection: detectionOf(config),
    nodePortAddresses:
      nodePortAddresses === undefined || nodePortAddresses.length === 0 || nodePortAddresses[0] === 'primary'
        ? 'primary'
        : nodePortAddresses,
    bindAddress: bindAddress === '0.0.0.0' || bindAddress === '::' ? undefined : bindAddress,
    healthzAddress: config.healthzBindAddress,
    metricsAddress: config.metricsBindAddress,
    bindAddressHardFail: config.bindAddressHardFail,
    healthLimitMs: 2 * durationMs(nftables.syncPeriod),
  };
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

/** nft's words for "comes from a pod of this node" and for the contrary; undefined where that cannot be told. */
export function localMatch(
  detection: LocalDetection,
  nodeCidrs: readonly string[],
  family: IpFamily,
): { readonly is: string; readonly isNot: string } | undefined {
  if (detection.kind === 'none') return undefined;
  if (detection.kind === 'link') return { is: `iifname "${detection.name}"`, isNot: `iifname != "${detection.name}"` };
  const cidrs = minimalCidrs(detection.kind === 'cidrs' ? detection.cidrs : nodeCidrs, family);
  if (cidrs.length === 0) return undefined;
  const saddr = family === 4 ? 'ip saddr' : 'ip6 saddr';
  const list = cidrs.length === 1 ? cidrs[0] : `{ ${cidrs.join(', ')} }`;
  return { is: `${saddr} ${list}`, isNot: `${saddr} != ${list}` };
}

/** Whether node ports are answered on all addresses of a family: the networks that are told hold all of it, or none is of it. */
export function nodePortsEverywhere(addresses: ProxySettings['nodePortAddresses'], family: IpFamily): boolean {
  if (addresses === 'primary') return false;
  const ofFamily = addresses.filter(cidr => ipFamily(cidr.split('/')[0] ?? '') === family);
  return ofFamily.length === 0 || ofFamily.some(cidr => cidr.endsWith('/0'));
}
