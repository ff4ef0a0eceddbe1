import { existsSync, lstatSync, readFileSync, rmSync } from 'node:fs';
import { errorCode, errorMessage, failedPrecondition, isNotFound } from '../base/errors.ts';
import { writeFileAtomic } from '../linux/atomic-file.ts';
import { runCommand } from '../linux/command.ts';
import { environmentFile, unitArguments } from './daemons/environment-file.ts';
import type { Services, ServiceUnit, StopOptions } from './services.ts';

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

/**
 * The daemons as units of systemd, which the package brings (systemd/NAME.service). Nothing here waits for readiness: who starts a daemon knows better what to wait for,
 * and what to say when it does not come.
 */
export function systemdServices(): Services {
  return {
    async start(unit, signal) {
      const path = environmentPath(unit.name);
      const text = environmentFile(unitArguments(unit));
      const before = readIfThere(path);
      if (before !== text) {
        // Ended first: a daemon with an older command line would otherwise be taken for the new one after a crash between the file and the restart.
        if (before !== undefined)
          await stopOrKill(unit.name, { patienceMs: STOP_PATIENCE_MS, ...(signal === undefined ? {} : { signal }) });
        writeFileAtomic(path, text, { durable: true });
      }
      await systemctl(['enable', '--quiet', `${unit.name}.service`], unit, { signal });
      // a unit that ended too often waits for a word of its administrator, which this is
      await call('systemctl', ['reset-failed', `${unit.name}.service`], { signal });
      await systemctl(['start', '--no-block', `${unit.name}.service`], unit, { signal });
    },
    isRunning: async name => Number(await property(name, 'MainPID')) > 0,
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
      return [...(running ? [`${name}.service`] : []), ...[environmentPath(name), ...links].filter(isThere)];
    },
    async remove(name, options) {
      await stop(name, options);
      rmSync(environmentPath(name), { force: true });
    },
  };
}

/** The last lines of a log as one, without what is too much of them. Pure. */
export function logEnd(text: string): string {
  const end = text.trimEnd().slice(-LOG_CHARACTERS);
  return end === '' ? '(empty)' : end.split('\n').slice(-LOG_LINES).join(' | ');
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
