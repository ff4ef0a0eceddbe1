import { stringify } from 'yaml';
import { merged } from './merge.ts';
import type { ClusterSettings } from './settings.ts';

/** The ConfigMap in kube-system whose key config.conf is the KubeProxyConfiguration of all nodes, as kubeadm's. */
export const PROXY_CONFIG_MAP = 'kube-proxy';
export const PROXY_CONFIG_KEY = 'config.conf';

/** The KubeProxyConfiguration of every node: what the admin has said in a document, and the network of pods. The credentials are the node's own, so none are named. */
export function proxyConfigurationText({ podSubnet, proxy }: Pick<ClusterSettings, 'podSubnet' | 'proxy'>): string {
  const ours = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    clusterCIDR: podSubnet,
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
  };
  return stringify(merged(ours, proxy), { sortMapEntries: true });
}
