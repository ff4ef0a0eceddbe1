import { Command } from 'commander';
import { errorMessage } from './base/errors.ts';
import { VERSION } from './cmd/version.ts';

/** Each role is a dynamic import, so that a process loads only the chunk it runs. */
function program(): Command {
  const gantry = new Command('gantry')
    .description('A Kubernetes-compatible node runtime for Linux hosts')
    .version(VERSION)
    .showHelpAfterError('(gantry --help lists the commands)');

  const run = gantry.command('run').description('run a daemon in the foreground');
  run
    .command('cri')
    .description('the CRI shim: runtime and image service on a unix socket')
    .option('--config <file>', 'configuration file (YAML)', '/etc/gantry/cri.yaml')
    .action(async options => exitWith((await import('./cmd/run-cri.ts')).runCri(options)));
  return gantry;
}

async function exitWith(code: Promise<number>): Promise<void> {
  process.exitCode = await code;
}

try {
  await program().parseAsync();
} catch (error) {
  process.stderr.write(`gantry: ${errorMessage(error)}\n`);
  process.exitCode = 1;
}
