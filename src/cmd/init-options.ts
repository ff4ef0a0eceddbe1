import type { Command } from 'commander';
import { INIT_PHASE_NAMES } from '../bootstrap/init/phase-names.ts';

/** `gantry init`, and each of its phases alone. `run` sets the exit code. */
export function initCommands(gantry: Command, run: (code: Promise<number>) => Promise<void>): void {
  const load = () => import('./init.ts');
  const init = initOptions(gantry.command('init').description('make this machine the first node of a cluster'))
    .option('--skip-phases <phases>', 'phases to leave out, apart by commas: certs/ca for a part of one', '')
    .action(async options => run((await load()).initCommand(options)));
  const phase = init.command('phase').description('run one phase of "gantry init" alone');
  const add = (parent: Command, path: string, name: string, description: string): Command =>
    initOptions(parent.command(name).description(description)).action(async (_, command: Command) =>
      run((await load()).initPhaseCommand(path, command.optsWithGlobals())),
    );
  for (const each of INIT_PHASE_NAMES) {
    const { name, description } = each;
    if (!('phases' in each)) {
      add(phase, name, name, description);
      continue;
    }
    const group = phase.command(name).description(description);
    add(group, `${name}/all`, 'all', 'run all of it');
    for (const part of each.phases) add(group, `${name}/${part.name}`, part.name, part.description);
  }
}

/** Flags that `init` and its phases take, named as kubeadm's. */
function initOptions(command: Command): Command {
  return command
    .option('--apiserver-advertise-address <ip>', "address of the API server; the default route's unless given")
    .option('--apiserver-bind-port <port>', 'its port', '6443')
    .option('--apiserver-cert-extra-sans <names>', 'further names and addresses in its certificate', '')
    .option('--certificate-validity-period <duration>', 'how long certificates hold', '8760h0m0s')
    .option('--ca-certificate-validity-period <duration>', 'how long CAs hold', '87600h0m0s')
    .option('--node-name <name>', 'name of this node; the host name unless given')
    .option('--node-labels <labels>', 'labels of this node, name=value, apart by commas', '')
    .option('--pod-network-cidr <cidr>', 'addresses of pods', '10.244.0.0/16')
    .option('--service-cidr <cidr>', 'addresses of services', '10.96.0.0/12')
    .option('--service-dns-domain <domain>', 'domain of services', 'cluster.local')
    .option('--token <token>', 'token by which nodes join; a new one unless given')
    .option('--token-ttl <duration>', 'how long it holds; 0 for ever', '24h0m0s')
    .option('--ignore-preflight-errors <checks>', 'checks whose errors are only told; all is every one', '')
    .option('--no-control-plane-taint', 'let pods run on this node too');
}
