import { sha256Hex } from '../../base/hash.ts';
import type { Files } from '../files.ts';
import { NODE_DNS_ADDRESS } from '../kubelet-configuration.ts';
import { CRI_SERVICE, NODE_SERVICE, type ServiceUnit } from '../services.ts';
import { type ClusterSettings, dnsAddress, hostInUrl, validityText } from '../settings.ts';

/** What the daemons of one node have to know. */
export interface NodeIdentity {
  readonly nodeName: string;
  /** One, or one of each family. */
  readonly addresses: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** `key=value:effect`, with which the node is registered. */
  readonly taints: readonly string[];
  /** Further arguments of the node's daemon, `--name=value`: they stand above ours. */
  readonly args?: readonly string[];
}

/** What the daemon of a node has to know of its cluster. */
export type NodeCluster = Pick<
  ClusterSettings,
  'podSubnet' | 'serviceSubnet' | 'dnsDomain' | 'certificateValidityMs' | 'proxyDisabled' | 'dnsDisabled'
>;

/** A digest of what the daemon of a node reads when it starts, which it is started anew for. */
export function nodeConfiguration(kubelet: string, proxy: string): string {
  return `sha256:${sha256Hex(`${kubelet}\n---\n${proxy}`)}`;
}

/** The runtime, and the node's own daemon, which gets its credentials where it has none yet; `configuration` as of `nodeConfiguration`. */
export function nodeUnits(
  node: NodeIdentity,
  cluster: NodeCluster,
  files: Files,
  gantry: readonly string[],
  configuration: string,
): readonly ServiceUnit[] {
  const labels = Object.entries(node.labels).map(([key, value]) => `${key}=${value}`);
  return [
    // it finds everything in its default places
    { name: CRI_SERVICE, argv: [...gantry, 'run', 'cri'] },
    {
      name: NODE_SERVICE,
      configuration,
      argv: [
        ...gantry,
        'run',
        'node',
        `--bootstrap-kubeconfig=${files.bootstrapKubeletConf}`,
        `--kubeconfig=${files.kubeletConf}`,
        `--config=${files.kubeletConfig}`,
        cluster.proxyDisabled ? '--proxy=false' : `--proxy-config=${files.proxyConfig}`,
        `--hostname-override=${node.nodeName}`,
        `--node-ip=${node.addresses.join(',')}`,
        ...(labels.length === 0 ? [] : [`--node-labels=${labels.join(',')}`]),
        ...(node.taints.length === 0 ? [] : [`--register-with-taints=${node.taints.join(',')}`]),
        `--certificate-validity-period=${validityText(cluster.certificateValidityMs)}`,
        `--cluster-cidr=${cluster.podSubnet}`,
        ...(cluster.dnsDisabled
          ? ['--dns=false']
          : [
              `--cluster-domain=${cluster.dnsDomain}`,
              `--dns-listen=${NODE_DNS_ADDRESS}:53`,
              ...node.addresses.map(address => `--dns-listen-shared=${hostInUrl(address)}:53`),
              `--dns-address=${dnsAddress(cluster)}`,
            ]),
        ...(node.args ?? []),
      ],
    },
  ];
}
