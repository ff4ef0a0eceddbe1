import { stringify } from 'yaml';
import { type ClusterSettings, validityText } from './settings.ts';

/** The ClusterConfiguration that kubeadm-config holds: what later commands and people read of how the cluster was made. */
export function clusterConfigurationText(cluster: ClusterSettings, pkiDir: string, etcdDataDir: string): string {
  return stringify({
    apiServer: cluster.certificateSans.length === 0 ? {} : { certSANs: cluster.certificateSans },
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    caCertificateValidityPeriod: validityText(cluster.caCertificateValidityMs),
    certificateValidityPeriod: validityText(cluster.certificateValidityMs),
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
