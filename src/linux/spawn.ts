import { isMainThread } from 'node:worker_threads';
import { GantryError, invalidArgument } from '../base/errors.ts';
import { check, libc, SyscallError } from './ffi.ts';
import { isAnyIgnored } from './ignored-signals.ts';
import { closeFds } from './pipe.ts';

/** How a process ended: exactly one of the two is set. */
export interface ExitStatus {
  readonly code: number | null;
  /** The number of the signal that ended it. */
  readonly signal: number | null;
}

/** A descriptor of this process, or /dev/null. */
export type Stdio = number | 'null';

export interface SpawnOptions {
  /** The whole environment of the child; unless given, this process's without NODE_EXTRA_CA_CERTS (it costs every Node child 40 ms). */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** `null` unless given, as the other two. */
  readonly stdin?: Stdio;
  readonly stdout?: Stdio;
  readonly stderr?: Stdio;
  /** Further descriptors: number in the child -> descriptor here. All others are closed in the child. */
  readonly fds?: Readonly<Record<number, number>>;
  /** Makes the child the leader of a new session (and process group), without a controlling terminal. Unless given, where this process was started with signals ignored: the terminal's go to a whole group. */
  readonly newSession?: boolean;
}

const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
const SETSID = 0x80;
const O_RDWR = 2;
const F_DUPFD_CLOEXEC = 1030;
const WNOHANG = 1;

/** glibc's sizes on 64-bit Linux are 336, 80 and 128 bytes; the rest is room. */
const ATTRIBUTES_SIZE = 512;
const FILE_ACTIONS_SIZE = 256;
const SIGSET_SIZE = 128;

const attributesByFlags = new Map<number, Buffer>();

/** Every signal at its default action and none blocked: Node ignores SIGPIPE, and a child that inherits that never ends on a closed pipe. */
function spawnAttributes(newSession: boolean): Buffer {
  const flags = SETSIGDEF | SETSIGMASK | (newSession ? SETSID : 0);
  const known = attributesByFlags.get(flags);
  if (known !== undefined) return known;
  const attributes = Buffer.alloc(ATTRIBUTES_SIZE);
  libc('int posix_spawnattr_init(void*)')(attributes);
  libc('int posix_spawnattr_setflags(void*, short)')(attributes, flags);
  libc('int posix_spawnattr_setsigdefault(void*, const void*)')(attributes, Buffer.alloc(SIGSET_SIZE, 0xff));
  libc('int posix_spawnattr_setsigmask(void*, const void*)')(attributes, Buffer.alloc(SIGSET_SIZE, 0));
  attributesByFlags.set(flags, attributes);
  return attributes;
}

/**
 * Starts a program without fork: posix_spawn suspends this thread until the child has called exec (about 0.35 ms, whatever this process's
 * size). `file` without a slash is searched on this process's PATH. The child must be reaped: `waitForExit` or `reapProcess`.
 * Throws SyscallError: ENOENT (no such program, interpreter or cwd), EACCES, E2BIG, EAGAIN.
 */
export function spawnProcess(file: string, args: readonly string[], options: SpawnOptions = {}): { pid: number } {
  const argv = [file, ...args];
  const env = environmentList(options.env);
  if ([...argv, ...env].some(text => text.includes('\0')))
    throw invalidArgument(`${file}: an argument or environment variable contains a NUL byte`);
  const temporary: number[] = [];
  const actions = Buffer.alloc(FILE_ACTIONS_SIZE);
  succeed(libc('int posix_spawn_file_actions_init(void*)')(actions), 'posix_spawn_file_actions_init');
  try {
    addFileActions(actions, options, temporary);
    const posixSpawn = libc(
      'int posix_spawnp(_Out_ int*, const char*, const void*, const void*, const char**, const char**)',
    );
    const pid = [0];
    const attributes = spawnAttributes(options.newSession ?? isAnyIgnored());
    succeed(posixSpawn(pid, file, actions, attributes, [...argv, null], [...env, null]), 'posix_spawn', file);
    return { pid: pid[0] ?? 0 };
  } finally {
    libc('int posix_spawn_file_actions_destroy(void*)')(actions);
    closeFds(...temporary);
  }
}

function environmentList(env: SpawnOptions['env']): string[] {
  const list: string[] = [];
  for (const [name, value] of Object.entries(env ?? process.env))
    if (value !== undefined && (env !== undefined || name !== 'NODE_EXTRA_CA_CERTS')) list.push(`${name}=${value}`);
  return list;
}

/** The posix_spawn family returns the errno instead of setting it. */
function succeed(errno: number, call: string, subject?: string): void {
  if (errno !== 0) throw new SyscallError(call, errno, subject);
}

/**
 * The plan of the child's descriptors. A source that is itself the number of another target would be overwritten before its turn, so it is
 * first moved out of the way; `dup2(n, n)` is kept, since in a file action it clears close-on-exec (glibc 2.29).
 */
function addFileActions(actions: Buffer, options: SpawnOptions, temporary: number[]): void {
  const wanted: [target: number, source: Stdio][] = [
    [0, options.stdin ?? 'null'],
    [1, options.stdout ?? 'null'],
    [2, options.stderr ?? 'null'],
  ];
  for (const [target, source] of Object.entries(options.fds ?? {})) wanted.push([Number(target), source]);
  const targets = new Set(wanted.map(([target]) => target));
  const highest = Math.max(...targets);
  const dup2 = libc('int posix_spawn_file_actions_adddup2(void*, int, int)');
  const open = libc('int posix_spawn_file_actions_addopen(void*, int, const char*, int, uint)');
  const moved = wanted.map(([target, source]): [number, Stdio] => {
    if (source === 'null' || source === target || !targets.has(source)) return [target, source];
    const copy = check(libc('int fcntl(int, int, long)')(source, F_DUPFD_CLOEXEC, highest + 1), 'fcntl F_DUPFD');
    temporary.push(copy);
    return [target, copy];
  });
  for (const [target, source] of moved) {
    if (source === 'null')
      succeed(open(actions, target, '/dev/null', O_RDWR, 0), 'posix_spawn_file_actions_addopen', '/dev/null');
    else succeed(dup2(actions, source, target), 'posix_spawn_file_actions_adddup2');
  }
  succeed(
    libc('int posix_spawn_file_actions_addclosefrom_np(void*, int)')(actions, highest + 1),
    'posix_spawn_file_actions_addclosefrom_np',
  );
  if (options.cwd !== undefined)
    succeed(
      libc('int posix_spawn_file_actions_addchdir_np(void*, const char*)')(actions, options.cwd),
      'posix_spawn_file_actions_addchdir_np',
      options.cwd,
    );
}

/**
 * Collects an ended child; undefined while it runs. A child is collected once: afterwards, and for a process that is no child of ours,
 * throws SyscallError ECHILD.
 */
export function reapProcess(pid: number): ExitStatus | undefined {
  const status = [0];
  if (check(libc('int waitpid(int, _Out_ int*, int)')(pid, status, WNOHANG), 'waitpid', String(pid)) === 0)
    return undefined;
  const word = status[0] ?? 0;
  const signal = word & 0x7f;
  return signal === 0 ? { code: (word >> 8) & 0xff, signal: null } : { code: null, signal };
}

interface Waiter {
  resolve(status: ExitStatus): void;
  reject(error: unknown): void;
}
const waiters = new Map<number, Waiter>();
let listening = false;
/**
 * Node's signal handlers do not keep a process alive, so a command line tool would end while it waits; this timer does. It also looks at the
 * children, which matters only if another part of the process removed the handler.
 */
let keepAlive: NodeJS.Timeout | undefined;
const KEEP_ALIVE_MS = 1000;

/**
 * Resolves when the child has ended, and collects it. Driven by SIGCHLD (one handler for all; signals merge, so each looks at every child
 * that is waited for). Children of node:child_process are not touched. Only on the main thread: workers get no signals. Rejects with the signal's
 * reason on abort: then nobody waits any more, and only a subreaper collects the child.
 */
export function waitForExit(pid: number, signal?: AbortSignal): Promise<ExitStatus> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    if (!isMainThread) throw new GantryError('failed-precondition', 'processes are waited for on the main thread only');
    if (waiters.has(pid)) throw new GantryError('already-exists', `process ${pid} is waited for already`);
    if (!listening) {
      listening = true;
      process.on('SIGCHLD', settleAll);
    }
    const onAbort = (): void => {
      forget(pid);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    const release = (): void => signal?.removeEventListener('abort', onAbort);
    waiters.set(pid, {
      resolve(status) {
        release();
        resolve(status);
      },
      reject(error) {
        release();
        reject(error);
      },
    });
    keepAlive ??= setInterval(settleAll, KEEP_ALIVE_MS);
    settle(pid);
  });
}

function settleAll(): void {
  for (const pid of [...waiters.keys()]) settle(pid);
}

function settle(pid: number): void {
  const waiter = waiters.get(pid);
  if (waiter === undefined) return;
  try {
    const status = reapProcess(pid);
    if (status === undefined) return;
    forget(pid);
    waiter.resolve(status);
  } catch (error) {
    forget(pid);
    waiter.reject(error);
  }
}

/** Whether somebody waits for this child and so collects it. */
export function isWaitedFor(pid: number): boolean {
  return waiters.has(pid);
}

function forget(pid: number): void {
  waiters.delete(pid);
  if (waiters.size > 0) return;
  clearInterval(keepAlive);
  keepAlive = undefined;
}
