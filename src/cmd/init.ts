import { hostname } from 'node:os';
import { durationMs } from '../api/duration.ts';
import { systemClock } from '../base/clock.ts';
import { invalidArgument } from '../base/errors.ts';
import { filesBelow } from '../bootstrap/files.ts';
import type { InitContext } from '../bootstrap/init/context.ts';
import { INIT_PHASES } from '../bootstrap/init/phases.ts';
import { checkPhases, runPhase, runPhases } from '../bootstrap/phases.ts';
import type { InitSettings } from '../bootstrap/settings.ts';
import { generateToken } from '../bootstrap/token.ts';
import { defaultAddress } from './default-address.ts';
import { labelsFlag, words } from './flag-values.ts';
import { gantryArgv } from './gantry-argv.ts';
import { untilInterrupted } from './interrupt.ts';
import { servicesHere } from './services-here.ts';
import { VERSION } from './version.ts';

/** Flags of `gantry init`, named as kubeadm's. */
export interface InitFlags {
  readonly apiserverAdvertiseAddress?: string;
  readonly apiserverBindPort: string;
  readonly apiserverCertExtraSans: string;
  readonly certificateValidityPeriod: string;
  readonly caCertificateValidityPeriod: string;
  readonly nodeName?: string;
  readonly nodeLabels: string;
  readonly podNetworkCidr: string;
  readonly serviceCidr: string;
  readonly serviceDnsDomain: string;
  readonly token?: string;
  readonly tokenTtl: string;
  readonly ignorePreflightErrors: string;
  readonly controlPlaneTaint: boolean;
}

/** `gantry init`: makes this machine the first node of a cluster. Returns the exit code. Safe to run again. */
export function initCommand(flags: InitFlags & { readonly skipPhases: string }): Promise<number> {
  return untilInterrupted(async signal => {
    const skip = words(flags.skipPhases);
    checkPhases(skip, INIT_PHASES, '--skip-phases: ');
    const context = contextOf(flags);
    console.log(`[init] Using Kubernetes version: ${context.settings.cluster.kubernetesVersion}`);
    await runPhases(INIT_PHASES, context, {
      skip,
      faultPointAfter: name => `bootstrap/init/${name}`,
      write: line => console.log(line),
      signal,
    });
    return 0;
  });
}

/** `gantry init phase …`: one phase alone, `certs/ca` for a part of one. Returns the exit code. */
export function initPhaseCommand(path: string, flags: InitFlags): Promise<number> {
  return untilInterrupted(async signal => {
    await runPhase(INIT_PHASES, path, contextOf(flags), { write: line => console.log(line), signal });
    return 0;
  });
}

function contextOf(flags: InitFlags): InitContext {
  return {
    settings: settingsOf(flags),
    files: filesBelow('/'),
    services: servicesHere(),
    gantry: gantryArgv(),
    ignoredChecks: words(flags.ignorePreflightErrors),
    clock: systemClock,
    print: text => console.log(text),
  };
}

function settingsOf(flags: InitFlags): InitSettings {
  const nodeName = (flags.nodeName ?? hostname()).toLowerCase();
  return {
    cluster: {
      clusterName: 'kubernetes',
      kubernetesVersion: VERSION.replace(/\+.*/, ''),
      serviceSubnet: flags.serviceCidr,
      podSubnet: flags.podNetworkCidr,
      dnsDomain: flags.serviceDnsDomain,
      certificateSans: words(flags.apiserverCertExtraSans),
      certificateValidityMs: durationMs(flags.certificateValidityPeriod),
      caCertificateValidityMs: durationMs(flags.caCertificateValidityPeriod),
    },
    nodeName,
    nodeLabels: labelsFlag(flags.nodeLabels),
    advertiseAddress: flags.apiserverAdvertiseAddress ?? defaultAddress('--apiserver-advertise-address'),
    bindPort: portOf(flags.apiserverBindPort),
    token: flags.token ?? generateToken(),
    tokenTtlMs: durationMs(flags.tokenTtl),
    taintControlPlane: flags.controlPlaneTaint,
  };
}

function portOf(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw invalidArgument(`--apiserver-bind-port: "${text}" is not a port`);
  return Number(text);
}
