import { existsSync } from 'node:fs';
import { failedPrecondition, invalidArgument } from '../base/errors.ts';
import { isSystemdThere } from '../bootstrap/systemd-services.ts';
import { spawnProcess, waitForExit } from '../linux/command.ts';
import { isInsideHost } from '../local-cluster/host/inside.ts';

export interface LogsFlags {
  readonly follow?: boolean;
  readonly lines: string;
  readonly since?: string;
}

/** The daemons of a node, by the names of their units without `gantry-`. */
const COMPONENTS = ['etcd', 'control-plane', 'cri', 'node'];
/** Where the supervisor of a host keeps the log of a daemon. */
const hostLog = (component: string): string => `/var/log/gantry/gantry-${component}/current`;

/**
 * `gantry logs [COMPONENT…]`: what the daemons of this machine have to say, all of them unless some are named; of systemd's journal, or of the log files of a host's supervisor.
 * Returns the exit code of the program that shows it.
 */
export async function logsCommand(components: readonly string[], flags: LogsFlags): Promise<number> {
  const wanted = checkedComponents(components);
  const argv = isInsideHost()
    ? tailArgv(wanted.map(hostLog).filter(existsSync), flags)
    : isSystemdThere()
      ? journalArgv(wanted, flags)
      : undefined;
  if (argv === undefined)
    throw failedPrecondition(
      'neither systemd nor the supervisor of a host keeps daemons here: there are no logs of theirs',
    );
  const [program = '', ...args] = argv;
  const { pid } = spawnProcess(program, args, { stdin: 0, stdout: 1, stderr: 2 });
  const { code, signal } = await waitForExit(pid);
  return code ?? 128 + (signal ?? 0);
}

/** All of them where none is named. Throws `invalid-argument` for one that there is not. Pure. */
export function checkedComponents(names: readonly string[]): readonly string[] {
  const plain = names.map(name => name.replace(/^gantry-/, ''));
  const wrong = plain.find(name => !COMPONENTS.includes(name));
  if (wrong !== undefined)
    throw invalidArgument(`there is no component "${wrong}"; there are ${COMPONENTS.join(', ')}`);
  return plain.length === 0 ? COMPONENTS : plain;
}

/** The command that shows the journal. Pure. */
export function journalArgv(components: readonly string[], { follow, lines, since }: LogsFlags): readonly string[] {
  return [
    'journalctl',
    '--no-pager',
    `--lines=${lineCount(lines)}`,
    ...components.map(name => `--unit=gantry-${name}.service`),
    ...(since === undefined ? [] : [`--since=${since}`]),
    ...(follow === true ? ['--follow'] : []),
  ];
}

/** The command that shows the end of files. Throws `failed-precondition` where there is none, and for what files cannot tell. Pure. */
export function tailArgv(files: readonly string[], { follow, lines, since }: LogsFlags): readonly string[] {
  if (since !== undefined)
    throw failedPrecondition('--since is for the journal: the log files of a host are not searched by time');
  if (files.length === 0) throw failedPrecondition('no daemon of that name has written a log here yet');
  // by name: the supervisor begins a new file when one is full
  const count = lineCount(lines) === 'all' ? '+1' : lines;
  return ['tail', `--lines=${count}`, ...(follow === true ? ['--follow=name', '--retry'] : []), ...files];
}

function lineCount(text: string): string {
  if (text !== 'all' && !/^\d{1,9}$/.test(text))
    throw invalidArgument(`--lines: "${text}" is neither a number nor "all"`);
  return text;
}
