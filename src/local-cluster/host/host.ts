import { closeSync, existsSync, openSync, rmdirSync, rmSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { errnoName, failedPrecondition, notFound } from '../../base/errors.ts';
import { cgroupPids, removeCgroup } from '../../linux/cgroup.ts';
import { detectCgroups } from '../../linux/cgroup-layout.ts';
import { type ExitStatus, reapProcess, runCommand, spawnProcess, waitForExit } from '../../linux/command.ts';
import { bootId, isAlive, type ProcessIdentity } from '../../linux/procfs.ts';
import { enterArgv } from './enter.ts';
import { DEFAULT_HOSTS_DIR, type HostRecord, readHostRecord } from './record.ts';
import { openService, type Service, superviseService } from './supervise.ts';

export interface ExecOptions {
  /** Added to the host's own clean environment (PATH, HOME, LANG, proxy variables). */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface HostExecResult {
  /** 128 + the signal's number when the command was killed, as shells count. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process inside the host that runs until it ends or is killed. */
export interface HostProcess {
  /** Resolves when the process has ended. */
  readonly exited: Promise<ExitStatus>;
  /** SIGKILL, for the process inside too. Safe to repeat. */
  kill(): void;
}

/** A machine within the machine: six namespaces and directories of its own. */
export interface Host {
  readonly name: string;
  /** The host's first process, as the machine sees it. Everything inside ends with it. */
  readonly pid1: ProcessIdentity;
  readonly dataDir: string;
  /** The host's group, relative to the root of each hierarchy. */
  readonly cgroup: string;
  /** Where a file of the host is found from outside. Only valid while the host runs. */
  path(inside: string): string;
  /** The command line that runs `argv` inside, with the caller's streams; it goes with its caller. Run it in environment(). */
  enter(argv: readonly string[]): readonly string[];
  /** The clean environment of commands inside. */
  environment(): Record<string, string>;
  /** Runs a command to its end. A non-zero exit is a result; throws when it cannot be started, was aborted or took too long. */
  exec(argv: readonly string[], options?: ExecOptions): Promise<HostExecResult>;
  /** Starts a command whose output goes to `logFile` (a path on the machine). It ends with this process's handle or with the host. */
  spawn(
    argv: readonly string[],
    options: { logFile: string; env?: Readonly<Record<string, string>>; cwd?: string },
  ): HostProcess;
  /** Keeps a daemon running (see superviseService). Calling it again for a name replaces command and environment. */
  supervise(name: string, argv: readonly string[], env?: Readonly<Record<string, string>>): Promise<Service>;
  /** A service that is supervised already. */
  service(name: string): Service;
  /** SIGKILL to the first process, as a power cut; resolves when no process of the host is left. Its data stays. Safe to repeat. */
  kill(): Promise<void>;
  /** kill(), then removes groups and data. Safe to repeat. */
  delete(): Promise<void>;
}

/** How long the kernel may take to end all processes of a host after its first one was killed. */
const END_PATIENCE_MS = 20_000;

/** Variables of the caller that a host takes over. */
const PASSED_ON = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'TERM'];

/** The environment in which commands run inside a host, before what the caller adds. */
export function hostEnvironment(caller: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const env: Record<string, string> = {
    PATH: [...new Set([...(caller['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/bin', '/sbin', '/bin'])]
      .filter(p => p.startsWith('/'))
      .join(':'),
    HOME: '/root',
    LANG: 'C.UTF-8',
  };
  for (const name of PASSED_ON) {
    const value = caller[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}

/** Opens a running host by name. Throws `not-found` when there is none, `failed-precondition` when it does not run. */
export function openHost(name: string, hostsDir: string = DEFAULT_HOSTS_DIR): Host {
  const record = readHostRecord(name, hostsDir);
  if (!isRunning(record) || record.pid1 === undefined)
    throw failedPrecondition(
      `host "${name}" does not run: delete it with "gantry host delete ${name}" and create it again`,
    );
  return hostHandle(record, record.pid1);
}

/** True while the host's first process lives. */
export function isRunning(record: HostRecord): boolean {
  return record.pid1 !== undefined && record.machineBootId === bootId() && isAlive(record.pid1);
}

/** Deletes a host by name, running or not. With `missingOk` a host that is not there is fine, otherwise `not-found`. */
export async function deleteHost(
  name: string,
  options: { hostsDir?: string; missingOk?: boolean } = {},
): Promise<void> {
  const hostsDir = options.hostsDir ?? DEFAULT_HOSTS_DIR;
  let record: HostRecord;
  try {
    record = readHostRecord(name, hostsDir);
  } catch (error) {
    if (options.missingOk === true && !existsSync(`${hostsDir}/${name}`)) return;
    throw error;
  }
  await removeHost(record);
}

/** The handle of a host that runs. `launcher` is this process's own child that made it, to be collected when it ends. */
export function hostHandle(record: HostRecord, pid1: ProcessIdentity, launcher?: number): Host {
  // long-lived children of this process: collected when the host ends
  const children = launcher === undefined ? [] : [launcher];
  const path = (inside: string): string => {
    if (!inside.startsWith('/') || inside.split('/').includes('..'))
      throw notFound(`"${inside}" is not an absolute path inside a host`);
    return `/proc/${pid1.pid}/root${inside}`;
  };
  const enter = (argv: readonly string[], cwd: string | undefined, dieWithParent: boolean): [string, string[]] => {
    const [file = '', ...args] = enterArgv(pid1.pid, record.memberProcs, argv, {
      ...(cwd === undefined ? {} : { cwd }),
      dieWithParent,
    });
    return [file, args];
  };
  const startLogged = (
    argv: readonly string[],
    logFile: string,
    env: Readonly<Record<string, string>>,
    cwd: string | undefined,
    dieWithParent: boolean,
  ): number => {
    const log = openSync(logFile, 'a', 0o640);
    try {
      const [file, args] = enter(argv, cwd, dieWithParent);
      return spawnProcess(file, args, {
        env: { ...hostEnvironment(), ...env },
        cwd: '/',
        stdin: 'null',
        stdout: log,
        stderr: log,
        newSession: true,
      }).pid;
    } finally {
      closeSync(log);
    }
  };
  const supervised = {
    path,
    spawnDetached(argv: readonly string[], logFile: string): void {
      children.push(startLogged(argv, logFile, {}, undefined, false));
    },
  };
  return {
    name: record.name,
    pid1,
    dataDir: record.dataDir,
    cgroup: record.cgroup,
    path,
    enter: argv => enterArgv(pid1.pid, record.memberProcs, argv, { dieWithParent: true }),
    environment: () => hostEnvironment(),
    async exec(argv, options = {}) {
      const [file, args] = enter(argv, options.cwd, true);
      const result = await runCommand(file, args, {
        env: { ...hostEnvironment(), ...options.env },
        cwd: '/',
        ...(options.input === undefined ? {} : { input: options.input }),
        ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
      return {
        code: result.code ?? 128 + (result.signal ?? 0),
        stdout: result.stdout.toString('utf8'),
        stderr: result.stderr.toString('utf8'),
      };
    },
    spawn(argv, options) {
      const pid = startLogged(argv, options.logFile, options.env ?? {}, options.cwd, true);
      let ended = false;
      const exited = waitForExit(pid).finally(() => {
        ended = true;
      });
      exited.catch(() => undefined);
      return {
        exited,
        kill() {
          if (!ended) process.kill(pid, 'SIGKILL');
        },
      };
    },
    supervise: (name, argv, env = {}) => superviseService(supervised, name, argv, { ...hostEnvironment(), ...env }),
    service: name => openService(supervised, name),
    kill: () => endHost(record, pid1, children),
    async delete() {
      await endHost(record, pid1, children);
      await removeHost(record);
    },
  };
}

async function endHost(record: HostRecord, pid1: ProcessIdentity, children: readonly number[] = []): Promise<void> {
  if (isAlive(pid1)) process.kill(pid1.pid, 'SIGKILL');
  // The first process becomes a zombie only after the kernel has ended all others of its pid namespace.
  for (let waited = 0; isAlive(pid1); waited += 5) {
    if (waited > END_PATIENCE_MS)
      throw failedPrecondition(`host "${record.name}": process ${pid1.pid} does not end after SIGKILL`);
    await setTimeout(5);
  }
  for (let waited = 0; waited < END_PATIENCE_MS; waited += 5) {
    // those that entered from outside end a moment later
    for (const child of children) collect(child);
    if (cgroupPids(record.cgroup).length === 0) return;
    await setTimeout(5);
  }
  throw failedPrecondition(
    `host "${record.name}": processes ${cgroupPids(record.cgroup).join(', ')} do not end after SIGKILL`,
  );
}

/** Collects a child that has ended; one that was collected already is fine. */
function collect(pid: number): void {
  try {
    reapProcess(pid);
  } catch (error) {
    if (errnoName(error) !== 'ECHILD') throw error;
  }
}

/** Ends every process of a host, as a power cut; its data stays. Safe to repeat, and with a host that was made in part. */
export async function stopHost(record: HostRecord): Promise<void> {
  if (isRunning(record) && record.pid1 !== undefined) await endHost(record, record.pid1);
  killStrays(record);
}

async function removeHost(record: HostRecord): Promise<void> {
  await stopHost(record);
  await removeCgroup(record.cgroup);
  for (const { mountPoint } of detectCgroups().hierarchies) removeIfEmpty(`${mountPoint}/gantry-hosts`);
  rmSync(record.dataDir, { recursive: true, force: true });
}

/** Processes that a half-made host left in its groups. */
function killStrays(record: HostRecord): void {
  for (const pid of cgroupPids(record.cgroup)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (errnoName(error) !== 'ESRCH') throw error;
    }
  }
}

/** The parent of all hosts' groups goes with the last of them; two deletes at once may both try. */
function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    const code = errnoName(error);
    if (code !== 'ENOENT' && code !== 'EBUSY' && code !== 'ENOTEMPTY') throw error;
  }
}
