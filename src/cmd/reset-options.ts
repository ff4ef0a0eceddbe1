import type { Command } from 'commander';
import type { Ends } from './define-commands.ts';
import { moreText } from './flag-values.ts';

/** `gantry reset`, flagged as kubeadm's. */
export function resetCommands(gantry: Command, run: Ends): void {
  gantry
    .command('reset')
    .description(
      'take away what "gantry init" or "gantry join" has made of this machine, and print the name of each thing',
    )
    .option('-f, --force', 'ask nothing')
    .option('--dry-run', 'only say what would be taken away, each thing by its name')
    .option('--config <file>', 'ResetConfiguration (YAML); flags override it')
    .option('--cri-socket <path>', 'the socket of the container runtime; /run/gantry/cri.sock unless given')
    .option('--cert-dir <directory>', 'where the certificates are; where "gantry init" has made them unless given')
    .option('--cleanup-tmp-dir', 'remove /etc/kubernetes/tmp too')
    .option('--delete-node', 'delete the Node object too, by way of --kubeconfig')
    .option('--node-name <name>', 'its name, where neither the certificate of the kubelet nor its unit tells it')
    .option('--kubeconfig <file>', 'how to reach the cluster for that', '/etc/kubernetes/admin.conf')
    .option('--ignore-preflight-errors <checks>', 'checks whose errors are only told; all is every one', moreText(), '')
    .option('--skip-phases <phases>', 'phases to leave out', moreText(), '')
    .action(async options => run((await import('./reset.ts')).resetCommand(options)));
}
