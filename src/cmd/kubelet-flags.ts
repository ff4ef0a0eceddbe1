import { hostname } from 'node:os';
import { durationMs } from '../api/duration.ts';
import { parseNodeLabels, parseTaints } from '../api/node-flags.ts';
import type { KubeletConfiguration } from '../api/types/gen/kubelet-v1beta1.ts';
import { invalidArgument } from '../base/errors.ts';
import type { Logger } from '../daemon/logger.ts';
import { evictionThresholds } from '../kubelet/node/eviction-thresholds.ts';
import type { NodeSetup } from '../kubelet/node/node-reporting.ts';
import type { CredentialPlaces } from './kubelet-credentials.ts';
import { VERSION } from './version.ts';

/** Flags of `gantry run kubelet`; each overrides the configuration file. */
export interface KubeletFlags {
  readonly standalone?: boolean;
  readonly kubeconfig?: string;
  readonly bootstrapKubeconfig?: string;
  readonly certDir?: string;
  readonly nodeIp?: string;
  readonly nodeLabels?: string;
  readonly registerWithTaints?: string;
  readonly config?: string;
  readonly containerRuntimeEndpoint?: string;
  readonly imageServiceEndpoint?: string;
  readonly podManifestPath?: string;
  readonly rootDir: string;
  readonly hostnameOverride?: string;
  readonly podLogDir?: string;
  readonly clientCaFile?: string;
  readonly tlsCertFile?: string;
  readonly tlsPrivateKeyFile?: string;
  readonly certificateValidityPeriod?: string;
  readonly port?: string;
  readonly healthzPort?: string;
}

/** Where the credentials of this node are; undefined where it runs without an API server. Asks for the host name alone. */
export function credentialPlaces(flags: KubeletFlags, log: Logger): CredentialPlaces | undefined {
  if (flags.kubeconfig === undefined) return undefined;
  return {
    nodeName: nodeNameOf(flags),
    kubeconfig: flags.kubeconfig,
    bootstrapKubeconfig: flags.bootstrapKubeconfig,
    certificateDir: certificateDirOf(flags),
    userAgent: `gantry-kubelet/${VERSION}`,
    log,
  };
}

/** As upstream: the host's name unless told otherwise, in lower case. */
export function nodeNameOf(flags: KubeletFlags): string {
  return (flags.hostnameOverride ?? hostname()).toLowerCase();
}

/** Where a kubelet keeps the certificates that it gets. Pure. */
export function certificateDirOf(flags: KubeletFlags): string {
  return flags.certDir ?? `${flags.rootDir}/pki`;
}

/** What the Node is registered with, by flags and configuration. Throws `invalid-argument` on a flag that cannot be read. Pure. */
export function nodeSetup(flags: KubeletFlags, config: KubeletConfiguration): NodeSetup {
  return {
    register: config.registerNode !== false,
    labels: parseNodeLabels(flags.nodeLabels ?? ''),
    taints:
      flags.registerWithTaints === undefined
        ? (config.registerWithTaints ?? [])
        : parseTaints(flags.registerWithTaints),
    kubeletVersion: VERSION,
    port: portOf(flags.port, config.port ?? 10250, '--port'),
    thresholds: evictionThresholds(config.evictionHard),
    pressureTransitionMs: durationMs(config.evictionPressureTransitionPeriod),
    statusCheckMs: durationMs(config.nodeStatusUpdateFrequency),
    statusReportMs: durationMs(config.nodeStatusReportFrequency),
    leaseSeconds: config.nodeLeaseDurationSeconds ?? 40,
  };
}

/** The port of a flag, else the configured one. Throws `invalid-argument`. Pure. */
export function portOf(flag: string | undefined, configured: number, name: string): number {
  if (flag === undefined) return configured;
  if (!/^\d{1,5}$/.test(flag) || Number(flag) > 65535) throw invalidArgument(`${name}: "${flag}" is not a port`);
  return Number(flag);
}
