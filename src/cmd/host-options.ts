import type { Command } from 'commander';
import type { Ends } from './define-commands.ts';

/** The commands below `gantry host`. */
export function hostCommands(gantry: Command, run: Ends): void {
  const host = gantry.command('host').description('hosts: machines within this machine, made of namespaces');
  const hostsDir = ['--hosts-dir <directory>', 'where hosts keep their data (default /var/lib/gantry-hosts)'] as const;
  host
    .command('create <name>')
    .description('make and start a host')
    .option(...hostsDir)
    .action(async (name, options) => run((await import('./host.ts')).createHostCommand(name, options)));
  host
    .command('exec <name> <command...>')
    .description('run a command inside: gantry host exec NAME -- COMMAND')
    .option(...hostsDir)
    .action(async (name, command, options) =>
      run((await import('./host.ts')).execInHostCommand(name, command, options)),
    );
  host
    .command('supervise <name> <service> <command...>')
    .description('keep a daemon running inside: gantry host supervise NAME SERVICE -- COMMAND')
    .option(...hostsDir)
    .action(async (name, service, command, options) =>
      run((await import('./host.ts')).superviseInHostCommand(name, service, command, options)),
    );
  host
    .command('delete <name>')
    .description('end a host and remove everything of it')
    .option(...hostsDir)
    .option('--ignore-missing', 'a host that is not there is fine')
    .action(async (name, options) => run((await import('./host.ts')).deleteHostCommand(name, options)));
  host
    .command('list')
    .description('list hosts')
    .option(...hostsDir)
    .action(async options => run((await import('./host.ts')).listHostsCommand(options)));
}
