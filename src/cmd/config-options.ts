import type { Command } from 'commander';
import type { Ends } from './define-commands.ts';

/** The commands below `gantry config`, named as kubeadm's. `run` sets the exit code. */
export function configCommands(gantry: Command, run: Ends): void {
  const load = () => import('./config.ts');
  const config = gantry.command('config').description('configuration files of init, join and reset');
  const print = config.command('print').description('print what holds where nothing else is said');
  for (const [name, what] of [
    ['init-defaults', 'init'],
    ['join-defaults', 'join'],
    ['reset-defaults', 'reset'],
  ] as const)
    print
      .command(name)
      .description(`a file for "gantry ${what} --config", with its defaults`)
      .option('--component-configs <kinds>', 'with KubeletConfiguration, KubeProxyConfiguration or both', '')
      .action(async options => run((await load()).printDefaultsCommand(name, options)));
  config
    .command('validate')
    .description('tell everything that is wrong with a file, by line and field')
    .requiredOption('--config <file>', 'the file')
    .action(async options => run((await load()).validateConfigCommand(options)));
  config
    .command('migrate')
    .description("turn a file of kubeadm's v1beta3 into one of v1beta4")
    .requiredOption('--old-config <file>', 'the file as it is')
    .option('--new-config <file>', 'where the new one goes; standard output unless given')
    .action(async options => run((await load()).migrateConfigCommand(options)));
  const images = config.command('images').description('images that a cluster of ours starts from');
  for (const [name, what] of [
    ['list', 'list them'],
    ['pull', 'pull them beforehand'],
  ] as const)
    images
      .command(name)
      .description(`${what}: there are none`)
      .action(async () => run((await load()).imagesCommand()));
}
