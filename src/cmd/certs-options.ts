import type { Command } from 'commander';
import type { Ends } from './define-commands.ts';
import { templateFlags } from './kubeadm-flags.ts';

/** The commands below `gantry certs`, named and flagged as kubeadm's. */
export function certsCommands(gantry: Command, run: Ends): void {
  const load = () => import('./certs.ts');
  const certs = gantry.command('certs').description('the certificates of this machine');
  const add = (name: string, description: string): Command =>
    certs
      .command(name)
      .description(description)
      .option('--cert-dir <directory>', 'where they are; where "gantry init" has made them unless given')
      .option('--config <file>', 'ClusterConfiguration (YAML) that says so; flags stand above it');
  const unasked = 'not needed: what this machine knows of its cluster is in files';
  templateFlags(add('check-expiration', 'until when they hold'))
    .option('-o, --output <format>', 'text or json', 'text')
    .option('--kubeconfig <file>', unasked)
    .action(async options => run((await load()).checkExpirationCommand(options)));
  add('renew <name>', 'renew one by its name in "check-expiration", or all; running daemons take up what is new')
    .option('--certificate-validity-period <duration>', 'how long new ones hold; as the cluster was made unless given')
    .option('--kubeconfig <file>', unasked)
    .action(async (name: string, options) => run((await load()).renewCommand(name, options)));
  certs
    .command('certificate-key')
    .description('print a random key of 32 bytes, in hexadecimal')
    .action(async () => run((await load()).certificateKeyCommand()));
  add('generate-csr', 'refused: CAs have their keys on this machine, so that no other signs')
    .option('--kubeconfig-dir <directory>', 'the same')
    .action(async () => run((await load()).generateCsrCommand()));
}
