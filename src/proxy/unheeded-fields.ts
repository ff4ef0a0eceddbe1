import type { KubeProxyConfiguration } from '../api/types/gen/kubeproxy-v1alpha1.ts';
import { type FieldUses, REASONS_OF_ALL, SO_ANYWAY_OF_ALL, unheededLines } from '../api/unheeded-fields.ts';
import { type ProxyMode, proxyMode } from './settings.ts';

/** Whether the proxy is a process of its own, or one with the kubelet, whose name and credentials it has then. */
export type ProxyPlace = 'alone' | 'beside-kubelet';

/** Upstream's proxies leave the fields of other modes alone as well. IPVS mode masquerades by iptables. */
const OF_MODE: Readonly<Record<ProxyMode, readonly string[]>> = {
  nftables: ['nftables.masqueradeBit', 'nftables.masqueradeAll', 'nftables.syncPeriod'],
  iptables: ['iptables'],
  ipvs: ['ipvs', 'iptables.masqueradeBit', 'iptables.masqueradeAll'],
};

/** What the proxy makes of each field of its configuration; a field that is read from now on goes from `reasons` to `heeded`. Pure. */
export function proxyFields(mode: ProxyMode, place: ProxyPlace): FieldUses {
  return {
    heeded: [
      ...['mode', 'bindAddress', 'bindAddressHardFail', 'healthzBindAddress', 'metricsBindAddress'],
      ...['detectLocalMode', 'detectLocal', 'clusterCIDR', 'nodePortAddresses'],
      ...OF_MODE[mode],
      ...(place === 'alone' ? ['hostnameOverride', 'clientConnection.kubeconfig'] : []),
    ],
    reasons: [
      ...REASONS_OF_ALL,
      ...(mode === 'nftables'
        ? [{ why: 'a change of the rules is written at once', fields: ['nftables.minSyncPeriod'] }]
        : []),
      { why: `the proxy is in ${mode} mode`, fields: ['nftables', 'iptables', 'ipvs'] },
      {
        why: 'what the kernel keeps of connections stays as the machine has it (sysctl net.netfilter.nf_conntrack_…)',
        fields: ['conntrack'],
      },
      { why: 'Services and endpoints are watched', fields: ['configSyncPeriod'] },
      { why: 'the kernel sends on what comes, and no ports are opened for it', fields: ['portRange'] },
      { why: 'this is not Windows', fields: ['winkernel', 'windowsRunAsService'] },
      {
        why: 'the API server is spoken to in JSON',
        fields: ['clientConnection.acceptContentTypes', 'clientConnection.contentType'],
      },
      { why: 'requests are limited by no rate', fields: ['clientConnection.qps', 'clientConnection.burst'] },
      {
        why: 'the proxy is one process with the kubelet, and has its name and credentials',
        fields: ['hostnameOverride', 'clientConnection.kubeconfig'],
      },
    ],
    soAnyway: {
      ...SO_ANYWAY_OF_ALL,
      'clientConnection.acceptContentTypes': ['application/json'],
      'clientConnection.contentType': ['application/json'],
      // what kubeadm writes for every cluster
      'clientConnection.kubeconfig': ['/var/lib/kube-proxy/kubeconfig.conf'],
      'conntrack.maxPerCore': [0],
      'conntrack.min': [0],
      'conntrack.tcpEstablishedTimeout': ['0s'],
      'conntrack.tcpCloseWaitTimeout': ['0s'],
    },
  };
}

/** A line for each field of the configuration that says something and changes nothing. Pure. */
export function unheededByProxy(config: KubeProxyConfiguration, place: ProxyPlace): readonly string[] {
  return unheededLines(config, proxyFields(proxyMode(config), place));
}
