import type { Command } from 'commander';
import type { Ends } from './define-commands.ts';

/** The commands below `gantry image`. */
export function imageCommands(gantry: Command, run: Ends): void {
  const image = gantry.command('image').description('images of this node, by way of the CRI shim');
  const imageSocket = ['--socket <path>', 'the socket of the CRI shim', '/run/gantry/cri.sock'] as const;
  image
    .command('ls')
    .description('list images')
    .option(...imageSocket)
    .action(async options => run((await import('./image.ts')).imageLsCommand(options)));
  image
    .command('pull <reference>')
    .description('pull an image from a registry')
    .option(...imageSocket)
    .option('--username <name>', 'user name at the registry')
    .option('--password-stdin', 'read the password from standard input')
    .option(
      '--docker-config <file>',
      'credentials, unless a name is given (default: $DOCKER_CONFIG or ~/.docker, config.json)',
    )
    .action(async (reference, options) => run((await import('./image.ts')).imagePullCommand(reference, options)));
  image
    .command('rm <reference...>')
    .description('remove images with all their names')
    .option(...imageSocket)
    .action(async (references, options) => run((await import('./image.ts')).imageRmCommand(references, options)));
  image
    .command('import <path>')
    .description(
      'import an OCI layout directory, an OCI archive or a docker archive; - reads an archive from standard input',
    )
    .option(...imageSocket)
    .option('--reference <name>', 'name for an image that carries none')
    .action(async (path, options) => run((await import('./image.ts')).imageImportCommand(path, options)));
}
