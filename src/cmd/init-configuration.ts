import { Command } from 'commander';
import type { KubeletConfiguration } from '../api/types/gen/kubelet-v1beta1.ts';
import type { KubeProxyConfiguration } from '../api/types/gen/kubeproxy-v1alpha1.ts';
import { GantryError, invalidArgument } from '../base/errors.ts';
import type { KnownFlags } from '../bootstrap/configuration/init-settings.ts';
import { KUBEADM_API_VERSION } from '../bootstrap/configuration/kinds.ts';
import {
  type ConfigurationDocument,
  type ConfigurationFile,
  parseConfiguration,
  readConfigurationFile,
} from '../bootstrap/configuration/read-documents.ts';
import { unheededDocuments, unheededFields } from '../bootstrap/configuration/unheeded.ts';
import { ONE_CONTROL_PLANE } from '../bootstrap/settings.ts';
import { type Given, KINDS } from '../bootstrap/standing/documents.ts';
import { KUBELET_FIELDS, unheededByKubelet } from '../kubelet/unheeded-fields.ts';
import { unheededByProxy } from '../proxy/unheeded-fields.ts';
import { apiServerOptions, controllerManagerOptions, nodeOptions, schedulerOptions } from './daemon-options.ts';
import { words } from './flag-values.ts';

/** Flags of `gantry init`, named as kubeadm's; undefined where they were not given. */
export interface InitFlags {
  readonly config?: string;
  readonly apiserverAdvertiseAddress?: string;
  readonly apiserverBindPort?: string;
  readonly apiserverCertExtraSans?: string;
  readonly controlPlaneEndpoint?: string;
  readonly certDir?: string;
  readonly certificateValidityPeriod?: string;
  readonly caCertificateValidityPeriod?: string;
  readonly kubernetesVersion?: string;
  readonly imageRepository?: string;
  readonly nodeName?: string;
  readonly nodeLabels?: string;
  readonly controlPlaneTaint: boolean;
  readonly podNetworkCidr?: string;
  readonly serviceCidr?: string;
  readonly serviceDnsDomain?: string;
  readonly proxyMode?: string;
  readonly token?: string;
  readonly tokenTtl?: string;
  readonly skipTokenPrint?: boolean;
  readonly criSocket?: string;
  readonly featureGates?: string;
  readonly patches?: string;
  readonly certificateKey?: string;
  readonly uploadCerts?: boolean;
  readonly skipCertificateKeyPrint?: boolean;
  readonly skipPhases?: string;
  readonly ignorePreflightErrors?: string;
  readonly dryRun?: boolean;
  /** How much is told, which is always the same. */
  readonly v?: string;
}

/** Flags that may stand beside --config; kubeadm's. */
const BESIDE_CONFIG: readonly (keyof InitFlags)[] = [
  'config',
  'nodeName',
  'ignorePreflightErrors',
  'dryRun',
  'skipPhases',
  'skipTokenPrint',
  'skipCertificateKeyPrint',
  'v',
];

/** What a command is given, with what there is to say of it. */
export interface GivenConfiguration extends Given {
  /** Beside a file, too. */
  readonly nodeName: string | undefined;
  readonly warnings: readonly string[];
}

/** What flags or the file of --config say, and no more, checked by the same rules. Throws `invalid-argument` with everything that is wrong. */
export function givenConfiguration(flags: InitFlags): GivenConfiguration {
  if (flags.uploadCerts === true)
    throw new GantryError('unimplemented', `${ONE_CONTROL_PLANE}: leave --upload-certs out`);
  if (flags.config === undefined)
    return givenOf('flags', parseConfiguration(documentsOfFlags(flags), 'flags', 'fields'), flags);
  const mixed = Object.entries(flags)
    .filter(
      ([name, value]) => !BESIDE_CONFIG.some(each => each === name) && value !== undefined && !isUntold(name, value),
    )
    .map(([name]) => name.replace(/[A-Z]/g, capital => `-${capital.toLowerCase()}`));
  if (mixed.length > 0) throw invalidArgument(`can not mix '--config' with arguments [${mixed.join(' ')}]`);
  const file = readConfigurationFile(flags.config);
  const kinds = file.documents.map(({ kind }) => kind);
  if (!kinds.includes('InitConfiguration') && !kinds.includes('ClusterConfiguration'))
    throw invalidArgument(
      `${flags.config}: no InitConfiguration or ClusterConfiguration kind was found in the configuration file`,
    );
  return givenOf('file', file, flags);
}

/** commander says true where `--no-…` was not given. */
function isUntold(name: string, value: unknown): boolean {
  return name === 'controlPlaneTaint' && value === true;
}

function givenOf(
  by: Given['by'],
  { documents, warnings }: ConfigurationFile,
  { nodeName }: InitFlags,
): GivenConfiguration {
  const of = (kind: string) => documents.find(document => document.kind === kind)?.written;
  return {
    by,
    documents: {
      init: of(KINDS.init),
      cluster: of(KINDS.cluster),
      kubelet: of(KINDS.kubelet),
      proxy: of(KINDS.proxy),
    },
    nodeName,
    warnings: [
      ...warnings,
      ...unheededDocuments(documents, 'init'),
      ...unheededFields(documents),
      ...documents.flatMap(unheededByDaemons),
    ],
  };
}

/** What the daemons of a node make nothing of. */
function unheededByDaemons({ kind, object }: ConfigurationDocument): readonly string[] {
  if (kind === KINDS.kubelet) return unheededByKubelet(object as KubeletConfiguration);
  return kind === KINDS.proxy ? unheededByProxy(object as KubeProxyConfiguration, 'beside-kubelet') : [];
}

/** A phase of an addon that is run alone without a file asks for that addon, which the cluster may have been made without. */
export function withAddon(path: string, given: GivenConfiguration): GivenConfiguration {
  const fields = { 'addon/all': ['proxy', 'dns'], 'addon/kube-proxy': ['proxy'], 'addon/coredns': ['dns'] }[path] ?? [];
  if (given.by === 'file' || fields.length === 0) return given;
  const enabled = Object.fromEntries(fields.map(field => [field, { disabled: false }]));
  return { ...given, documents: { ...given.documents, cluster: { ...given.documents.cluster, ...enabled } } };
}

/** The documents that the flags stand for. */
function documentsOfFlags(flags: InitFlags): string {
  const list = (text: string | undefined): string[] | undefined => (text === undefined ? undefined : words(text));
  const init = {
    apiVersion: KUBEADM_API_VERSION,
    kind: 'InitConfiguration',
    ...(flags.token === undefined && flags.tokenTtl === undefined
      ? {}
      : { bootstrapTokens: [{ token: flags.token, ttl: flags.tokenTtl }] }),
    localAPIEndpoint: {
      advertiseAddress: flags.apiserverAdvertiseAddress,
      bindPort: flags.apiserverBindPort === undefined ? undefined : portOf(flags.apiserverBindPort),
    },
    nodeRegistration: {
      criSocket: flags.criSocket,
      ...(flags.controlPlaneTaint ? {} : { taints: [] }),
      ...(flags.nodeLabels ? { kubeletExtraArgs: [{ name: 'node-labels', value: flags.nodeLabels }] } : {}),
    },
    certificateKey: flags.certificateKey,
    ...(flags.patches === undefined ? {} : { patches: { directory: flags.patches } }),
  };
  const cluster = {
    apiVersion: KUBEADM_API_VERSION,
    kind: 'ClusterConfiguration',
    apiServer: { certSANs: list(flags.apiserverCertExtraSans) },
    caCertificateValidityPeriod: flags.caCertificateValidityPeriod,
    certificateValidityPeriod: flags.certificateValidityPeriod,
    certificatesDir: flags.certDir,
    controlPlaneEndpoint: flags.controlPlaneEndpoint,
    featureGates: Object.fromEntries(
      (list(flags.featureGates) ?? []).map(gate => [gate.replace(/=.*/, ''), gate.endsWith('=true')]),
    ),
    imageRepository: flags.imageRepository,
    kubernetesVersion: flags.kubernetesVersion,
    networking: {
      dnsDomain: flags.serviceDnsDomain,
      podSubnet: flags.podNetworkCidr,
      serviceSubnet: flags.serviceCidr,
    },
  };
  const proxy = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: KINDS.proxy,
    mode: flags.proxyMode,
  };
  return [init, cluster, ...(flags.proxyMode === undefined ? [] : [proxy])]
    .map(each => JSON.stringify(each))
    .join('\n---\n');
}

function portOf(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw invalidArgument(`--apiserver-bind-port: "${text}" is not a port`);
  return Number(text);
}

/** The flags of the daemons that extraArgs may name. */
export function knownFlags(): KnownFlags {
  const names = (command: Command): string[] => command.options.map(({ long }) => (long ?? '').slice(2));
  return {
    apiServer: names(apiServerOptions(new Command())),
    controllerManager: names(controllerManagerOptions(new Command())),
    // its name on the common command line is taken, too
    scheduler: [...names(schedulerOptions(new Command())), 'scheduler-healthz-port'],
    node: names(nodeOptions(new Command())),
    kubeletFields: KUBELET_FIELDS,
  };
}
