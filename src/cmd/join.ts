import { hostname } from 'node:os';
import { invalidArgument } from '../base/errors.ts';
import { filesBelow } from '../bootstrap/files.ts';
import { JOIN_PHASES, type JoinContext } from '../bootstrap/join.ts';
import { checkPhases, runPhases } from '../bootstrap/phases.ts';
import { isInsideHost } from '../local-cluster/host/inside.ts';
import { defaultAddress } from './default-address.ts';
import { labelsFlag, words } from './flag-values.ts';
import { gantryArgv } from './gantry-argv.ts';
import { untilInterrupted } from './interrupt.ts';
import { exitCodeOf } from './preflight-exit.ts';
import { servicesHere } from './services-here.ts';

/** Flags of `gantry join`, named as kubeadm's where it has them. */
export interface JoinFlags {
  readonly token: string;
  readonly discoveryTokenCaCertHash: readonly string[];
  readonly discoveryTokenUnsafeSkipCaVerification?: boolean;
  readonly nodeName?: string;
  readonly nodeIp?: string;
  readonly nodeLabels: string;
  readonly ignorePreflightErrors: string;
  readonly skipPhases: string;
}

/** `gantry join HOST:PORT`: makes this machine a node of a cluster. Returns the exit code. Safe to run again. */
export function joinCommand(endpoint: string, flags: JoinFlags): Promise<number> {
  return untilInterrupted(async signal => {
    if (!/^(\[[0-9a-fA-F:]+\]|[^:/\s]+):\d{1,5}$/.test(endpoint))
      throw invalidArgument(`"${endpoint}" is not HOST:PORT, as "gantry init" has said it`);
    const skip = words(flags.skipPhases);
    checkPhases(skip, JOIN_PHASES, '--skip-phases: ');
    const context: JoinContext = {
      endpoint,
      token: flags.token,
      pins: flags.discoveryTokenCaCertHash,
      skipCaVerification: flags.discoveryTokenUnsafeSkipCaVerification === true,
      node: {
        nodeName: (flags.nodeName ?? hostname()).toLowerCase(),
        address: flags.nodeIp ?? defaultAddress('--node-ip'),
        labels: labelsFlag(flags.nodeLabels),
        taints: [],
      },
      files: filesBelow('/'),
      services: servicesHere(),
      gantry: gantryArgv(),
      ignoredChecks: words(flags.ignorePreflightErrors),
      insideHost: isInsideHost(),
    };
    return exitCodeOf(async () => {
      await runPhases(JOIN_PHASES, context, {
        skip,
        faultPointAfter: name => `bootstrap/join/${name}`,
        write: line => console.log(line),
        signal,
      });
      console.log(`
This node has joined the cluster:
* Certificate signing request was sent to apiserver and a response was received.
* The Kubelet was informed of the new secure connection details.

Run 'kubectl get nodes' on the control-plane to see this node join the cluster.`);
    });
  });
}
