import type { Files } from '../files.ts';
import { NODE_DNS_ADDRESS } from '../kubelet-configuration.ts';
import {
  CRI_SERVICE,
  DNS_SERVICE,
  NETWORK_SERVICE,
  NODE_SERVICE,
  PROXY_SERVICE,
  type ServiceUnit,
} from '../services.ts';
import { type ClusterSettings, dnsAddress, hostInUrl } from '../settings.ts';

/** What the daemons of one node have to know. */
export interface NodeIdentity {
  readonly nodeName: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `key=value:effect`, with which the node is registered. */
  readonly taints: readonly string[];
}

/** Runtime and kubelet: enough for the node to register, and to get its credentials where it has none yet. */
export function kubeletUnits(node: NodeIdentity, files: Files, gantry: readonly string[]): readonly ServiceUnit[] {
  const labels = Object.entries(node.labels).map(([key, value]) => `${key}=${value}`);
  return [
    // it finds everything in its default places
    { name: CRI_SERVICE, argv: [...gantry, 'run', 'cri'] },
    {
      name: NODE_SERVICE,
      argv: [
        ...gantry,
        'run',
        'node',
        `--bootstrap-kubeconfig=${files.bootstrapKubeletConf}`,
        `--kubeconfig=${files.kubeletConf}`,
        `--config=${files.kubeletConfig}`,
        `--hostname-override=${node.nodeName}`,
        `--node-ip=${node.address}`,
        ...(labels.length === 0 ? [] : [`--node-labels=${labels.join(',')}`]),
        ...(node.taints.length === 0 ? [] : [`--register-with-taints=${node.taints.join(',')}`]),
      ],
    },
  ];
}

/** What works with the node's own credentials, once it has them. */
export function networkUnits(
  node: NodeIdentity,
  cluster: Pick<ClusterSettings, 'podSubnet' | 'serviceSubnet' | 'dnsDomain'>,
  files: Files,
  gantry: readonly string[],
): readonly ServiceUnit[] {
  return [
    {
      name: NETWORK_SERVICE,
      argv: [
        ...gantry,
        'run',
        'network',
        `--kubeconfig=${files.kubeletConf}`,
        `--hostname-override=${node.nodeName}`,
        `--cluster-cidr=${cluster.podSubnet}`,
      ],
    },
    {
      name: PROXY_SERVICE,
      argv: [
        ...gantry,
        'run',
        'proxy',
        `--kubeconfig=${files.kubeletConf}`,
        `--hostname-override=${node.nodeName}`,
        `--cluster-cidr=${cluster.podSubnet}`,
      ],
    },
    {
      name: DNS_SERVICE,
      argv: [
        ...gantry,
        'run',
        'dns',
        `--kubeconfig=${files.kubeletConf}`,
        `--cluster-domain=${cluster.dnsDomain}`,
        `--listen=${NODE_DNS_ADDRESS}:53`,
        `--listen-shared=${hostInUrl(node.address)}:53`,
        `--dns-address=${dnsAddress(cluster)}`,
      ],
    },
  ];
}
