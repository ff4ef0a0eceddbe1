import { stringify } from 'yaml';
import type { Files } from './files.ts';
import { type ClusterSettings, type EtcdSettings, validityText } from './settings.ts';

/** The ClusterConfiguration that kubeadm-config holds: what later commands and people read of how the cluster was made. */
export function clusterConfigurationText(cluster: ClusterSettings, { pkiDir }: Pick<Files, 'pkiDir'>): string {
  const { apiServerArgs, controllerManagerArgs, schedulerArgs, certificateSans, controlPlaneEndpoint } = cluster;
  return stringify({
    apiServer: { ...some('certSANs', certificateSans), ...some('extraArgs', apiServerArgs) },
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    caCertificateValidityPeriod: validityText(cluster.caCertificateValidityMs),
    certificateValidityPeriod: validityText(cluster.certificateValidityMs),
    certificatesDir: pkiDir,
    clusterName: cluster.clusterName,
    ...(controlPlaneEndpoint === '' ? {} : { controlPlaneEndpoint }),
    controllerManager: some('extraArgs', controllerManagerArgs),
    dns: cluster.dnsDisabled ? { disabled: true } : {},
    encryptionAlgorithm: cluster.keyAlgorithm,
    etcd: etcdConfiguration(cluster.etcd),
    imageRepository: cluster.imageRepository,
    kind: 'ClusterConfiguration',
    kubernetesVersion: cluster.kubernetesVersion,
    networking: {
      dnsDomain: cluster.dnsDomain,
      podSubnet: cluster.podSubnet,
      serviceSubnet: cluster.serviceSubnet,
    },
    proxy: cluster.proxyDisabled ? { disabled: true } : {},
    scheduler: some('extraArgs', schedulerArgs),
  });
}

function etcdConfiguration(etcd: EtcdSettings): object {
  if (etcd.kind === 'local')
    return {
      local: {
        dataDir: etcd.dataDir,
        ...some('extraArgs', etcd.args),
        ...some('serverCertSANs', etcd.serverSans),
        ...some('peerCertSANs', etcd.peerSans),
      },
    };
  const { endpoints, httpEndpoints, caFile, certFile, keyFile } = etcd;
  return { external: { caFile, certFile, endpoints, httpEndpoints, keyFile } };
}

function some(name: string, list: readonly unknown[]): object {
  return list.length === 0 ? {} : { [name]: list };
}
