import { formatDuration } from '../api/duration.ts';
import type { Taint } from '../api/types/gen/core-v1.ts';
import { bigIntToIp, parseCidr } from '../base/cidr.ts';
import { invalidArgument } from '../base/errors.ts';
import type { KeyAlgorithm } from '../pki/key-algorithms.ts';
import type { StoredToken } from './tokens/stored-token.ts';

/** Of a certificate that is signed here: shorter, and clocks that are a little apart would make each of them useless. */
export const SHORTEST_LIFE_MS = 10_000;

/** A command line argument, as kubeadm's files hold it. */
export interface Argument {
  readonly name: string;
  readonly value: string;
}

/** Where the objects of the cluster are kept: in an etcd of this machine, or in one that somebody else runs. */
export type EtcdSettings =
  | {
      readonly kind: 'local';
      readonly dataDir: string;
      readonly args: readonly Argument[];
      /** Further names and addresses in its certificates. */
      readonly serverSans: readonly string[];
      readonly peerSans: readonly string[];
    }
  | {
      readonly kind: 'external';
      readonly endpoints: readonly string[];
      /** Where its version is asked for. */
      readonly httpEndpoints: readonly string[];
      /** PEM files; empty where it is spoken to without TLS. */
      readonly caFile: string;
      readonly certFile: string;
      readonly keyFile: string;
    };

/** What holds for a whole cluster: the fields of kubeadm's ClusterConfiguration that are used. */
export interface ClusterSettings {
  readonly clusterName: string;
  /** `v1.36.0`: without a build of ours behind it. */
  readonly kubernetesVersion: string;
  readonly serviceSubnet: string;
  readonly podSubnet: string;
  readonly dnsDomain: string;
  /** `host:port` by which the cluster is reached whoever serves it; empty where that is this node's address. */
  readonly controlPlaneEndpoint: string;
  readonly imageRepository: string;
  /** Further names and addresses in the certificate of the API server. */
  readonly certificateSans: readonly string[];
  /** How long new certificates hold. */
  readonly certificateValidityMs: number;
  readonly caCertificateValidityMs: number;
  readonly keyAlgorithm: KeyAlgorithm;
  readonly etcd: EtcdSettings;
  readonly apiServerArgs: readonly Argument[];
  readonly controllerManagerArgs: readonly Argument[];
  readonly schedulerArgs: readonly Argument[];
  /** No node serves Services, or names: somebody else's pods are to do it. */
  readonly proxyDisabled: boolean;
  readonly dnsDisabled: boolean;
  /** The fields of a KubeletConfiguration and a KubeProxyConfiguration that the admin has said. */
  readonly kubelet: Readonly<Record<string, unknown>>;
  readonly proxy: Readonly<Record<string, unknown>>;
}

/** How long is waited for what, in ms. */
export interface Patience {
  readonly controlPlaneMs: number;
  readonly kubeletMs: number;
  readonly apiCallMs: number;
  readonly etcdMs: number;
}

/** What `init` makes: the cluster and its first node. */
export interface InitSettings {
  readonly cluster: ClusterSettings;
  readonly nodeName: string;
  readonly nodeLabels: Readonly<Record<string, string>>;
  /** Of a control plane; none lets pods run on it too, as where it is the only node. */
  readonly taints: readonly Taint[];
  /** Further arguments of the node's daemon. */
  readonly nodeArgs: readonly Argument[];
  /** Where this node's API server and etcd are reached by others. */
  readonly advertiseAddress: string;
  readonly bindPort: number;
  readonly tokens: readonly StoredToken[];
  readonly patience: Patience;
}

/** Those who may join with a token are of this group. */
export const NODE_TOKEN_GROUP = 'system:bootstrappers:kubeadm:default-node-token';

/** What a control plane is tainted with, so that pods which do not tolerate it keep off. */
export const CONTROL_PLANE_TAINT: Taint = { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' };

/** Said wherever somebody asks for a second control plane. */
export const ONE_CONTROL_PLANE =
  'a cluster has one control plane, and further machines join as nodes; what has to outlive this machine can be in an etcd of several members elsewhere (etcd.external of ClusterConfiguration)';

/** kubeadm's defaults. */
export const DEFAULT_CLUSTER = {
  clusterName: 'kubernetes',
  serviceSubnet: '10.96.0.0/12',
  podSubnet: '10.244.0.0/16',
  dnsDomain: 'cluster.local',
} as const;

/** `https://address:port`, where the API server of this node is reached. */
export function apiServerUrl({ advertiseAddress, bindPort }: InitSettings): string {
  return `https://${hostInUrl(advertiseAddress)}:${bindPort}`;
}

/** `host:port` where the cluster is reached: what nodes and people are told. */
export function clusterEndpoint({ cluster, advertiseAddress, bindPort }: InitSettings): string {
  return cluster.controlPlaneEndpoint === ''
    ? `${hostInUrl(advertiseAddress)}:${bindPort}`
    : cluster.controlPlaneEndpoint;
}

/** The same as a URL. */
export function clusterUrl(settings: InitSettings): string {
  return `https://${clusterEndpoint(settings)}`;
}

/** `--name=value`. */
export function argumentWords(args: readonly Argument[]): readonly string[] {
  return args.map(({ name, value }) => `--${name}=${value}`);
}

/** An address as it stands in a URL: IPv6 in brackets. */
export function hostInUrl(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** The first address of the service subnet: the `kubernetes` Service. */
export function apiServiceAddress({ serviceSubnet }: Pick<ClusterSettings, 'serviceSubnet'>): string {
  return serviceAddress(serviceSubnet, 1n);
}

/** The tenth address of the service subnet: the cluster DNS. */
export function dnsAddress({ serviceSubnet }: Pick<ClusterSettings, 'serviceSubnet'>): string {
  return serviceAddress(serviceSubnet, 10n);
}

function serviceAddress(subnets: string, index: bigint): string {
  const cidr = parseCidr(subnets.split(',')[0] ?? '');
  return bigIntToIp(cidr.base + index, cidr.family);
}

/** How long certificates hold, as Go writes durations. */
export function validityText(ms: number): string {
  return formatDuration(BigInt(Math.round(ms)) * 1_000_000n);
}

/** A node's name is a DNS subdomain (RFC 1123). */
export function checkNodeName(name: string): void {
  if (name.length > 253 || !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name))
    throw invalidArgument(`"${name}" is no node name: use lower case letters, digits, "-" and "."; see --node-name`);
}
