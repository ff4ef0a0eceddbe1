import { parse, parseDocument, stringify } from 'yaml';
import type { Files } from './files.ts';
import { merged } from './merge.ts';
import { type ClusterSettings, dnsAddress } from './settings.ts';

/** Where each node's own DNS server answers its pods. */
export const NODE_DNS_ADDRESS = '169.254.20.10';

/** What holds in a host, where no systemd runs and whose disk and swap are the machine's: nothing is evicted for a full disk, and swap is no reason not to start. */
const INSIDE_HOST = {
  evictionHard: {
    'imagefs.available': '0%',
    'nodefs.available': '0%',
    'nodefs.inodesFree': '0%',
  },
  failSwapOn: false,
  imageGCHighThresholdPercent: 100,
};

/**
 * The KubeletConfiguration of every node of the cluster: kubeadm's, but that pods ask the DNS server of their node first, and only where that does not answer
 * the cluster's, which is the only one where nodes have none; and above it what the admin has said in a document of their own. The kubelet heeds the cgroup driver that its runtime tells; what stands here is for one that tells none.
 */
export function kubeletConfigurationText(
  cluster: Pick<ClusterSettings, 'serviceSubnet' | 'dnsDomain' | 'dnsDisabled' | 'kubelet'>,
  files: Pick<Files, 'pkiDir' | 'manifestsDir'>,
  insideHost: boolean,
): string {
  const ours = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true, cacheTTL: '0s' },
      x509: { clientCAFile: `${files.pkiDir}/ca.crt` },
    },
    authorization: { mode: 'Webhook', webhook: { cacheAuthorizedTTL: '0s', cacheUnauthorizedTTL: '0s' } },
    cgroupDriver: insideHost ? 'cgroupfs' : 'systemd',
    clusterDNS: clusterDns(cluster),
    clusterDomain: cluster.dnsDomain,
    containerRuntimeEndpoint: 'unix:///run/gantry/cri.sock',
    ...(insideHost ? INSIDE_HOST : {}),
    healthzBindAddress: '127.0.0.1',
    healthzPort: 10_248,
    kind: 'KubeletConfiguration',
    staticPodPath: files.manifestsDir,
  };
  return stringify({ ...merged(ours, cluster.kubelet), rotateCertificates: true }, { sortMapEntries: true });
}

/** Where pods ask for names, the first first: the server of their node, where it has one, and the cluster's. Pure. */
export function clusterDns(cluster: Pick<ClusterSettings, 'serviceSubnet' | 'dnsDisabled'>): readonly string[] {
  return [...(cluster.dnsDisabled ? [] : [NODE_DNS_ADDRESS]), dnsAddress(cluster)];
}

/** The configuration of one node, by the cluster's and what is so on this machine alone: where its name servers are, unless the cluster's says that. Pure. */
export function nodeKubeletConfiguration(clusterText: string, resolvConf: string): string {
  const document = parseDocument(clusterText);
  if (document.errors.length > 0 || document.has('resolvConf')) return clusterText;
  document.set('resolvConf', resolvConf);
  return document.toString();
}

/**
 * The cluster's KubeletConfiguration for a node that joins: its CA is where its JoinConfiguration says, and not where the control plane keeps its own. What an admin has said
 * of another file stays. `configuration` is the text of the ClusterConfiguration. Pure.
 */
export function withClientCa(kubelet: string, configuration: string, caCert: string): string {
  const { certificatesDir } = (parse(configuration) ?? {}) as { readonly certificatesDir?: string };
  const fields = (parse(kubelet) ?? {}) as Parameters<typeof merged>[0] & {
    readonly authentication?: { readonly x509?: { readonly clientCAFile?: string } };
  };
  if (caCert === fields.authentication?.x509?.clientCAFile) return kubelet;
  if (fields.authentication?.x509?.clientCAFile !== `${certificatesDir}/ca.crt`) return kubelet;
  return stringify(merged(fields, { authentication: { x509: { clientCAFile: caCert } } }), { sortMapEntries: true });
}
