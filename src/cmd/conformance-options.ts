import type { Command } from 'commander';
import type { Ends } from './define-commands.ts';

/** `gantry conformance`. */
export function conformanceCommands(gantry: Command, run: Ends): void {
  gantry
    .command('conformance')
    .description('check what users rely on at a node: pods, probes, limits, volumes, network, services, DNS, restarts')
    .option('--kubeconfig <file>', 'the API server and how to log in there (default: KUBECONFIG, or admin.conf)')
    .option('--node <name>', 'the node to check (default: this machine)')
    .option(
      '--image <reference>',
      'an image of busybox that the node has or can pull',
      'docker.io/library/busybox:1.36',
    )
    .option('--focus <expression>', 'only checks whose "area: name" matches')
    .option('--skip <expression>', 'no checks whose "area: name" matches')
    .option('--parallel <number>', 'so many checks at the same time', '4')
    .option('--timeout <duration>', 'how long a pod is waited for', '120s')
    .option('--report <file>', 'write the report as text')
    .option('--junit <file>', 'write the report in the XML of JUnit')
    .option('--list', 'list the checks and end')
    .action(async options => run((await import('./conformance.ts')).conformanceCommand(options)));
}
