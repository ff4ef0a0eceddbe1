import { unheededArguments } from '../component-arguments.ts';
import { clusterDns } from '../kubelet-configuration.ts';
import type { ClusterSettings } from '../settings.ts';

/** A line for each thing that a cluster is made with and that does nothing, or keeps its pods from finding Services. Pure. */
export function settingsWarnings(cluster: ClusterSettings): readonly string[] {
  return [...unheededArguments(cluster), ...kubeletWarnings(cluster), ...proxyWarnings(cluster)];
}

/** What kubeadm warns of: pods that ask other servers, or search another domain, than the cluster has. */
function kubeletWarnings(cluster: ClusterSettings): readonly string[] {
  const { clusterDNS, clusterDomain } = cluster.kubelet;
  const own = clusterDns(cluster);
  const asked = Array.isArray(clusterDNS) ? (clusterDNS as readonly string[]) : own;
  const isOwn = asked.length > 0 && asked.every(address => own.includes(address));
  return [
    ...(isOwn
      ? []
      : [
          `KubeletConfiguration: clusterDNS is [${asked.join(' ')}], and the DNS servers of the cluster are [${own.join(' ')}]: pods that ask others find no Services, unless these know them`,
        ]),
    ...(typeof clusterDomain !== 'string' || clusterDomain === '' || clusterDomain === cluster.dnsDomain
      ? []
      : [
          `KubeletConfiguration: clusterDomain is "${clusterDomain}", and the domain of the cluster is "${cluster.dnsDomain}" (networking.dnsDomain): pods search it for Services in vain`,
        ]),
  ];
}

/** The daemon of each node is told the network of pods by a flag, which stands above the document. */
function proxyWarnings({ proxy, podSubnet }: ClusterSettings): readonly string[] {
  const { clusterCIDR } = proxy;
  return typeof clusterCIDR !== 'string' || clusterCIDR === '' || clusterCIDR === podSubnet
    ? []
    : [
        `KubeProxyConfiguration: clusterCIDR is not heeded: it is "${clusterCIDR}", and the network of pods is "${podSubnet}" (networking.podSubnet)`,
      ];
}
