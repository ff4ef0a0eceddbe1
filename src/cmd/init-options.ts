import type { Command } from 'commander';
import { INIT_PHASE_NAMES } from '../bootstrap/init/phase-names.ts';
import type { Ends } from './define-commands.ts';
import { moreText } from './flag-values.ts';

/** `gantry init`, and each of its phases alone. `run` sets the exit code. */
export function initCommands(gantry: Command, run: Ends): void {
  const load = () => import('./init.ts');
  const init = initOptions(gantry.command('init').description('make this machine the first node of a cluster'))
    .option('--skip-phases <phases>', 'phases to leave out, apart by commas: certs/ca for a part of one', moreText())
    .action(async options => run((await load()).initCommand(options)));
  const phase = init.command('phase').description('run one phase of "gantry init" alone');
  // options are taken by init wherever they stand; the phases have them too, so that their --help lists them
  const add = (parent: Command, path: string, name: string, description: string): Command =>
    initOptions(parent.command(name).description(description)).action(async () =>
      run((await load()).initPhaseCommand(path, init.opts())),
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

/** Flags that `init` and its phases take, named as kubeadm's. Their defaults are those of the configuration kinds. */
function initOptions(command: Command): Command {
  return command
    .option('--config <file>', "kubeadm's InitConfiguration and ClusterConfiguration, and kubelet's and proxy's (YAML)")
    .option('--apiserver-advertise-address <ip>', "address of the API server; the default route's unless given")
    .option('--apiserver-bind-port <port>', 'its port (default 6443)')
    .option(
      '--apiserver-cert-extra-sans <names>',
      'further names and addresses in its certificate, apart by commas',
      moreText(),
    )
    .option('--control-plane-endpoint <host:port>', 'name or address of the cluster that outlives this machine')
    .option('--cert-dir <directory>', 'where certificates are kept (default /etc/kubernetes/pki)')
    .option('--certificate-validity-period <duration>', 'how long certificates hold (default 8760h0m0s)')
    .option('--ca-certificate-validity-period <duration>', 'how long CAs hold (default 87600h0m0s)')
    .option(
      '--kubernetes-version <version>',
      'must be the one that this program is of, or a label that leads to it: stable-1',
    )
    .option(
      '--image-repository <name>',
      'kept in the ConfigMap kubeadm-config: no part of the cluster is an image here',
    )
    .option('--node-name <name>', 'name of this node; the host name unless given')
    .option('--node-labels <labels>', 'labels of this node, name=value, apart by commas', moreText())
    .option('--no-control-plane-taint', 'let pods run on this node too')
    .option('--pod-network-cidr <cidr>', 'addresses of pods (default 10.244.0.0/16)')
    .option('--service-cidr <cidr>', 'addresses of services (default 10.96.0.0/12)')
    .option('--service-dns-domain <domain>', 'domain of services (default cluster.local)')
    .option('--proxy-mode <mode>', 'how services are served: nftables (default), iptables or ipvs')
    .option('--token <token>', 'token by which nodes join; a new one unless given')
    .option('--token-ttl <duration>', 'how long it holds; 0 for ever (default 24h0m0s)')
    .option('--skip-token-print', 'do not print the token')
    .option('--cri-socket <path>', "the runtime's socket; there is but gantry's own")
    .option('--feature-gates <gates>', 'there are none')
    .option('--patches <directory>', 'there are no static pods that could be patched')
    .option('--certificate-key <key>', 'refused: a cluster has one control plane')
    .option('--upload-certs', 'the same')
    .option('--skip-certificate-key-print', 'there is no such key')
    .option(
      '--ignore-preflight-errors <checks>',
      'checks whose errors are only told, apart by commas; all is every one',
      moreText(),
    )
    .option('--dry-run', 'change nothing, and tell what would be done');
}
