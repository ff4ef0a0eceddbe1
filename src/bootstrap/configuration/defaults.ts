import { defaultsOf, type TypeDefaults } from '../../api/defaults/apply.ts';
import type { BootstrapToken } from '../../api/types/gen/bootstraptoken-v1.ts';
import type {
  APIEndpoint,
  ClusterConfiguration,
  ExternalEtcd,
  InitConfiguration,
  JoinConfiguration,
  LocalEtcd,
  NodeRegistrationOptions,
  ResetConfiguration,
  Timeouts,
} from '../../api/types/gen/kubeadm-v1beta4.ts';
import { DEFAULT_CLUSTER, NODE_TOKEN_GROUP } from '../settings.ts';

/** Where the shim listens, which is what a node of ours runs its pods by. */
export const DEFAULT_CRI_SOCKET = 'unix:///run/gantry/cri.sock';
export const DEFAULT_CERTIFICATES_DIR = '/etc/kubernetes/pki';
/** What stands for "the version of this program". */
export const DEFAULT_KUBERNETES_VERSION = 'stable-1';
export const DEFAULT_IMAGE_REPOSITORY = 'registry.k8s.io';
export const DEFAULT_PULL_POLICY = 'IfNotPresent';

/** kubeadm's time limits. */
export const TIMEOUTS = {
  controlPlaneComponentHealthCheck: '4m0s',
  kubeletHealthCheck: '4m0s',
  kubernetesAPICall: '1m0s',
  etcdAPICall: '2m0s',
  tlsBootstrap: '5m0s',
  discovery: '5m0s',
  upgradeManifests: '5m0s',
} as const satisfies Required<Timeouts>;

/** kubeadm's static defaults in 1.36, with two of our own: keys are ECDSA P-256, and pods have a network, because ours is there from the start. What depends on the machine is filled in by machine-defaults.ts. */
export const kubeadmDefaults: TypeDefaults = new Map([
  defaultsOf<InitConfiguration>('kubeadm/v1beta4.InitConfiguration', config => ({
    bootstrapTokens: (config.bootstrapTokens ?? []).length > 0 ? config.bootstrapTokens : [{}],
    timeouts: config.timeouts ?? {},
  })),
  defaultsOf<JoinConfiguration>('kubeadm/v1beta4.JoinConfiguration', config => ({
    caCertPath: config.caCertPath || `${DEFAULT_CERTIFICATES_DIR}/ca.crt`,
    discovery: {
      ...config.discovery,
      ...(config.discovery.bootstrapToken !== undefined && !config.discovery.tlsBootstrapToken
        ? { tlsBootstrapToken: config.discovery.bootstrapToken.token }
        : {}),
    },
    timeouts: config.timeouts ?? {},
  })),
  defaultsOf<ResetConfiguration>('kubeadm/v1beta4.ResetConfiguration', config => ({
    certificatesDir: config.certificatesDir || DEFAULT_CERTIFICATES_DIR,
    timeouts: config.timeouts ?? {},
  })),
  defaultsOf<ClusterConfiguration>('kubeadm/v1beta4.ClusterConfiguration', config => ({
    kubernetesVersion: config.kubernetesVersion || DEFAULT_KUBERNETES_VERSION,
    networking: {
      ...config.networking,
      serviceSubnet: config.networking.serviceSubnet || DEFAULT_CLUSTER.serviceSubnet,
      podSubnet: config.networking.podSubnet || DEFAULT_CLUSTER.podSubnet,
      dnsDomain: config.networking.dnsDomain || DEFAULT_CLUSTER.dnsDomain,
    },
    certificatesDir: config.certificatesDir || DEFAULT_CERTIFICATES_DIR,
    imageRepository: config.imageRepository || DEFAULT_IMAGE_REPOSITORY,
    clusterName: config.clusterName || DEFAULT_CLUSTER.clusterName,
    encryptionAlgorithm: config.encryptionAlgorithm || 'ECDSA-P256',
    certificateValidityPeriod: config.certificateValidityPeriod ?? '8760h0m0s',
    caCertificateValidityPeriod: config.caCertificateValidityPeriod ?? '87600h0m0s',
    etcd:
      config.etcd.local === undefined && config.etcd.external === undefined ? { local: { dataDir: '' } } : config.etcd,
  })),
  defaultsOf<LocalEtcd>('kubeadm/v1beta4.LocalEtcd', etcd => ({ dataDir: etcd.dataDir || '/var/lib/etcd' })),
  defaultsOf<ExternalEtcd>('kubeadm/v1beta4.ExternalEtcd', etcd => ({
    httpEndpoints: (etcd.httpEndpoints ?? []).length > 0 ? etcd.httpEndpoints : etcd.endpoints,
  })),
  defaultsOf<APIEndpoint>('kubeadm/v1beta4.APIEndpoint', endpoint => ({ bindPort: endpoint.bindPort || 6443 })),
  defaultsOf<NodeRegistrationOptions>('kubeadm/v1beta4.NodeRegistrationOptions', node => ({
    criSocket: node.criSocket || DEFAULT_CRI_SOCKET,
    imagePullPolicy: node.imagePullPolicy || DEFAULT_PULL_POLICY,
    imagePullSerial: node.imagePullSerial ?? true,
  })),
  defaultsOf<BootstrapToken>('bootstraptoken/v1.BootstrapToken', token => ({
    usages: (token.usages ?? []).length > 0 ? token.usages : ['signing', 'authentication'],
    groups: (token.groups ?? []).length > 0 ? token.groups : [NODE_TOKEN_GROUP],
    ...(token.ttl === undefined && token.expires === undefined ? { ttl: '24h0m0s' } : {}),
  })),
  defaultsOf<Timeouts>('kubeadm/v1beta4.Timeouts', timeouts => ({ ...TIMEOUTS, ...timeouts })),
]);
