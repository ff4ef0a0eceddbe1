import { durationMs } from '../../api/duration.ts';
import { parseNodeLabels } from '../../api/node-flags.ts';
import { isAbsentList } from '../../api/schema/zero.ts';
import type { BootstrapToken } from '../../api/types/gen/bootstraptoken-v1.ts';
import type { ClusterConfiguration, InitConfiguration, Timeouts } from '../../api/types/gen/kubeadm-v1beta4.ts';
import { canonicalIp } from '../../base/cidr.ts';
import { invalidArgument } from '../../base/errors.ts';
import type { KeyAlgorithm } from '../../pki/key-algorithms.ts';
import { isReachable, nodeAddresses } from '../node-address.ts';
import {
  type ClusterSettings,
  CONTROL_PLANE_TAINT,
  checkNodeName,
  type EtcdSettings,
  hostInUrl,
  type InitSettings,
  type Patience,
} from '../settings.ts';
import type { StoredToken } from '../tokens/stored-token.ts';
import { hostPort } from './field-rules.ts';

/** What `init` is told: both kinds with their defaults, and the parts of the other two that were written. */
export interface InitConfigurations {
  readonly init: InitConfiguration;
  readonly cluster: ClusterConfiguration;
  readonly kubelet: Readonly<Record<string, unknown>>;
  readonly proxy: Readonly<Record<string, unknown>>;
  /** Phases that are left out: a cluster without an addon is one where no node does its work. */
  readonly skip: readonly string[];
}

/** What only the machine knows. */
export interface MachineDefaults {
  readonly hostname: string;
  /** The address that the default route leaves by. Throws `invalid-argument` where there is none. */
  readonly address: () => string;
  /** `v1.36.0`: the version that this program claims. */
  readonly version: string;
  readonly newToken: () => string;
  /** Ms since the epoch. */
  readonly now: number;
}

/** Flags of the daemons that extraArgs may name. */
export interface KnownFlags {
  readonly controlPlane: readonly string[];
  readonly node: readonly string[];
}

/** One thing that two kubeadm configurations say, with what the machine fills in. Throws `invalid-argument` that names the field. */
export function initSettings(
  { init, cluster, ...parts }: InitConfigurations,
  machine: MachineDefaults,
  known: KnownFlags,
): InitSettings {
  const { nodeRegistration, localAPIEndpoint } = init;
  const nodeName = (nodeRegistration.name || machine.hostname).toLowerCase();
  checkNodeName(nodeName);
  const advertiseAddress = canonicalIp(localAPIEndpoint.advertiseAddress || machine.address());
  const bindPort = localAPIEndpoint.bindPort ?? 6443;
  if (!isReachable(advertiseAddress))
    throw invalidArgument(
      `localAPIEndpoint.advertiseAddress: ${advertiseAddress} is no address at which other machines reach this one`,
    );
  const nodeArgs = nodeRegistration.kubeletExtraArgs ?? [];
  checkFlags('nodeRegistration.kubeletExtraArgs', nodeArgs, known.node, 'gantry run node');
  const told = (name: string): readonly string[] => nodeArgs.filter(each => each.name === name).map(each => each.value);
  // what the kubelet would refuse is refused before it is started
  for (const text of told('node-ip')) nodeAddresses(text, 'nodeRegistration.kubeletExtraArgs: node-ip');
  return {
    cluster: clusterSettings(cluster, bindPort, machine.version, parts, known),
    nodeName,
    nodeLabels: parseNodeLabels(told('node-labels').join(',')),
    // what is not said is tainted, an empty list is no taint
    taints: isAbsentList(nodeRegistration.taints) ? [CONTROL_PLANE_TAINT] : nodeRegistration.taints,
    nodeArgs: nodeArgs.filter(({ name }) => name !== 'node-labels'),
    advertiseAddress,
    bindPort,
    tokens: (init.bootstrapTokens ?? []).map(token => tokenSettings(token, machine)),
    patience: patienceOf(init.timeouts ?? {}),
  };
}

function clusterSettings(
  config: ClusterConfiguration,
  bindPort: number,
  version: string,
  parts: Pick<InitConfigurations, 'kubelet' | 'proxy' | 'skip'>,
  known: KnownFlags,
): ClusterSettings {
  const { networking, apiServer, controllerManager, scheduler } = config;
  const control = (path: string, args: ClusterSettings['apiServerArgs'] = []): ClusterSettings['apiServerArgs'] => {
    checkFlags(path, args, known.controlPlane, 'gantry run control-plane');
    return args;
  };
  return {
    clusterName: config.clusterName ?? '',
    kubernetesVersion: checkedVersion(config.kubernetesVersion ?? '', version),
    serviceSubnet: networking.serviceSubnet ?? '',
    podSubnet: networking.podSubnet ?? '',
    dnsDomain: networking.dnsDomain ?? '',
    controlPlaneEndpoint: withPort(config.controlPlaneEndpoint ?? '', bindPort),
    imageRepository: config.imageRepository ?? '',
    certificateSans: (apiServer.certSANs ?? []).map(name => name.toLowerCase()),
    certificateValidityMs: durationMs(config.certificateValidityPeriod ?? ''),
    caCertificateValidityMs: durationMs(config.caCertificateValidityPeriod ?? ''),
    keyAlgorithm: config.encryptionAlgorithm as KeyAlgorithm,
    etcd: etcdSettings(config),
    apiServerArgs: control('apiServer.extraArgs', apiServer.extraArgs),
    controllerManagerArgs: control('controllerManager.extraArgs', controllerManager.extraArgs),
    schedulerArgs: control('scheduler.extraArgs', scheduler.extraArgs),
    proxyDisabled: config.proxy.disabled === true || isSkipped('addon/kube-proxy', parts.skip),
    dnsDisabled: config.dns.disabled === true || isSkipped('addon/coredns', parts.skip),
    kubelet: parts.kubelet,
    proxy: parts.proxy,
  };
}

function isSkipped(path: string, skip: readonly string[]): boolean {
  return skip.some(each => each === path || path.startsWith(`${each}/`));
}

function etcdSettings({ etcd: { local, external } }: ClusterConfiguration): EtcdSettings {
  if (external !== undefined) {
    const { endpoints, httpEndpoints = [], caFile, certFile, keyFile } = external;
    return { kind: 'external', endpoints, httpEndpoints, caFile, certFile, keyFile };
  }
  return {
    kind: 'local',
    dataDir: local?.dataDir ?? '',
    args: local?.extraArgs ?? [],
    serverSans: local?.serverCertSANs ?? [],
    peerSans: local?.peerCertSANs ?? [],
  };
}

/** This program is one version, and makes clusters of that one, by its number or by one of kubeadm's labels that leads to it: `stable`, `stable-1`, `latest-1.36`. */
function checkedVersion(asked: string, version: string): string {
  const minor = (text: string): string => text.replace(/^v?(\d+\.\d+).*$/, '$1');
  const own = minor(version);
  const labels = ['stable', 'latest'].flatMap(word => [word, `${word}-${own.replace(/\..*/, '')}`, `${word}-${own}`]);
  if (labels.includes(asked) || minor(asked) === own) return version;
  throw invalidArgument(
    `kubernetesVersion: this gantry makes clusters of ${version}, not of ${asked}: leave it out, or install the gantry of that version`,
  );
}

function withPort(endpoint: string, bindPort: number): string {
  const parts = endpoint === '' ? undefined : hostPort(endpoint);
  return parts === undefined ? '' : `${hostInUrl(parts.host)}:${parts.port ?? bindPort}`;
}

function checkFlags(
  path: string,
  args: readonly { readonly name: string }[],
  known: readonly string[],
  command: string,
): void {
  for (const [index, { name }] of args.entries())
    if (!known.includes(name))
      throw invalidArgument(`${path}[${index}].name: "${name}" is no flag here: "${command} --help" lists them`);
}

function tokenSettings(
  { token, description, ttl, expires, usages = [], groups = [] }: BootstrapToken,
  { newToken, now }: MachineDefaults,
): StoredToken {
  const ttlMs = ttl === undefined ? 0 : durationMs(ttl);
  return {
    token: token || newToken(),
    expires: expires !== undefined ? Date.parse(expires) : ttlMs === 0 ? undefined : now + ttlMs,
    description: description || "The default bootstrap token generated by 'gantry init'.",
    usages,
    groups,
  };
}

function patienceOf(timeouts: Timeouts): Patience {
  const ms = (text: string | undefined): number => durationMs(text ?? '1m');
  return {
    controlPlaneMs: ms(timeouts.controlPlaneComponentHealthCheck),
    kubeletMs: ms(timeouts.kubeletHealthCheck),
    apiCallMs: ms(timeouts.kubernetesAPICall),
    etcdMs: ms(timeouts.etcdAPICall),
  };
}
