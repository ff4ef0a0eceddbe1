/**
 * A constant program for sh: writes its own pid into the first N files it is given, then becomes the rest of its arguments. Joining a cgroup
 * namespace does not move a process, so it has to move itself first.
 */
const MOVE_THEN_EXEC =
  'n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ > "$1" || exit 125; shift; n=$((n-1)); done; exec "$@"';

/** The command line that moves itself into the groups and then becomes `argv`. */
export function moveInto(procsFiles: readonly string[], argv: readonly string[]): string[] {
  return ['sh', '-c', MOVE_THEN_EXEC, 'move-into', String(procsFiles.length), ...procsFiles, ...argv];
}

export interface EnterOptions {
  /** Working directory inside; `/` unless given. */
  readonly cwd?: string;
  /** When the entering process is killed its child inside is killed too. For commands with an end; daemons outlive whoever started them. */
  readonly dieWithParent: boolean;
}

/** The command line that runs `argv` in all six namespaces of the process `pid1` and in its groups. */
export function enterArgv(
  pid1: number,
  memberProcs: readonly string[],
  argv: readonly string[],
  options: EnterOptions,
): string[] {
  return moveInto(memberProcs, [
    'nsenter',
    `--target=${pid1}`,
    '--mount',
    '--net',
    '--uts',
    '--ipc',
    '--pid',
    '--cgroup',
    ...(options.cwd === undefined ? [] : [`--wdns=${options.cwd}`]),
    '--',
    ...(options.dieWithParent ? ['setpriv', '--pdeathsig', 'KILL', '--'] : []),
    ...argv,
  ]);
}
