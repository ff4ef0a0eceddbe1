import type { Command } from 'commander';
import type { Ends } from './define-commands.ts';
import { moreText } from './flag-values.ts';
import { templateFlags } from './kubeadm-flags.ts';

const USAGES = 'signing,authentication';
const GROUPS = 'system:bootstrappers:kubeadm:default-node-token';

/** The commands below `gantry token`, named and flagged as kubeadm's. */
export function tokenCommands(gantry: Command, run: Ends): void {
  const load = () => import('./token.ts');
  // kubeadm takes both before the name of the command, too
  const common = (command: Command): Command =>
    command
      .option('--kubeconfig <file>', 'how to log in', '/etc/kubernetes/admin.conf')
      .option('--dry-run', 'only say what would be done');
  const token = common(gantry.command('token').description('bootstrap tokens, by which nodes join'));
  const add = (name: string, description: string): Command => common(token.command(name).description(description));
  add('create [token]', 'make a token that the cluster knows, and print it')
    .option('--print-join-command', 'print the whole command by which a node joins with it')
    .option('--ttl <duration>', 'how long it holds; 0 for ever', '24h0m0s')
    .option('--description <text>', 'what it is for', '')
    .option('--usages <usages>', 'signing, authentication, or both apart by a comma', moreText(USAGES), USAGES)
    .option('--groups <groups>', 'whom it logs in as a member of', moreText(GROUPS), GROUPS)
    .option(
      '--config <file>',
      'InitConfiguration (YAML) whose bootstrapTokens are made, in place of the four flags above',
    )
    .option('--certificate-key <key>', 'refused: a cluster has one control plane')
    .action(async (text: string | undefined, _, command: Command) => {
      const mixed = ['ttl', 'description', 'usages', 'groups'].filter(
        name => command.getOptionValueSource(name) === 'cli',
      );
      await run((await load()).createTokenCommand(text, { ...command.optsWithGlobals(), mixed }));
    });
  templateFlags(add('list', 'list the tokens that the cluster knows'))
    .option('-o, --output <format>', 'text or json', 'text')
    .action(async (_, command: Command) => run((await load()).listTokensCommand(command.optsWithGlobals())));
  add(
    'delete <token...>',
    'make the cluster forget tokens, by their whole text or by what stands before the "."',
  ).action(async (texts: readonly string[], _, command: Command) =>
    run((await load()).deleteTokensCommand(texts, command.optsWithGlobals())),
  );
  add('generate', 'print a token that nobody knows yet').action(async () => run((await load()).generateTokenCommand()));
}
