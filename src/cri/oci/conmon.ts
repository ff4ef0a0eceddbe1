import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { errnoName, type GantryError, internalError, isNotFound } from '../../base/errors.ts';
import { deadlineSignal } from '../../base/signals.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { ExitStatus } from '../../linux/command.ts';
import { spawnProcess, waitForExit } from '../../linux/command.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import { closeFds, createPipe, readPipe } from '../../linux/pipe.ts';
import type { ProcessIdentity } from '../../linux/procfs.ts';
import { processIdentity } from '../../linux/procfs.ts';
import { attach } from './attach.ts';
import { CONMON_FILES, conmonArgs, parseSyncMessage } from './conmon-protocol.ts';
import { resizeTerminal } from './control-fifo.ts';
import { readExit, watchExits } from './exit-files.ts';
import { KeptLogs } from './kept-log.ts';
import { reopenLog } from './log-control.ts';
import { missingBinary, missingRuntime } from './oci-runtime.ts';
import type { ContainerMonitor, MonitorCreateRequest, OciRuntime } from './ports.ts';
import { PROGRAMS, reapAll } from './reap.ts';
import { runtimeFailure } from './runtime-failure.ts';

export interface ConmonOptions {
  /** Absolute path of conmon. */
  readonly path: string;
  /** Where conmon drops a file per exit; made when it is missing. */
  readonly exitDir: string;
  /** Bytes after which a container's log is begun anew; 0, or nothing, for never. */
  readonly logSizeMax?: number;
  /** How long a create may take; upstream's default unless given. */
  readonly createTimeoutMs?: number;
  /** Every path under which the runtime may be seen running: what serves a container is found by its program's name. */
  readonly runtimePaths?: readonly string[];
  /** Takes the monitor with that pid out of this process's group before it starts anything; undefined leaves it there. */
  readonly moveAway?: ((id: string, pid: number) => Promise<void>) | undefined;
  readonly log?: Pick<Logger, 'error'>;
}

const CREATE_TIMEOUT_MS = 240_000;

/** Containers under conmon: one small process each, which holds the container's pipes, writes its log and records its exit, and outlives this process. */
export function createConmonMonitor(options: ConmonOptions): ContainerMonitor {
  mkdirSync(options.exitDir, { recursive: true, mode: 0o700 });
  const programs = new Set([
    ...PROGRAMS,
    ...[options.path, ...(options.runtimePaths ?? [])].map(path => basename(path)),
  ]);
  const logs = (options.logSizeMax ?? 0) > 0 ? new KeptLogs(Date.now) : undefined;
  const reap = (ids: readonly string[]): Promise<void> => reapAll(ids, programs);
  return {
    async create(request, runtime, signal) {
      try {
        return await createContainer(options, request, runtime, signal);
      } catch (error) {
        // Each is tried whatever becomes of the other, and the create's own error is the one that says what is wrong.
        for (const undo of [() => reap([request.id]), () => runtime.delete(request.id, { force: true })]) {
          try {
            await undo();
          } catch (undoError) {
            options.log?.error({ id: request.id, err: undoError }, 'a failed create could not be undone whole');
          }
        }
        throw error;
      }
    },
    readExit: (id, bundle) => readExit(id, bundle, options.exitDir),
    watchExits: (onExit, onError) => watchExits(options.exitDir, onExit, onError),
    reopenLog,
    keepLog: log => logs?.look(log),
    releaseLog: log => logs?.release(log),
    attach: (bundle, outputs, signal) => attach(bundle, outputs, signal),
    resize: resizeTerminal,
    reap: id => reap([id]),
    reapAll: reap,
    hasTraces: bundle => existsSync(join(bundle, CONMON_FILES.complaints)),
    clear(id, bundle) {
      rmSync(join(options.exitDir, id), { force: true });
      const { complaints, ...others } = CONMON_FILES;
      // what shows that there is something goes last
      for (const name of [...Object.values(others), complaints]) rmSync(join(bundle, name), { force: true });
    },
    forget: id => rmSync(join(options.exitDir, id), { force: true }),
  };
}

async function createContainer(
  options: ConmonOptions,
  request: MonitorCreateRequest,
  runtime: OciRuntime,
  signal?: AbortSignal,
): Promise<{ container: ProcessIdentity; monitor: ProcessIdentity }> {
  signal?.throwIfAborted();
  const deadline = deadlineSignal(
    options.createTimeoutMs ?? CREATE_TIMEOUT_MS,
    `${runtime.name} to create container ${request.id} under conmon`,
    signal,
  );
  try {
    const line = await spawnAndWait(options, request, runtime, deadline.signal);
    faultPoint('cri/monitor-create/answered');
    const message = parseSyncMessage(line);
    if (message.pid === undefined) throw createFailure(request, runtime, message.text);
    const container = processIdentity(message.pid);
    const monitor = processIdentity(readPid(join(request.bundle, CONMON_FILES.monitorPid)));
    if (container === undefined) throw internalError(`container ${request.id} ended before it was started`);
    if (monitor === undefined) throw internalError(`conmon of container ${request.id} ended: ${complaints(request)}`);
    return { container, monitor };
  } finally {
    deadline.release();
  }
}

/** Starts conmon and returns the line that it answers with. The process that was started ends at once: the real monitor is its grandchild. */
async function spawnAndWait(
  options: ConmonOptions,
  request: MonitorCreateRequest,
  runtime: OciRuntime,
  signal: AbortSignal,
): Promise<string> {
  const sync = createPipe();
  const start = createPipe();
  const errors = openSync(join(request.bundle, CONMON_FILES.complaints), 'a', 0o600);
  let pid: number;
  try {
    ({ pid } = spawnProcess(
      options.path,
      conmonArgs(request, runtime, { exitDir: options.exitDir, logSizeMax: options.logSizeMax ?? 0 }),
      {
        env: { PATH: process.env['PATH'], _OCI_SYNCPIPE: '3', _OCI_STARTPIPE: '4' },
        cwd: request.bundle,
        stderr: errors,
        fds: { 3: sync.write, 4: start.read },
      },
    ));
  } catch (error) {
    closeFds(sync.read, start.write);
    throw errnoName(error) === 'ENOENT' ? missingBinary('conmon', options.path, error) : error;
  } finally {
    closeFds(sync.write, start.read);
    closeSync(errors);
  }
  faultPoint('cri/monitor-create/spawned');
  // conmon waits for the other end of its start pipe; end of file serves as well as a byte
  await options.moveAway?.(request.id, pid);
  closeFds(start.write);
  faultPoint('cri/monitor-create/released');
  let status: ExitStatus | undefined;
  const exit = waitForExit(pid).then(result => {
    status = result;
    return result;
  });
  let line: string;
  try {
    line = await readLine(sync.read, signal);
  } catch (error) {
    // What it forks is found by name afterwards, but only once it has come to an end of forking.
    if (status === undefined) process.kill(pid, 'SIGKILL');
    await exit;
    throw error;
  }
  const { code, signal: killedBy } = await exit;
  if (line === '') {
    if (!existsSync(runtime.path)) throw missingRuntime(runtime);
    const how = code === null ? `signal ${killedBy}` : `code ${code}`;
    throw internalError(`conmon ended (${how}) without creating container ${request.id}: ${complaints(request)}`);
  }
  return line;
}

/** The first line, or all there is at the end of file. Owns the descriptor. */
function readLine(fd: number, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = readPipe(fd);
    let text = '';
    const settle = (finish: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      stream.destroy();
      finish();
    };
    const onAbort = (): void => settle(() => reject(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) return onAbort();
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end >= 0) settle(() => resolve(text.slice(0, end)));
    });
    stream.on('end', () => settle(() => resolve(text.trim())));
    stream.on('error', error => settle(() => reject(error)));
  });
}

function createFailure(request: MonitorCreateRequest, runtime: OciRuntime, text: string): GantryError {
  if (!existsSync(runtime.path)) return missingRuntime(runtime);
  return runtimeFailure(text, {
    runtime: runtime.name,
    verb: 'create',
    memoryLimit: memoryLimit(request.bundle),
  });
}

function memoryLimit(bundle: string): number | undefined {
  const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as {
    linux?: { resources?: { memory?: { limit?: number } } };
  };
  return config.linux?.resources?.memory?.limit;
}

function readPid(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8').trim());
  } catch (error) {
    if (isNotFound(error)) return 0;
    throw error;
  }
}

/** What conmon itself had to say, on one line. */
function complaints(request: MonitorCreateRequest): string {
  const text = readFileSync(join(request.bundle, CONMON_FILES.complaints), 'utf8').replace(/\s+/g, ' ').trim();
  return text === '' ? 'it gave no reason' : text;
}
