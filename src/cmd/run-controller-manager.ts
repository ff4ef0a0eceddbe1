import { readFileSync } from 'node:fs';
import { durationMs } from '../api/duration.ts';
import { systemClock } from '../base/clock.ts';
import { errorMessage, invalidArgument } from '../base/errors.ts';
import { ApiConnection } from '../client/connection.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import { allControllers, type ControllerSettings, chosenControllers } from '../controllers/all.ts';
import { SigningAuthority } from '../controllers/certificates/signing-authority.ts';
import { nodeCidrRanges } from '../controllers/node-ipam/ranges.ts';
import type { NodeLifecycleSettings } from '../controllers/node-lifecycle/node-lifecycle.ts';
import { CONTROLLERS_LEASE, runControllers } from '../controllers/run-controllers.ts';
import type { Component } from '../daemon/component.ts';
import { healthServer } from '../daemon/health-server.ts';
import { createLogger, type Logger } from '../daemon/logger.ts';
import { loopLag } from '../daemon/loop-lag.ts';
import { mainLoop } from '../daemon/main-loop.ts';
import { createRegistry, type Registry } from '../daemon/metrics.ts';
import { candidateLives } from './candidate-lives.ts';
import { kubeconfigCertificate } from './client-certificate.ts';
import { booleanFlag, portFlag } from './flag-values.ts';
import { selfSignedForLoopback } from './self-signed.ts';
import { VERSION } from './version.ts';

/** Flags of `gantry run controller-manager`, named as upstream's. */
export interface ControllerManagerFlags {
  readonly kubeconfig: string;
  readonly controllers: string;
  readonly rootCaFile?: string;
  readonly terminatedPodGcThreshold: string;
  readonly clusterSigningCertFile?: string;
  readonly clusterSigningKeyFile?: string;
  readonly clusterSigningDuration: string;
  readonly allocateNodeCidrs: string;
  readonly clusterCidr?: string;
  readonly nodeCidrMaskSize?: string;
  readonly nodeCidrMaskSizeIpv4?: string;
  readonly nodeCidrMaskSizeIpv6?: string;
  readonly serviceClusterIpRange?: string;
  readonly nodeMonitorPeriod: string;
  readonly nodeMonitorGracePeriod: string;
  readonly nodeStartupGracePeriod: string;
  readonly nodeEvictionRate: string;
  readonly secondaryNodeEvictionRate: string;
  readonly largeClusterSizeThreshold: string;
  readonly unhealthyZoneThreshold: string;
  readonly useServiceAccountCredentials: string;
  readonly leaderElect: string;
  readonly leaderElectLivesDir: string;
  readonly healthzPort: string;
}

/** `gantry run controller-manager`. Returns the exit code. */
export async function runControllerManager(flags: ControllerManagerFlags): Promise<number> {
  const log = createLogger({ daemon: 'controller-manager' });
  try {
    const registry = createRegistry();
    const { components, close } = openControllerManager(flags, registry, log);
    try {
      return await mainLoop([...components, loopLag(registry)], log);
    } finally {
      close();
    }
  } catch (error) {
    log.fatal(errorMessage(error));
    return 1;
  }
}

/** What a controller manager consists of; `close` lets go of what is open beside them once they have ended. */
export function openControllerManager(
  flags: ControllerManagerFlags,
  registry: Registry,
  log: Logger,
): { readonly components: readonly Component[]; close(): void } {
  const endpoint = readKubeconfig(flags.kubeconfig);
  const connection = new ApiConnection(endpoint, { userAgent: `gantry-controller-manager/${VERSION}` });
  const rootCa = flags.rootCaFile === undefined ? endpoint.ca : readText(flags.rootCaFile, '--root-ca-file');
  const terminatedPodThreshold = count(flags.terminatedPodGcThreshold, '--terminated-pod-gc-threshold');
  const rows = allControllers({
    terminatedPodThreshold,
    nodeLifecycle: nodeLifecycleOf(flags),
    ...(rootCa === undefined ? {} : { rootCa }),
    ...signingOf(flags),
    ...nodeCidrsOf(flags),
  });
  const controllers = runControllers({
    connection,
    rows: chosenControllers(rows, words(flags.controllers)),
    useServiceAccountCredentials: booleanFlag(flags.useServiceAccountCredentials, '--use-service-account-credentials'),
    leaderElect: booleanFlag(flags.leaderElect, '--leader-elect'),
    lives: candidateLives(flags.leaderElectLivesDir, CONTROLLERS_LEASE),
    clock: systemClock,
    log,
  });
  const health = healthServer({
    host: '127.0.0.1',
    port: portFlag(flags.healthzPort, '--healthz-port'),
    // componentstatuses ask by HTTPS, and kubeadm too
    tls: selfSignedForLoopback('kube-controller-manager', systemClock.now()),
    checks: [],
    registry,
  });
  const certificate = kubeconfigCertificate(flags.kubeconfig, connection, { clock: systemClock, log });
  return { components: [controllers, health, ...certificate], close: () => connection.close() };
}

function signingOf(flags: ControllerManagerFlags): Pick<ControllerSettings, 'signing'> {
  const { clusterSigningCertFile: certificate, clusterSigningKeyFile: key, clusterSigningDuration: duration } = flags;
  if (certificate === undefined && key === undefined) return {};
  if (certificate === undefined || key === undefined)
    throw invalidArgument('--cluster-signing-cert-file and --cluster-signing-key-file go together');
  const maxMs = positiveDuration(duration, '--cluster-signing-duration');
  return { signing: { authority: new SigningAuthority(certificate, key), maxMs } };
}

function nodeCidrsOf(flags: ControllerManagerFlags): Pick<ControllerSettings, 'nodeCidrs'> {
  if (!booleanFlag(flags.allocateNodeCidrs, '--allocate-node-cidrs')) return {};
  const ranges = nodeCidrRanges({
    clusterCidr: flags.clusterCidr,
    maskSize: flags.nodeCidrMaskSize,
    maskSizeIpv4: flags.nodeCidrMaskSizeIpv4,
    maskSizeIpv6: flags.nodeCidrMaskSizeIpv6,
    serviceRanges: flags.serviceClusterIpRange,
  });
  return { nodeCidrs: ranges };
}

function nodeLifecycleOf(flags: ControllerManagerFlags): NodeLifecycleSettings {
  return {
    periodMs: positiveDuration(flags.nodeMonitorPeriod, '--node-monitor-period'),
    grace: {
      monitorMs: positiveDuration(flags.nodeMonitorGracePeriod, '--node-monitor-grace-period'),
      startupMs: positiveDuration(flags.nodeStartupGracePeriod, '--node-startup-grace-period'),
    },
    rates: {
      normal: fraction(flags.nodeEvictionRate, '--node-eviction-rate'),
      secondary: fraction(flags.secondaryNodeEvictionRate, '--secondary-node-eviction-rate'),
      largeZone: count(flags.largeClusterSizeThreshold, '--large-cluster-size-threshold'),
      unhealthy: fraction(flags.unhealthyZoneThreshold, '--unhealthy-zone-threshold'),
    },
  };
}

function readText(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw invalidArgument(`${name}: ${errorMessage(error)}`);
  }
}

function words(text: string): string[] {
  return text
    .split(',')
    .map(word => word.trim())
    .filter(word => word !== '');
}

function count(text: string, name: string): number {
  if (!/^\d{1,9}$/.test(text)) throw invalidArgument(`${name}: ${JSON.stringify(text)} is not a number from 0 on`);
  return Number(text);
}

function fraction(text: string, name: string): number {
  if (!/^\d{1,9}(\.\d{1,9})?$/.test(text))
    throw invalidArgument(`${name}: ${JSON.stringify(text)} is not a number from 0 on`);
  return Number(text);
}

/** In milliseconds. */
function positiveDuration(text: string, name: string): number {
  const ms = durationMs(text);
  if (ms <= 0) throw invalidArgument(`${name}: ${JSON.stringify(text)} is not longer than 0`);
  return ms;
}
