import type { Command } from 'commander';
import type { Ends } from './define-commands.ts';
import { moreText } from './flag-values.ts';

/** The commands below `gantry kubeconfig`, named and flagged as kubeadm's. */
export function kubeconfigCommands(gantry: Command, run: Ends): void {
  gantry
    .command('kubeconfig')
    .description('kubeconfigs for people and programs')
    .command('user')
    .description('print a kubeconfig for another user, whose client certificate the CA of this machine signs')
    .requiredOption('--client-name <name>', 'the user: the common name of the certificate')
    .option('--org <names>', 'groups of the user, apart by commas', moreText(), '')
    .option('--token <token>', 'log in by this token, and not by a certificate')
    .option('--validity-period <duration>', 'how long the certificate holds', '8760h0m0s')
    .option('--cert-dir <directory>', 'where the CA is; where "gantry init" has made it unless given')
    .option('--server <url>', 'the API server; that of admin.conf unless given')
    .option('--cluster-name <name>', 'its name in the file (default kubernetes)')
    .option(
      '--config <file>',
      'InitConfiguration and ClusterConfiguration (YAML) that say these three; flags stand above them',
    )
    .action(async options => run((await import('./kubeconfig-user.ts')).kubeconfigUserCommand(options)));
}
