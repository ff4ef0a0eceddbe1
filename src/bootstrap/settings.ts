import { formatDuration } from '../api/duration.ts';
import { bigIntToIp, canonicalIp, parseCidr } from '../base/cidr.ts';
import { invalidArgument } from '../base/errors.ts';

/** What holds for a whole cluster: the fields of kubeadm's ClusterConfiguration that are used. */
export interface ClusterSettings {
  readonly clusterName: string;
  /** `v1.36.0`: without a build of ours behind it. */
  readonly kubernetesVersion: string;
  readonly serviceSubnet: string;
  readonly podSubnet: string;
  readonly dnsDomain: string;
  /** Further names and addresses in the certificate of the API server. */
  readonly certificateSans: readonly string[];
  /** How long new certificates hold. */
  readonly certificateValidityMs: number;
  readonly caCertificateValidityMs: number;
}

/** What `init` makes: the cluster and its first node. */
export interface InitSettings {
  readonly cluster: ClusterSettings;
  readonly nodeName: string;
  /** Where this node's API server and etcd are reached by others. */
  readonly nodeLabels: Readonly<Record<string, string>>;
  readonly advertiseAddress: string;
  readonly bindPort: number;
  readonly token: string;
  /** 0: for ever. */
  readonly tokenTtlMs: number;
  /** False: pods without a toleration may run on the control plane, as where it is the only node. */
  readonly taintControlPlane: boolean;
}

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

/** Throws `invalid-argument` that names the setting for what no cluster can be made of. */
export function checkInitSettings(settings: InitSettings): void {
  const { cluster, nodeName, advertiseAddress, bindPort } = settings;
  checkNodeName(nodeName);
  canonicalIp(advertiseAddress);
  if (!Number.isInteger(bindPort) || bindPort < 1 || bindPort > 65_535)
    throw invalidArgument(`the API server's port ${bindPort} is not between 1 and 65535`);
  checkLives(cluster);
  checkSubnet('the service subnet', cluster.serviceSubnet, 12, 28);
  checkSubnet('the pod subnet', cluster.podSubnet, 8, 24);
  if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(cluster.dnsDomain))
    throw invalidArgument(`the DNS domain "${cluster.dnsDomain}" is no domain name in lower case`);
}

/** How long certificates hold, as Go writes durations. */
export function validityText(ms: number): string {
  return formatDuration(BigInt(Math.round(ms)) * 1_000_000n);
}

/** Shorter, and clocks that are a little apart would make each of them useless. */
const SHORTEST_LIFE_MS = 10_000;

function checkLives({ certificateValidityMs: leafMs, caCertificateValidityMs: caMs }: ClusterSettings): void {
  if (leafMs < SHORTEST_LIFE_MS)
    throw invalidArgument('certificates have to hold for 10 seconds at least; see certificateValidityPeriod');
  if (caMs < leafMs)
    throw invalidArgument('a CA has to hold as long as what it signs; see caCertificateValidityPeriod');
}

/** A node's name is a DNS subdomain (RFC 1123). */
export function checkNodeName(name: string): void {
  if (name.length > 253 || !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name))
    throw invalidArgument(`"${name}" is no node name: use lower case letters, digits, "-" and "."; see --node-name`);
}

/** kubeadm's limits: a service range of at least 10 addresses (the DNS address), and a pod range that is cut into /24 for nodes. */
function checkSubnet(what: string, text: string, least: number, most: number): void {
  const { family, prefix } = parseCidr(text);
  if (family !== 4) throw invalidArgument(`${what} ${text}: IPv6 is not supported here yet`);
  if (prefix < least || prefix > most)
    throw invalidArgument(`${what} ${text} has to have a prefix between /${least} and /${most}`);
}
