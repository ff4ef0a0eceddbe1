import { type Command, Option } from 'commander';
import type { Ends } from './define-commands.ts';

/** `gantry version`, with the forms that `kubeadm version` has. */
export function versionCommands(gantry: Command, run: Ends): void {
  gantry
    .command('version')
    .description('print the version of this program')
    .addOption(
      new Option('-o, --output <format>', 'short, json or yaml; a line for people unless given').choices([
        'short',
        'json',
        'yaml',
      ]),
    )
    .action(async options => run((await import('./print-version.ts')).printVersion(options)));
}
