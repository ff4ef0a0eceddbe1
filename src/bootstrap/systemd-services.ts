import { existsSync, lstatSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoName, errorCode, errorMessage, failedPrecondition, isNotFound } from '../base/errors.ts';
import { leftBeside, writeFileAtomic } from '../linux/atomic-file.ts';
import { runCommand } from '../linux/command.ts';
import { systemdManager, type UnitPropertyName } from '../linux/systemd-manager.ts';
import { commandWords, environmentVariables } from './daemons/command-words.ts';
import { dropInText } from './daemons/drop-in.ts';
import { ARGUMENTS_VARIABLE, environmentFile, unitArguments } from './daemons/environment-file.ts';
import type { ServiceStatus, Services, ServiceUnit, StopOptions } from './services.ts';

/** Where units find what init and join decided: one file per unit, `NAME.env`. A unit without its file is not started. */
const ENVIRONMENT_DIR = '/etc/gantry';
/** There when systemd is what runs this machine (sd_booted(3)). */
const SYSTEMD_MARK = '/run/systemd/system';
/** Where `systemctl enable` leaves its links, and the targets that the units are wanted by. */
const UNITS_DIR = '/etc/systemd/system';
const ENABLED_BY = ['multi-user.target'];
/** Longer than the units' own TimeoutStopSec. */
const STOP_PATIENCE_MS = 60_000;
const KILL_PATIENCE_MS = 5_000;
/** Enabling a unit reads all units anew, which takes a second at most, and half a minute on a machine that has too much to do. */
const CALL_PATIENCE_MS = 120_000;
const LOG_LINES = 3;
/** How much of a log's end is told in an error. */
const LOG_CHARACTERS = 600;

/** True where systemd keeps daemons. */
export function isSystemdThere(): boolean {
  return existsSync(SYSTEMD_MARK);
}

/** The environment file of a unit. */
export function environmentPath(name: string): string {
  return `${ENVIRONMENT_DIR}/${name}.env`;
}

/** What a unit is given beyond what the package says of it. */
export function dropInPath(name: string): string {
  return `${UNITS_DIR}/${name}.service.d/10-gantry-init.conf`;
}

/**
 * The daemons as units of systemd, which the package brings (systemd/NAME.service). Nothing here waits for readiness: who starts a daemon knows better what to wait for,
 * and what to say when it does not come.
 */
export function systemdServices(): Services {
  return {
    async start(unit, signal) {
      const path = environmentPath(unit.name);
      const text = environmentFile(unitArguments(unit), unit.configuration);
      const dropIn = dropInText(unit.writes);
      const before = readIfThere(path);
      if (before !== text || readIfThere(dropInPath(unit.name)) !== dropIn) {
        // Ended first: a daemon with an older command line would otherwise be taken for the new one after a crash between the file and the restart.
        if (before !== undefined)
          await stopOrKill(unit.name, { patienceMs: STOP_PATIENCE_MS, ...(signal === undefined ? {} : { signal }) });
        if (dropIn === undefined) removeDropIn(unit.name);
        else writeFileAtomic(dropInPath(unit.name), dropIn, { mode: 0o644, durable: true });
        // after the drop-in: from here on all is as it is wanted
        writeFileAtomic(path, text, { durable: true });
      }
      // which has the manager read all units anew, and drop-ins
      await systemctl(['enable', '--quiet', `${unit.name}.service`], unit, { signal });
      // a unit that ended too often waits for a word of its administrator, which this is
      await call('systemctl', ['reset-failed', `${unit.name}.service`], { signal });
      await systemctl(['start', '--no-block', `${unit.name}.service`], unit, { signal });
    },
    isRunning: async name => Number(await property(name, 'MainPID')) > 0,
    async status(name, signal) {
      const [load, active, sub, since, pid, restarts, text] = await systemdManager().properties(
        `${name}.service`,
        STATUS_PROPERTIES,
        signal,
      );
      return unitStatus({
        load: String(load),
        active: String(active),
        sub: String(sub),
        sinceUs: Number(since),
        pid: Number(pid),
        restarts: Number(restarts),
        text: String(text),
      });
    },
    async lastLog(name) {
      try {
        const lines = (match: string): Promise<string> =>
          output('journalctl', ['--quiet', '--no-pager', '--output=cat', `--lines=${LOG_LINES}`, match]);
        // its own words first; where it had none, what systemd says of it
        const own = await lines(`_SYSTEMD_UNIT=${name}.service`);
        return logEnd(own.trim() === '' ? await lines(`UNIT=${name}.service`) : own);
      } catch (error) {
        return `(${errorMessage(error)})`;
      }
    },
    stop,
    async traces(name, signal) {
      const links = ENABLED_BY.map(target => `${UNITS_DIR}/${target}.wants/${name}.service`);
      const running = Number(await property(name, 'MainPID', signal)) > 0;
      return [
        ...(running ? [`${name}.service`] : []),
        ...[environmentPath(name), dropInPath(name), ...links].filter(isThere),
        ...[environmentPath(name), dropInPath(name)].flatMap(leftBeside),
      ];
    },
    words: unitWords,
    async remove(name, options) {
      await stop(name, options);
      if (removeDropIn(name)) await systemctl(['daemon-reload'], { name }, options);
      for (const path of [...leftBeside(environmentPath(name)), environmentPath(name)]) rmSync(path, { force: true });
    },
  };
}

const STATUS_PROPERTIES: readonly UnitPropertyName[] = [
  { of: 'Unit', name: 'LoadState' },
  { of: 'Unit', name: 'ActiveState' },
  { of: 'Unit', name: 'SubState' },
  { of: 'Unit', name: 'StateChangeTimestamp' },
  { of: 'Service', name: 'MainPID' },
  { of: 'Service', name: 'NRestarts' },
  { of: 'Service', name: 'StatusText' },
];

/** systemd's own words of a unit; 0 and empty stand for none. */
export interface UnitState {
  readonly load: string;
  readonly active: string;
  readonly sub: string;
  /** Microseconds since the epoch. */
  readonly sinceUs: number;
  readonly pid: number;
  readonly restarts: number;
  readonly text: string;
}

const STATES: Readonly<Record<string, ServiceStatus['state']>> = {
  active: 'running',
  reloading: 'running',
  activating: 'starting',
  deactivating: 'stopping',
  failed: 'failed',
};

/** The same in our words (systemd.unit(5)). Pure. */
export function unitStatus({ load, active, sub, sinceUs, pid, restarts, text }: UnitState): ServiceStatus {
  const state =
    load === 'not-found' ? 'absent' : sub.startsWith('auto-restart') ? 'restarting' : (STATES[active] ?? 'stopped');
  return {
    state,
    since: sinceUs === 0 ? undefined : Math.round(sinceUs / 1000),
    pid: pid === 0 ? undefined : pid,
    restarts: state === 'absent' ? undefined : restarts,
    statusText: text === '' ? undefined : text,
  };
}

/** The last lines of a log as one, without what is too much of them. Pure. */
export function logEnd(text: string): string {
  const end = text.trimEnd().slice(-LOG_CHARACTERS);
  return end === '' ? '(empty)' : end.split('\n').slice(-LOG_LINES).join(' | ');
}

/** What systemd would start, drop-ins and environment files of the admin counted; of a unit that is not installed any more what init has decided. */
async function unitWords(name: string, signal?: AbortSignal): Promise<readonly string[]> {
  const [load, commands, environment, files] = await systemdManager().properties(
    `${name}.service`,
    [
      { of: 'Unit', name: 'LoadState' },
      { of: 'Service', name: 'ExecStart' },
      { of: 'Service', name: 'Environment' },
      { of: 'Service', name: 'EnvironmentFiles' },
    ],
    signal,
  );
  const variablesOf = (path: string): ReadonlyMap<string, string> => environmentVariables(readIfThere(path) ?? '');
  if (load !== 'loaded') return commandWords([`$${ARGUMENTS_VARIABLE}`], variablesOf(environmentPath(name)));
  // (path, argv, …) of each command, NAME=value, and (path, whether it may be missing)
  const [[, argv = []] = []] = commands as readonly (readonly [string, readonly string[]])[];
  const variables = new Map([
    ...(environment as readonly string[]).map((each): [string, string] => {
      const at = each.indexOf('=');
      return [each.slice(0, at), each.slice(at + 1)];
    }),
    ...(files as readonly (readonly [string, boolean])[]).flatMap(([path]) => [...variablesOf(path)]),
  ]);
  return commandWords(argv, variables);
}

/** Takes the directory along where nobody else has a file in it. Says whether there was one. */
function removeDropIn(name: string): boolean {
  const path = dropInPath(name);
  const files = [...leftBeside(path), path].filter(isThere);
  if (files.length === 0) return false;
  for (const file of files) rmSync(file);
  try {
    rmdirSync(dirname(path));
  } catch (error) {
    if (errnoName(error) !== 'ENOTEMPTY') throw error;
  }
  return true;
}

async function stop(name: string, options: StopOptions): Promise<void> {
  if ((await property(name, 'LoadState', options.signal)) === 'not-found') return;
  await systemctl(['disable', '--quiet', `${name}.service`], { name }, options);
  await stopOrKill(name, options);
  await call('systemctl', ['reset-failed', `${name}.service`], options);
}

async function stopOrKill(name: string, { patienceMs, signal }: StopOptions): Promise<void> {
  const end = (timeoutMs: number): Promise<void> =>
    systemctl(['stop', `${name}.service`], { name }, { ...(signal === undefined ? {} : { signal }), timeoutMs });
  try {
    await end(patienceMs);
  } catch (error) {
    signal?.throwIfAborted();
    if (errorCode(error) !== 'deadline-exceeded') throw error;
    await systemctl(['kill', '--kill-who=main', '--signal=SIGKILL', `${name}.service`], { name }, {});
    await end(KILL_PATIENCE_MS);
  }
}

/** A property of a unit as text; empty where the manager has no such unit. */
async function property(name: string, what: string, signal?: AbortSignal): Promise<string> {
  return (await output('systemctl', ['show', '--value', `--property=${what}`, `${name}.service`], signal)).trim();
}

async function systemctl(
  args: readonly string[],
  { name }: Pick<ServiceUnit, 'name'>,
  limits: CallLimits,
): Promise<void> {
  const { code, stderr } = await call('systemctl', args, limits);
  if (code === 0) return;
  const why = errorMessage(stderr.toString('utf8'));
  throw failedPrecondition(
    `systemctl ${args[0]} ${name}.service: ${why === '' ? `ended with code ${code}` : why} (systemctl status ${name} says more)`,
  );
}

async function output(program: string, args: readonly string[], signal?: AbortSignal): Promise<string> {
  const { code, stdout, stderr } = await call(program, args, signal === undefined ? {} : { signal });
  if (code !== 0) throw failedPrecondition(`${program} ended with code ${code}: ${stderr.toString('utf8')}`);
  return stdout.toString('utf8');
}

interface CallLimits {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

function call(
  program: string,
  args: readonly string[],
  { signal, timeoutMs = CALL_PATIENCE_MS }: CallLimits,
): ReturnType<typeof runCommand> {
  return runCommand(program, args, { timeoutMs, maxOutputBytes: 1 << 20, ...(signal === undefined ? {} : { signal }) });
}

/** A link counts, wherever it leads. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
