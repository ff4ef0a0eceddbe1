import type { ClusterSettings, InitSettings } from '../../../src/bootstrap/settings.ts';

/** Settings of a first node, with what the test says otherwise. */
export function initSettings(
  cluster: Partial<ClusterSettings> = {},
  more: Partial<Omit<InitSettings, 'cluster'>> = {},
): InitSettings {
  return {
    cluster: {
      clusterName: 'kubernetes',
      kubernetesVersion: 'v1.36.0',
      serviceSubnet: '10.96.0.0/12',
      podSubnet: '10.244.0.0/16',
      dnsDomain: 'cluster.local',
      controlPlaneEndpoint: '',
      imageRepository: 'registry.k8s.io',
      certificateSans: [],
      certificateValidityMs: 365 * 86_400_000,
      caCertificateValidityMs: 3650 * 86_400_000,
      keyAlgorithm: 'ECDSA-P256',
      etcd: { kind: 'local', dataDir: '/var/lib/etcd', args: [], serverSans: [], peerSans: [] },
      apiServerArgs: [],
      controllerManagerArgs: [],
      schedulerArgs: [],
      proxyDisabled: false,
      dnsDisabled: false,
      kubelet: {},
      proxy: {},
      ...cluster,
    },
    nodeName: 'n1',
    nodeLabels: {},
    taints: [],
    nodeArgs: [],
    advertiseAddress: '10.0.0.5',
    bindPort: 6443,
    tokens: [],
    patience: { controlPlaneMs: 240_000, kubeletMs: 240_000, apiCallMs: 60_000, etcdMs: 120_000 },
    ...more,
  };
}
