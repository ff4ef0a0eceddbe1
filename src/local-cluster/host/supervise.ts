import {
  chmodSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { errnoName, invalidArgument } from '../../base/errors.ts';
import { deadlineSignal, sleep } from '../../base/signals.ts';

/** Inside the host: one directory per service, in memory, so a restarted host has none. */
export const SERVICES = '/run/host-services';

/** Size of a log file and how many old ones are kept, per service. */
const LOG_BYTES = 10_000_000;
const LOG_FILES = 5;

/** Longer than a daemon's own patience at its end. */
const PATIENCE_MS = 60_000;

/** A daemon kept by runit's runsv: started again under a second after it ended, its output in rotated files. */
export interface Service {
  readonly name: string;
  /** The current log file, as seen from the machine. */
  readonly logFile: string;
  /** The daemon's pid in the host's own pid namespace; undefined while it is down. */
  pid(): number | undefined;
  /** Sends a signal to the daemon (not to the supervisor). Does nothing when it is down. */
  signal(name: 'TERM' | 'KILL' | 'STOP' | 'CONT'): void;
  /** Ends the daemon with SIGTERM, keeps it down, resolves when it has ended. */
  stop(signal?: AbortSignal): Promise<void>;
  start(): void;
  /** Its state as its supervisor wrote it down last; undefined where it never had one. */
  status(): SupervisedStatus | undefined;
  /** False where its supervisor was killed: then nobody heeds what is asked of it. */
  isSupervised(): boolean;
  /** Ends the supervisors of the daemon, which is down, and of its log. Resolves when neither lives. Safe to repeat. */
  dismiss(signal?: AbortSignal): Promise<void>;
}

/** What runsv tells of a daemon. */
export interface SupervisedStatus {
  /** Ms since the epoch since when it is so. */
  readonly since: number;
  readonly pid: number | undefined;
  /** It is to run, whether it does or not. */
  readonly wanted: boolean;
  /** It was sent SIGTERM. */
  readonly ending: boolean;
}

/** A time of TAI64 begins here; runit counts ten seconds more, and no leap seconds since. */
const TAI64_EPOCH = 2n ** 62n + 10n;
const STATUS_BYTES = 20;

/** The file `supervise/status`: a time as TAI64N in big endian, the pid in little endian, whether it is paused, `u` or `d` for what is wanted, whether SIGTERM was sent, 1 while it runs. Pure. */
export function parseSupervisedStatus(bytes: Buffer): SupervisedStatus | undefined {
  if (bytes.length < STATUS_BYTES) return undefined;
  const seconds = Number(bytes.readBigUInt64BE(0) - TAI64_EPOCH);
  // while its `finish` runs the pid is that one's
  const pid = bytes[19] === 1 ? bytes.readUInt32LE(12) : 0;
  return {
    since: seconds * 1000 + Math.floor(bytes.readUInt32BE(8) / 1e6),
    pid: pid === 0 ? undefined : pid,
    wanted: bytes[17] === 'u'.charCodeAt(0),
    ending: bytes[18] === 1,
  };
}

/** runsv reads single letters from its control pipe (runsv(8)). */
const CONTROL = { TERM: 't', KILL: 'k', STOP: 'p', CONT: 'c', down: 'd', up: 'u', exit: 'x' } as const;

/** Quotes one word for sh: everything inside single quotes is literal. */
export function quoteWord(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** The `run` file of a service. Throws `invalid-argument` for an environment name that sh does not take. */
export function runScript(argv: readonly string[], env: Readonly<Record<string, string>>): string {
  const exports = Object.entries(env).map(([key, value]) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) throw invalidArgument(`"${key}" is not an environment variable name`);
    return `export ${key}=${quoteWord(value)}\n`;
  });
  return `#!/bin/sh\nexec 2>&1\n${exports.join('')}exec ${argv.map(quoteWord).join(' ')}\n`;
}

export interface SupervisedHost {
  path(inside: string): string;
  spawnDetached(argv: readonly string[], logFile: string): void;
}

/**
 * Writes the service's directory and starts its supervisor, or, when it is already supervised, replaces command and environment: the new ones
 * hold from the daemon's next start. Resolves when the supervisor answers.
 */
export async function superviseService(
  host: SupervisedHost,
  name: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<Service> {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) throw invalidArgument(`"${name}" is not a service name`);
  const inside = `${SERVICES}/${name}`;
  const directory = host.path(inside);
  const logDir = host.path(`/var/log/gantry/${name}`);
  mkdirSync(`${directory}/log`, { recursive: true, mode: 0o755 });
  mkdirSync(logDir, { recursive: true, mode: 0o755 });
  writeFileSync(`${logDir}/config`, `s${LOG_BYTES}\nn${LOG_FILES}\n`);
  writeExecutable(`${directory}/run`, runScript(argv, env));
  writeExecutable(`${directory}/log/run`, `#!/bin/sh\nexec svlogd /var/log/gantry/${name}\n`);
  if (!isSupervised(directory)) host.spawnDetached(['runsv', inside], `${logDir}/supervisor.log`);
  await until(
    () => isSupervised(directory),
    `the supervisor of ${name} to answer (see ${logDir}/supervisor.log)`,
    signal,
  );
  return serviceAt(name, directory, `${logDir}/current`);
}

/** A handle on a service that is supervised already. */
export function openService(host: SupervisedHost, name: string): Service {
  return serviceAt(name, host.path(`${SERVICES}/${name}`), host.path(`/var/log/gantry/${name}/current`));
}

function serviceAt(name: string, directory: string, logFile: string): Service {
  const pid = (): number | undefined => {
    try {
      const text = readFileSync(`${directory}/supervise/pid`, 'utf8').trim();
      return text === '' ? undefined : Number(text);
    } catch (error) {
      if (errnoName(error) === 'ENOENT') return undefined;
      throw error;
    }
  };
  return {
    name,
    logFile,
    pid,
    signal: which => control(directory, CONTROL[which]),
    start: () => control(directory, CONTROL.up),
    isSupervised: () => isSupervised(directory),
    status() {
      try {
        return parseSupervisedStatus(readFileSync(`${directory}/supervise/status`));
      } catch (error) {
        if (errnoName(error) === 'ENOENT') return undefined;
        throw error;
      }
    },
    async stop(signal) {
      control(directory, CONTROL.down);
      await until(() => pid() === undefined, `${name} to end after SIGTERM`, signal);
    },
    async dismiss(signal) {
      if (!isSupervised(directory)) return;
      // it ends its logger, whose input is at its end then
      control(directory, CONTROL.exit);
      await until(() => !isSupervised(directory), `the supervisor of ${name} to end`, signal);
    },
  };
}

/** runsv tells nothing when either changes: its files are looked at. Throws `deadline-exceeded` after a minute. */
async function until(holds: () => boolean, what: string, signal: AbortSignal | undefined): Promise<void> {
  const deadline = deadlineSignal(PATIENCE_MS, what, signal);
  try {
    while (!holds()) {
      deadline.signal.throwIfAborted();
      await sleep(5, deadline.signal);
    }
  } finally {
    deadline.release();
  }
}

function writeExecutable(path: string, text: string): void {
  rmSync(path, { force: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

/** runsv holds the reading end of `supervise/ok` open while it lives. */
function isSupervised(directory: string): boolean {
  try {
    closeSync(openSync(`${directory}/supervise/ok`, constants.O_WRONLY | constants.O_NONBLOCK));
    return true;
  } catch (error) {
    const code = errnoName(error);
    if (code === 'ENXIO' || code === 'ENOENT') return false;
    throw error;
  }
}

function control(directory: string, letter: string): void {
  const fd = openSync(`${directory}/supervise/control`, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    writeSync(fd, letter);
  } finally {
    closeSync(fd);
  }
}
