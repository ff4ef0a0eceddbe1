import { Argument, Command, CommanderError } from 'commander';
import { certsCommands } from './cmd/certs-options.ts';
import { clusterCommands, serviceCommands } from './cmd/cluster-options.ts';
import { configCommands } from './cmd/config-options.ts';
import { conformanceCommands } from './cmd/conformance-options.ts';
import { type CommandTable, defineCommands } from './cmd/define-commands.ts';
import { logsCommands, statusCommands, supportBundleCommands } from './cmd/diagnosis-options.ts';
import { hostCommands } from './cmd/host-options.ts';
import { imageCommands } from './cmd/image-options.ts';
import { initCommands } from './cmd/init-options.ts';
import { joinCommands } from './cmd/join-options.ts';
import { likeKubeadm, plainSwitches } from './cmd/kubeadm-flags.ts';
import { kubeconfigCommands } from './cmd/kubeconfig-options.ts';
import { outliveReaders } from './cmd/lost-output.ts';
import { resetCommands } from './cmd/reset-options.ts';
import { runCommands } from './cmd/run-options.ts';
import { tokenCommands } from './cmd/token-options.ts';
import { VERSION } from './cmd/version.ts';
import { versionCommands } from './cmd/version-options.ts';
import { keepIgnored } from './linux/ignored-signals.ts';
import { keepOthersFromWriting } from './linux/umask.ts';

const COMMANDS: CommandTable = {
  run: runCommands,
  conformance: conformanceCommands,
  image: imageCommands,
  logs: logsCommands,
  status: statusCommands,
  'support-bundle': supportBundleCommands,
  init: likeKubeadm(initCommands),
  config: likeKubeadm(configCommands),
  join: likeKubeadm(joinCommands),
  token: likeKubeadm(tokenCommands),
  certs: likeKubeadm(certsCommands),
  kubeconfig: likeKubeadm(kubeconfigCommands),
  reset: likeKubeadm(resetCommands),
  cluster: clusterCommands,
  service: serviceCommands,
  host: hostCommands,
  version: versionCommands,
  completion: (gantry, end) =>
    gantry
      .command('completion')
      .description('print what completes commands and flags in a shell')
      .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
      .action(async shell => end((await import('./cmd/print-documents.ts')).printCompletion(program(), shell))),
  // not for people
  cni: (gantry, end) =>
    gantry
      .command('cni', { hidden: true })
      .description('one call of a CNI plugin of ours by another runtime, in its environment and on stdin')
      .addArgument(new Argument('<plugin>').choices(['gantry-bridge', 'loopback']))
      .option('--cri-config <file>', 'configuration of the CRI shim, which says where addresses are written down')
      .action(async (plugin, options) => end((await import('./cmd/cni.ts')).runCniPlugin(plugin, options))),
  'unpack-layers': (gantry, end) =>
    gantry
      .command('unpack-layers', { hidden: true })
      .action(async () => end((await import('./cmd/unpack-layers.ts')).unpackLayers())),
  'man-pages': (gantry, end) =>
    gantry
      .command('man-pages <directory>', { hidden: true })
      .action(async directory => end((await import('./cmd/print-documents.ts')).writeManPages(program(), directory))),
};

/**
 * The command line, as far as `words` ask for it: without any, every command. Each role is a dynamic import, so that a process loads only the chunk it runs.
 */
export function program(words: readonly string[] = []): Command {
  const gantry = new Command('gantry')
    .description('A Kubernetes-compatible node runtime for Linux hosts')
    .version(VERSION)
    .showHelpAfterError('(gantry --help lists the commands)');
  defineCommands(COMMANDS, gantry, exitWith, words);
  return gantry;
}

/** Runs the command that `words` ask for. */
export async function runProgram(words: readonly string[]): Promise<void> {
  keepIgnored();
  // with a umask of 0, as scripts and supervisors may have it, anybody could write the directories of keys
  keepOthersFromWriting();
  // a daemon writes its log to the descriptor itself, which it leaves to its children as it was
  if (words[0] !== 'run') outliveReaders();
  const gantry = program(words);
  try {
    await gantry.parseAsync(plainSwitches(gantry, words), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode;
    if (error.code === 'commander.unknownOption') await tellUpstream(words[1] ?? '', error.message);
  }
}

/** A flag that upstream's daemon has is no mistake in the spelling. */
async function tellUpstream(daemon: string, said: string): Promise<void> {
  const { unknownDaemonFlag } = await import('./cmd/unknown-daemon-flag.ts');
  const line = unknownDaemonFlag(daemon, said);
  if (line !== undefined) process.stderr.write(`gantry: ${line}\n`);
}

async function exitWith(code: Promise<number>): Promise<void> {
  process.exitCode = await code;
}
