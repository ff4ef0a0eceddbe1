import type { Command } from 'commander';
import { JOIN_PHASE_NAMES } from '../bootstrap/join/phase-names.ts';
import type { Ends } from './define-commands.ts';
import { moreText, moreWords } from './flag-values.ts';

/** `gantry join`, and each of its phases alone. `run` sets the exit code. */
export function joinCommands(gantry: Command, run: Ends): void {
  const load = () => import('./join.ts');
  const join = joinOptions(
    gantry.command('join').description('make this machine a node of the cluster whose API server is at HOST:PORT'),
  )
    .option('--skip-phases <phases>', 'phases to leave out, apart by commas', moreText(), '')
    .action(async (endpoint: string | undefined, options) => run((await load()).joinCommand(endpoint, options)));
  const phase = join.command('phase').description('run one phase of "gantry join" alone');
  for (const { name, description } of JOIN_PHASE_NAMES)
    joinOptions(phase.command(name).description(description)).action(
      async (endpoint: string | undefined, _, command: Command) =>
        run((await load()).joinPhaseCommand(name, endpoint, command.optsWithGlobals())),
    );
}

/** Flags that `join` and its phases take, named as kubeadm's. */
export function joinOptions(command: Command): Command {
  return command
    .argument('[endpoint]', 'HOST:PORT of the API server')
    .option('--token <token>', 'token that the cluster knows, to find it and to log in', '')
    .option(
      '--discovery-token <token>',
      'token that vouches for what is told about the cluster, where it is another',
      '',
    )
    .option('--tls-bootstrap-token <token>', 'token to log in with, where it is another', '')
    .option('--discovery-file <path>', 'kubeconfig that says where the cluster is: a file, or an https:// URL', '')
    .option(
      '--discovery-token-ca-cert-hash <hashes>',
      "sha256:<hex> of the key of the cluster's CA; of several apart by commas, or by the flag again, any will do",
      moreWords,
      [],
    )
    .option('--discovery-token-unsafe-skip-ca-verification', 'trust whoever has the token')
    .option('--node-name <name>', 'name of this node; the host name unless given')
    .option('--node-ip <ip>', "its address; the default route's unless given")
    .option('--node-labels <labels>', 'labels of this node, name=value, apart by commas', moreText(), '')
    .option('--config <file>', 'JoinConfiguration (YAML) in place of the flags above')
    .option('--cri-socket <path>', "the runtime's socket; there is but gantry's own")
    .option('--patches <directory>', 'refused: there are no static pods that could be patched')
    .option('--control-plane', 'refused: a cluster has one control plane')
    .option('--certificate-key <key>', 'the same')
    .option('--apiserver-advertise-address <ip>', 'the same')
    .option('--apiserver-bind-port <port>', 'the same')
    .option('--dry-run', 'look at everything and change nothing')
    .option(
      '--ignore-preflight-errors <checks>',
      'checks whose errors are only told; all is every one',
      moreText(),
      '',
    );
}
