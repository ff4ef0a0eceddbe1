import type { Command } from 'commander';
import type { Ends } from './define-commands.ts';

/** The commands below `gantry token`, named and flagged as kubeadm's. */
export function tokenCommands(gantry: Command, run: Ends): void {
  const load = () => import('./token.ts');
  const token = gantry.command('token').description('bootstrap tokens, by which nodes join');
  const add = (name: string, description: string): Command =>
    token
      .command(name)
      .description(description)
      .option('--kubeconfig <file>', 'how to log in', '/etc/kubernetes/admin.conf');
  add('create [token]', 'make a token that the cluster knows, and print it')
    .option('--print-join-command', 'print the whole command by which a node joins with it')
    .option('--ttl <duration>', 'how long it holds; 0 for ever', '24h0m0s')
    .option('--description <text>', 'what it is for', '')
    .option('--usages <usages>', 'signing, authentication, or both apart by a comma', 'signing,authentication')
    .option('--groups <groups>', 'whom it logs in as a member of', 'system:bootstrappers:kubeadm:default-node-token')
    .option('--dry-run', 'only say what would be made')
    .action(async (text: string | undefined, options) => run((await load()).createTokenCommand(text, options)));
  add('list', 'list the tokens that the cluster knows')
    .option('-o, --output <format>', 'text or json', 'text')
    .action(async options => run((await load()).listTokensCommand(options)));
  add('delete <token...>', 'make the cluster forget tokens, by their whole text or by what stands before the "."')
    .option('--dry-run', 'only say what would be deleted')
    .action(async (texts: readonly string[], options) => run((await load()).deleteTokensCommand(texts, options)));
  token
    .command('generate')
    .description('print a token that nobody knows yet')
    .action(async () => run((await load()).generateTokenCommand()));
}
