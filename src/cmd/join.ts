import { hostname } from 'node:os';
import { parseNodeLabels } from '../api/node-flags.ts';
import { fieldErrorText } from '../api/validation/field-error.ts';
import { GantryError, invalidArgument } from '../base/errors.ts';
import { noPatches } from '../bootstrap/configuration/field-rules.ts';
import { criSocket } from '../bootstrap/configuration/validate-init.ts';
import type { NodeIdentity } from '../bootstrap/daemons/node.ts';
import { checkDiscoveryFile } from '../bootstrap/discovery/file.ts';
import { filesBelow } from '../bootstrap/files.ts';
import type { JoinContext } from '../bootstrap/join/context.ts';
import { JOIN_PHASES, type JoinPhaseName } from '../bootstrap/join/phases.ts';
import { type DiscoveryFlags, settingsOfFlags } from '../bootstrap/join/settings.ts';
import { nodeAddresses } from '../bootstrap/node-address.ts';
import { checkPhases, runPhase, runPhases } from '../bootstrap/phases.ts';
import { ONE_CONTROL_PLANE } from '../bootstrap/settings.ts';
import type { FaultPoint } from '../linux/fault-point.ts';
import { isInsideHost } from '../local-cluster/host/inside.ts';
import { defaultAddress } from './default-address.ts';
import { words } from './flag-values.ts';
import { gantryArgv } from './gantry-argv.ts';
import { type Hold, holdingNode } from './hold-node.ts';
import { untilInterrupted } from './interrupt.ts';
import type { GivenJoin } from './join-configuration.ts';
import { exitCodeOf, withPrepared } from './preflight-exit.ts';
import { runtimeSockets } from './runtime-sockets.ts';
import { servicesHere } from './services-here.ts';

/** Flags of `gantry join`, named as kubeadm's where it has them. */
export interface JoinFlags {
  readonly token: string;
  readonly discoveryToken: string;
  readonly tlsBootstrapToken: string;
  readonly discoveryFile: string;
  readonly discoveryTokenCaCertHash: readonly string[];
  readonly discoveryTokenUnsafeSkipCaVerification?: boolean;
  readonly nodeName?: string;
  readonly nodeIp?: string;
  readonly nodeLabels: string;
  readonly criSocket?: string;
  readonly patches?: string;
  readonly config?: string;
  readonly controlPlane?: boolean;
  readonly certificateKey?: string;
  readonly apiserverAdvertiseAddress?: string;
  readonly apiserverBindPort?: string;
  readonly dryRun?: boolean;
  readonly ignorePreflightErrors: string;
}

/** `gantry join HOST:PORT`: makes this machine a node of a cluster. Returns the exit code. Safe to run again. */
export function joinCommand(
  endpoint: string | undefined,
  flags: JoinFlags & { readonly skipPhases: string },
): Promise<number> {
  const prepareAll = async (hold: Hold): Promise<Prepared> => {
    const { context, skipPhases } = await prepare(endpoint, flags, hold);
    // kubeadm's rule: a flag stands in the place of what the file says
    const told = words(flags.skipPhases);
    const skip = told.length > 0 ? told : skipPhases;
    checkPhases(skip, JOIN_PHASES, told.length > 0 ? '--skip-phases: ' : 'skipPhases: ');
    if (skip.includes('preflight')) context.found.hasPassed = true;
    return { context, skipPhases: skip };
  };
  const write = (line: string): void => console.log(line);
  return untilInterrupted(signal =>
    holdingNode('gantry join', hold =>
      withPrepared(
        () => prepareAll(hold),
        ({ context, skipPhases: skip }) =>
          exitCodeOf(async () => {
            const faultPointAfter = (name: JoinPhaseName): FaultPoint => `bootstrap/join/${name}`;
            await runPhases(JOIN_PHASES, context, { skip, faultPointAfter, write, signal });
            write(context.dryRun ? '\nThe node would have joined the cluster: nothing was changed.' : JOINED);
          }),
      ),
    ),
  );
}

/** `gantry join phase …`: one phase alone. Returns the exit code. */
export function joinPhaseCommand(path: string, endpoint: string | undefined, flags: JoinFlags): Promise<number> {
  return untilInterrupted(signal =>
    holdingNode(path === 'preflight' ? undefined : `gantry join phase ${path}`, hold =>
      withPrepared(
        () => prepare(endpoint, flags, hold),
        ({ context }) =>
          exitCodeOf(() => runPhase(JOIN_PHASES, path, context, { write: line => console.log(line), signal })),
      ),
    ),
  );
}

const JOINED = `
This node has joined the cluster:
* Certificate signing request was sent to apiserver and a response was received.
* The Kubelet was informed of the new secure connection details.

Run 'kubectl get nodes' on the control-plane to see this node join the cluster.`;

interface Prepared {
  readonly context: JoinContext;
  readonly skipPhases: readonly string[];
}

async function prepare(endpoint: string | undefined, flags: JoinFlags, hold: Hold): Promise<Prepared> {
  const asked = Object.entries({
    'control-plane': flags.controlPlane,
    'certificate-key': flags.certificateKey,
    'apiserver-advertise-address': flags.apiserverAdvertiseAddress,
    'apiserver-bind-port': flags.apiserverBindPort,
  }).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`]));
  if (asked.length > 0)
    throw new GantryError('unimplemented', `${ONE_CONTROL_PLANE}: leave ${asked.join(' and ')} out`);
  const wrong = [
    ...(flags.criSocket === undefined ? [] : criSocket('--cri-socket', flags.criSocket)),
    ...(flags.patches === undefined ? [] : noPatches({ directory: flags.patches }, '--patches')),
  ];
  if (wrong.length > 0) throw invalidArgument(wrong.map(fieldErrorText).join('\n'));
  const given = flags.config === undefined ? undefined : await fromFile(flags.config, endpoint, flags);
  for (const warning of given?.warnings ?? []) console.log(`[config] WARNING: ${warning}`);
  const settings = given?.settings ?? settingsOfFlags(discoveryOf(endpoint, flags), nodeOf(flags));
  if ('file' in settings.discovery) checkDiscoveryFile(settings.discovery.file);
  const dryRun = flags.dryRun ?? given?.dryRun ?? false;
  if (!dryRun) await hold();
  return {
    context: {
      settings,
      files: filesBelow('/', { caCertPath: given?.caCertPath }),
      services: servicesHere(),
      gantry: gantryArgv(),
      runtimeSockets: runtimeSockets(),
      ignoredChecks: [...(given?.ignoredChecks ?? []), ...words(flags.ignorePreflightErrors)],
      dryRun,
      insideHost: isInsideHost(),
      found: {},
      print: text => console.log(text),
    },
    skipPhases: given?.skipPhases ?? [],
  };
}

/** kubeadm's rule: what the file says cannot be said by flags, too. */
async function fromFile(path: string, endpoint: string | undefined, flags: JoinFlags): Promise<GivenJoin> {
  const mixed = Object.entries({
    'HOST:PORT': endpoint,
    token: flags.token,
    'discovery-token': flags.discoveryToken,
    'tls-bootstrap-token': flags.tlsBootstrapToken,
    'discovery-file': flags.discoveryFile,
    'discovery-token-ca-cert-hash': flags.discoveryTokenCaCertHash.join(','),
    'discovery-token-unsafe-skip-ca-verification': flags.discoveryTokenUnsafeSkipCaVerification,
    'cri-socket': flags.criSocket,
    patches: flags.patches,
  }).flatMap(([name, value]) => (value === undefined || value === '' ? [] : [name]));
  if (mixed.length > 0) throw invalidArgument(`can not mix '--config' with arguments [${mixed.join(' ')}]`);
  const { joinConfiguration } = await import('./join-configuration.ts');
  return joinConfiguration(path, { nodeName: flags.nodeName, nodeIp: flags.nodeIp, nodeLabels: flags.nodeLabels });
}

function nodeOf(flags: JoinFlags): NodeIdentity {
  return {
    nodeName: (flags.nodeName ?? hostname()).toLowerCase(),
    addresses: nodeAddresses(flags.nodeIp ?? defaultAddress('--node-ip')),
    labels: parseNodeLabels(flags.nodeLabels),
    taints: [],
  };
}

function discoveryOf(endpoint: string | undefined, flags: JoinFlags): DiscoveryFlags {
  return {
    endpoint: endpoint ?? '',
    token: flags.token,
    discoveryToken: flags.discoveryToken,
    tlsBootstrapToken: flags.tlsBootstrapToken,
    discoveryFile: flags.discoveryFile,
    pins: flags.discoveryTokenCaCertHash,
    skipCaVerification: flags.discoveryTokenUnsafeSkipCaVerification === true,
  };
}
