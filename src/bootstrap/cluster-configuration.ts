import { stringify } from 'yaml';
import { formatDuration } from '../api/duration.ts';
import type { ClusterSettings } from './settings.ts';

/** The ClusterConfiguration that kubeadm-config holds: what later commands and people read of how the cluster was made. */
export function clusterConfigurationText(cluster: ClusterSettings, pkiDir: string, etcdDataDir: string): string {
  return stringify({
    apiServer: cluster.certificateSans.length === 0 ? {} : { certSANs: cluster.certificateSans },
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    caCertificateValidityPeriod: duration(cluster.caCertificateValidityMs),
    certificateValidityPeriod: duration(cluster.certificateValidityMs),
    certificatesDir: pkiDir,
    clusterName: cluster.clusterName,
    controllerManager: {},
    dns: {},
    encryptionAlgorithm: 'ECDSA-P256',
    etcd: { local: { dataDir: etcdDataDir } },
    kind: 'ClusterConfiguration',
    kubernetesVersion: cluster.kubernetesVersion,
    networking: {
      dnsDomain: cluster.dnsDomain,
      podSubnet: cluster.podSubnet,
      serviceSubnet: cluster.serviceSubnet,
    },
    proxy: {},
    scheduler: {},
  });
}

function duration(ms: number): string {
  return formatDuration(BigInt(Math.round(ms)) * 1_000_000n);
}
