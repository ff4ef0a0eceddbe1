import { hostname } from 'node:os';
import { durationMs } from '../api/duration.ts';
import { systemClock } from '../base/clock.ts';
import { invalidArgument } from '../base/errors.ts';
import { filesBelow } from '../bootstrap/files.ts';
import { caPin, INIT_PHASES, type InitPhaseName } from '../bootstrap/init.ts';
import { runPhases } from '../bootstrap/phases.ts';
import { hostInUrl, type InitSettings } from '../bootstrap/settings.ts';
import { generateToken } from '../bootstrap/token.ts';
import { isInsideHost, servicesInside } from '../local-cluster/host/inside.ts';
import { defaultAddress } from './default-address.ts';
import { labelsFlag, words } from './flag-values.ts';
import { gantryArgv } from './gantry-argv.ts';
import { untilInterrupted } from './interrupt.ts';
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
  readonly skipPhases: string;
  readonly controlPlaneTaint: boolean;
}

/** `gantry init`: makes this machine the first node of a cluster. Returns the exit code. Safe to run again. */
export function initCommand(flags: InitFlags): Promise<number> {
  return untilInterrupted(async signal => {
    const files = filesBelow('/');
    const settings = settingsOf(flags);
    const skip = words(flags.skipPhases).map(phaseName);
    console.log(`[init] Using Kubernetes version: ${settings.cluster.kubernetesVersion}`);
    await runPhases(
      INIT_PHASES,
      {
        settings,
        files,
        services: isInsideHost() ? servicesInside() : undefined,
        gantry: gantryArgv(),
        ignoredChecks: words(flags.ignorePreflightErrors),
        clock: systemClock,
      },
      { skip, faultPointAfter: name => `bootstrap/init/${name}`, write: line => console.log(line), signal },
    );
    console.log(`
Your Kubernetes control-plane has initialized successfully!

To use the cluster here:

  export KUBECONFIG=${files.adminConf}

Other machines join it, as root, with:

  gantry join ${hostInUrl(settings.advertiseAddress)}:${settings.bindPort} --token ${settings.token} \\
    --discovery-token-ca-cert-hash ${caPin(files)}`);
    return 0;
  });
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

function phaseName(text: string): InitPhaseName {
  const found = INIT_PHASES.find(({ name }) => name === text);
  if (found === undefined)
    throw invalidArgument(
      `--skip-phases: there is no phase "${text}"; there are ${INIT_PHASES.map(p => p.name).join(', ')}`,
    );
  return found.name;
}

function portOf(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw invalidArgument(`--apiserver-bind-port: "${text}" is not a port`);
  return Number(text);
}
