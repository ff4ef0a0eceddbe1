import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoName, failedPrecondition, GantryError } from '../../base/errors.ts';
import { randomHex } from '../../base/hash.ts';
import type { CommandResult } from '../../linux/command.ts';
import { runCommand } from '../../linux/command.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import { becomeSubreaper } from '../../linux/subreaper.ts';
import { withoutNoQuota } from '../spec/resources.ts';
import { deleteEnded } from './delete-ended.ts';
import { killExec } from './kill-exec.ts';
import { crunCannotLiftQuota, liftQuota } from './no-cpu-quota.ts';
import { openExec, streamOwner } from './open-exec.ts';
import type { ExecRequest, ExecResult, OciRuntime } from './ports.ts';
import { releaseInit, settleStart } from './release-init.ts';
import { runtimeFailure, saysUnknownContainer } from './runtime-failure.ts';

export interface OciRuntimeOptions {
  readonly name: string;
  readonly path: string;
  /** The installed binary, where `path` is a link to a sealed copy of it. */
  readonly sealedFrom?: string | undefined;
  /** The runtime's own state: `<state>/<name>`. On a tmpfs, since it speaks of running processes only. */
  readonly root: string;
}

/** crun or runc by their common command line. Only one may be at work on a `root`: what an earlier one left of its execs is removed. */
export function createOciRuntime(options: OciRuntimeOptions): OciRuntime {
  const { name, path, sealedFrom, root } = options;
  const globalArgs = [`--root=${root}`];
  // Beside the root and not in it: there every entry is a container to the runtime's list.
  const execDir = `${root}-exec`;
  // What a killed process left there holds environments, and with them secrets.
  rmSync(execDir, { recursive: true, force: true });
  mkdirSync(execDir, { recursive: true, mode: 0o700 });
  // What a runtime starts and leaves to run by itself is then our child: only so its end can be waited for.
  becomeSubreaper();

  const run = async (args: readonly string[], signal?: AbortSignal, input?: string): Promise<CommandResult> => {
    try {
      return await runCommand(path, [...globalArgs, ...args], {
        ...(signal === undefined ? {} : { signal }),
        ...(input === undefined ? {} : { input }),
      });
    } catch (error) {
      throw errnoName(error) === 'ENOENT' ? missingRuntime(options, error) : error;
    }
  };
  const failure = (verb: string, result: CommandResult): GantryError =>
    runtimeFailure(result.stderr.toString('utf8'), { runtime: name, verb });

  return {
    name,
    path,
    sealedFrom,
    globalArgs,

    async start(id, { poststartHooks = false } = {}, signal) {
      if (name === 'crun' && !poststartHooks && releaseInit(join(root, id))) return;
      const result = await run(['start', id], signal);
      if (result.code !== 0) throw failure('start', result);
    },

    async delete(id, { force }, signal) {
      if (!existsSync(join(root, id))) return;
      if (name === 'crun' && force && (await deleteEnded(join(root, id)))) return;
      const result = await run(force ? ['delete', '--force', id] : ['delete', id], signal);
      if (result.code === 0 || saysUnknownContainer(result.stderr.toString('utf8'))) return;
      throw failure('delete', result);
    },

    exec: (request, signal) => execInside({ name, path, sealedFrom, globalArgs, execDir }, request, signal),

    async openExec(request, signal) {
      try {
        return await openExec({ name, path, globalArgs, execDir }, request, signal);
      } catch (error) {
        throw errnoName(error) === 'ENOENT' ? missingRuntime(options, error) : error;
      }
    },

    async update(id, resources, signal) {
      const { limits, noQuota } = withoutNoQuota(resources);
      const lifted = noQuota && name === 'crun' && crunCannotLiftQuota() && liftQuota(join(root, id));
      const input = JSON.stringify(lifted ? limits : resources);
      const result = await run(['update', '--resources=/dev/stdin', id], signal, input);
      if (result.code !== 0) throw failure('update', result);
    },

    async version(signal) {
      return (await run(['--version'], signal)).stdout.toString('utf8');
    },

    async checkpoint(id, { imagePath, workPath }) {
      const paths = [`--image-path=${imagePath}`, `--work-path=${workPath}`];
      const result = await run(['checkpoint', ...paths, '--leave-running', '--file-locks', id]);
      if (result.code !== 0) throw failure('checkpoint', result);
    },

    async list(signal) {
      const result = await run(['list', '--format', 'json'], signal);
      if (result.code !== 0) throw failure('list', result);
      const states = parseList(result.stdout.toString('utf8'));
      if (name === 'crun')
        for (const [id, state] of states)
          if (state === 'created' && settleStart(join(root, id))) states.set(id, 'running');
      return states;
    },
  };
}

/** setTimeout counts in 31 bits, and fires at once beyond; this is 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

interface ExecEnvironment {
  readonly name: string;
  readonly path: string;
  readonly sealedFrom?: string | undefined;
  readonly globalArgs: readonly string[];
  readonly execDir: string;
}

async function execInside(runtime: ExecEnvironment, request: ExecRequest, signal?: AbortSignal): Promise<ExecResult> {
  signal?.throwIfAborted();
  const key = join(runtime.execDir, randomHex(8));
  const tracks = { processFile: `${key}.json`, pidFile: `${key}.pid` };
  writeFileSync(tracks.processFile, JSON.stringify(request.process), { mode: 0o600, flag: 'wx' });
  faultPoint('cri/exec-sync/written');
  const stop = new AbortController();
  let killing: Promise<void> | undefined;
  // The runtime may not be killed first: with it goes the way from its pid to what it started.
  const interrupt = (reason: unknown): void => {
    killing ??= killExec(tracks).finally(() => stop.abort(reason));
    killing.catch(() => undefined);
  };
  const timer =
    request.timeoutMs > 0
      ? setTimeout(() => interrupt(timedOut(request)), Math.min(request.timeoutMs, MAX_TIMER_MS))
      : undefined;
  const onAbort = (): void => interrupt(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const running = runCommand(
      runtime.path,
      [...runtime.globalArgs, 'exec', '--process', tracks.processFile, '--pid-file', tracks.pidFile, request.id],
      {
        maxOutputBytes: request.maxOutputBytes,
        signal: stop.signal,
        outputOwner: streamOwner(request),
        emptyInput: request.owner !== undefined,
      },
    );
    faultPoint('cri/exec-sync/started');
    const result = await running;
    faultPoint('cri/exec-sync/ended');
    if (killing !== undefined) {
      await killing;
      throw signal?.aborted === true ? signal.reason : timedOut(request);
    }
    // The pid file is written once the program runs: without it the message is the runtime's, not the program's.
    if (result.code !== 0 && !existsSync(tracks.pidFile))
      throw runtimeFailure(result.stderr.toString('utf8'), { runtime: runtime.name, verb: 'exec' });
    return { stdout: result.stdout, stderr: result.stderr, exitCode: result.code ?? 128 + (result.signal ?? 0) };
  } catch (error) {
    await killing;
    throw errnoName(error) === 'ENOENT' ? missingRuntime(runtime, error) : error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    rmSync(tracks.processFile, { force: true });
    rmSync(tracks.pidFile, { force: true });
  }
}

function timedOut(request: ExecRequest): GantryError {
  const args = (request.process as { args?: readonly string[] }).args ?? [];
  return new GantryError(
    'deadline-exceeded',
    `command "${args.join(' ')}" timed out after ${request.timeoutMs / 1000}s and was killed`,
  );
}

/** The sentence for a program that is not there. */
export function missingBinary(name: string, path: string, cause?: unknown): GantryError {
  return failedPrecondition(`${name} is not at ${path}; install it (on Debian: apt-get install ${name})`, { cause });
}

/** The same for the runtime. A sealed copy lives as long as this process: only the link to it can go, and installing anything would not bring it back. */
export function missingRuntime(
  runtime: { readonly name: string; readonly path: string; readonly sealedFrom?: string | undefined },
  cause?: unknown,
): GantryError {
  const { name, path, sealedFrom } = runtime;
  if (sealedFrom === undefined) return missingBinary(name, path, cause);
  return failedPrecondition(`the link ${path} to the copy of ${sealedFrom} in memory is gone: restart gantry run cri`, {
    cause,
  });
}

function parseList(text: string): Map<string, string> {
  const states = new Map<string, string>();
  const rows: unknown = text.trim() === '' ? [] : JSON.parse(text);
  if (!Array.isArray(rows)) return states;
  for (const row of rows as readonly { id?: unknown; status?: unknown }[]) {
    if (typeof row.id === 'string' && typeof row.status === 'string') states.set(row.id, row.status);
  }
  return states;
}
