import { stringify } from 'yaml';
import type { Files } from './files.ts';
import { type ClusterSettings, dnsAddress } from './settings.ts';

/** Where each node's own DNS server answers its pods. */
export const NODE_DNS_ADDRESS = '169.254.20.10';

/**
 * The KubeletConfiguration of every node of the cluster, kubeadm's with two differences: pods ask the DNS server of their node first, and only where that does not answer
 * the cluster's; and in a host, where no systemd runs and whose disk and swap are the machine's, cgroups are made directly, nothing is evicted for a full disk, and swap is
 * no reason not to start.
 */
export function kubeletConfigurationText(cluster: ClusterSettings, files: Files): string {
  return stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true, cacheTTL: '0s' },
      x509: { clientCAFile: `${files.pkiDir}/ca.crt` },
    },
    authorization: { mode: 'Webhook', webhook: { cacheAuthorizedTTL: '0s', cacheUnauthorizedTTL: '0s' } },
    cgroupDriver: 'cgroupfs',
    clusterDNS: [NODE_DNS_ADDRESS, dnsAddress(cluster)],
    clusterDomain: cluster.dnsDomain,
    containerRuntimeEndpoint: 'unix:///run/gantry/cri.sock',
    evictionHard: {
      'imagefs.available': '0%',
      'nodefs.available': '0%',
      'nodefs.inodesFree': '0%',
    },
    failSwapOn: false,
    healthzBindAddress: '127.0.0.1',
    healthzPort: 10_248,
    imageGCHighThresholdPercent: 100,
    kind: 'KubeletConfiguration',
    resolvConf: '/etc/resolv.conf',
    rotateCertificates: true,
    staticPodPath: files.manifestsDir,
  });
}
