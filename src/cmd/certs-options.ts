import type { Command } from 'commander';
import type { Ends } from './define-commands.ts';

/** The commands below `gantry certs`, named and flagged as kubeadm's. */
export function certsCommands(gantry: Command, run: Ends): void {
  const load = () => import('./certs.ts');
  const certs = gantry.command('certs').description('the certificates of this machine');
  certs
    .command('check-expiration')
    .description('until when they hold')
    .option('--cert-dir <directory>', 'where they are; where "gantry init" has made them unless given')
    .option('-o, --output <format>', 'text or json', 'text')
    .action(async options => run((await load()).checkExpirationCommand(options)));
  certs
    .command('renew <name>')
    .description('renew one by its name in "check-expiration", or all; running daemons take up what is new')
    .option('--cert-dir <directory>', 'where they are; where "gantry init" has made them unless given')
    .option(
      '--certificate-validity-period <duration>',
      'how long new ones hold, 10s at least; as the cluster was made unless given',
    )
    .action(async (name: string, options) => run((await load()).renewCommand(name, options)));
  certs
    .command('certificate-key')
    .description('print a random key of 32 bytes, in hexadecimal')
    .action(async () => run((await load()).certificateKeyCommand()));
}
