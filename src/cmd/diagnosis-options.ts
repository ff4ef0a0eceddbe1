import { type Command, Option } from 'commander';
import type { Ends } from './define-commands.ts';

/** The exit code of wrong flags: 1 says that something is wrong with the node. */
const USAGE = 2;

/** `gantry status`. */
export function statusCommands(gantry: Command, run: Ends): void {
  gantry
    .command('status')
    .description(
      'how this node is, on one screen: daemons, conditions, certificates, etcd, versions; exit code 0 all well, 1 something is wrong, 2 wrong flags or not root, 3 no node',
    )
    .addOption(
      new Option('-o, --output <format>', 'for people or for programs').choices(['text', 'json']).default('text'),
    )
    .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : USAGE))
    .action(async options => run((await import('./status.ts')).statusCommand(options)));
}

/** `gantry support-bundle`. */
export function supportBundleCommands(gantry: Command, run: Ends): void {
  gantry
    .command('support-bundle')
    .description('write what is needed to find out what is wrong with this node into one file, without secrets')
    .option('-o, --output <file>', 'the file; gantry-support-NODE-TIME.tar.gz here unless given')
    .option('--since <duration>', 'how far back logs go: 30m, 24h', '24h')
    .option('--no-logs', 'leave the logs of the daemons out')
    .option('--force', 'replace the file where it is there already')
    .action(async options => run((await import('./support-bundle.ts')).supportBundleCommand(options)));
}

/** `gantry logs`. */
export function logsCommands(gantry: Command, run: Ends): void {
  gantry
    .command('logs [component...]')
    .description('the logs of the daemons of this machine: etcd, control-plane, cri, node; all unless some are named')
    .option('-f, --follow', 'go on with what they write from now on')
    .option('-n, --lines <number>', 'so many of the last lines; "all" for all', '100')
    .option('--since <time>', 'from then on, as journalctl takes it: "10 min ago", "today", a date')
    .action(async (components, options) => run((await import('./logs.ts')).logsCommand(components, options)));
}
