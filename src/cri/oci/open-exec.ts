import { fchownSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomHex } from '../../base/hash.ts';
import { sleep } from '../../base/signals.ts';
import type { ExitStatus } from '../../linux/command.ts';
import { spawnProcess, waitForExit } from '../../linux/command.ts';
import { type ConsoleSocket, openConsoleSocket } from '../../linux/console-socket.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import { closeFds, createPipe, emptyPipe, readWaiting } from '../../linux/pipe.ts';
import { pipeSession, terminalSession } from './exec-streams.ts';
import { type ExecTracks, killExec } from './kill-exec.ts';
import type { ExecSession, FileOwner, OpenExecRequest } from './ports.ts';
import { runtimeFailure } from './runtime-failure.ts';

export interface ExecProgram {
  readonly name: string;
  readonly path: string;
  readonly globalArgs: readonly string[];
  /** Where the runtime is told what to start and says what it started. */
  readonly execDir: string;
}

/** How much of what a runtime says about its failure is read. */
const MAX_COMPLAINT_BYTES = 65536;
/** A runtime that has not come to an end after so long hangs (it takes some 10 ms). */
const START_MS = 5_000;

/**
 * Runs a process inside a container with its streams in our hands. The runtime only starts it and ends: the process becomes a child of this one (which is a
 * subreaper), so a stream costs no further process, and the runtime's messages cannot be taken for the program's. Our ends of its pipes or terminal are the
 * only ones: when they close (`hangUp`, or the end of this process however it comes) the program sees what it would on any closed terminal or pipe.
 */
export async function openExec(
  program: ExecProgram,
  request: OpenExecRequest,
  signal?: AbortSignal,
): Promise<ExecSession> {
  signal?.throwIfAborted();
  const key = join(program.execDir, randomHex(8));
  const tracks = { processFile: `${key}.json`, pidFile: `${key}.pid` };
  const args = ['exec', '--detach', '--process', tracks.processFile, '--pid-file', tracks.pidFile];
  const console = request.terminal ? openConsoleSocket(`${key}.tty`) : undefined;
  if (console !== undefined) args.push('--console-socket', `${key}.tty`);
  const ends = new Ends();
  try {
    writeFileSync(tracks.processFile, JSON.stringify(request.process), { mode: 0o600, flag: 'wx' });
    faultPoint('cri/exec/written');
    ends.make(request);
    const { pid } = spawnProcess(program.path, [...program.globalArgs, ...args, request.id], ends.theirs);
    const started = waitForExit(pid);
    faultPoint('cri/exec/spawned');
    ends.closeTheirs();
    const status = await unlessAborted(started, tracks, signal);
    if (status.code !== 0) throw startFailure(program, status, complaint(ends.stderr, console));
    faultPoint('cri/exec/started');
    const child = Number(readFileSync(tracks.pidFile, 'utf8').trim());
    return console === undefined ? pipeSession(child, ends, request) : terminalSession(child, console.take());
  } catch (error) {
    ends.closeOurs();
    throw error;
  } finally {
    ends.closeTheirs();
    console?.close();
    rmSync(tracks.processFile, { force: true });
    rmSync(tracks.pidFile, { force: true });
  }
}

/** Who leaves while the runtime is at work takes with him whatever it has started, as a time-out of ExecSync does. */
async function unlessAborted(
  started: Promise<ExitStatus>,
  tracks: ExecTracks,
  signal: AbortSignal | undefined,
): Promise<ExitStatus> {
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
  aborted.catch(() => undefined);
  try {
    return await Promise.race([started, aborted]);
  } catch (error) {
    // What a runtime that is killed in the middle has started cannot be found: nothing names it yet.
    const late = new AbortController();
    await Promise.race([started, sleep(START_MS, late.signal).catch(() => undefined)]);
    late.abort();
    await killExec(tracks);
    await started;
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

function startFailure(program: ExecProgram, status: ExitStatus, said: string): Error {
  const how = status.code === null ? `it was killed by signal ${status.signal}` : `it ended with code ${status.code}`;
  return runtimeFailure(said.trim() === '' ? how : said, { runtime: program.name, verb: 'exec' });
}

/** The runtime's own words: on its stderr, or (crun) on the terminal that it had made its own by then. */
function complaint(stderr: number, console: ConsoleSocket | undefined): string {
  const said = readWaiting(stderr, MAX_COMPLAINT_BYTES).toString('utf8');
  if (console === undefined || said.trim() !== '') return said;
  let master = -1;
  try {
    master = console.take();
    return readWaiting(master, MAX_COMPLAINT_BYTES).toString('utf8');
  } catch {
    // It failed before it had made one.
    return said;
  } finally {
    closeFds(master);
  }
}

/** Whose the streams of an exec are. */
export function streamOwner({ owner, process }: Pick<OpenExecRequest, 'owner' | 'process'>): FileOwner {
  const { uid = 0, gid = 0 } = owner ?? (process as { user?: Partial<FileOwner> }).user ?? {};
  return { uid, gid };
}

/** Both sides of the streams of what is started. stderr is always there: until the program runs it carries the runtime's own words. */
class Ends {
  theirs: { stdin: number | 'null'; stdout: number | 'null'; stderr: number | 'null' } = {
    stdin: 'null',
    stdout: 'null',
    stderr: 'null',
  };
  stdin = -1;
  stdout = -1;
  stderr = -1;

  make(request: OpenExecRequest): void {
    const { uid, gid } = streamOwner(request);
    // A program may open its streams anew by name (/dev/stdin, /proc/self/fd/1), and then its user's rights count.
    if (request.stdin && !request.terminal) {
      const { read, write } = createPipe();
      this.theirs.stdin = read;
      this.stdin = write;
      fchownSync(read, uid, gid);
    } else if (request.owner !== undefined && !request.terminal) {
      // not /dev/null: crun before 1.24 gives the machine's to the user of a pod with a user namespace
      this.theirs.stdin = emptyPipe();
    }
    if (request.stdout && !request.terminal) {
      const { read, write } = createPipe();
      this.theirs.stdout = write;
      this.stdout = read;
      fchownSync(write, uid, gid);
    }
    const { read, write } = createPipe();
    this.theirs.stderr = write;
    this.stderr = read;
    fchownSync(write, uid, gid);
  }

  closeTheirs(): void {
    for (const fd of Object.values(this.theirs)) if (fd !== 'null') closeFds(fd);
    this.theirs = { stdin: 'null', stdout: 'null', stderr: 'null' };
  }

  closeOurs(): void {
    closeFds(this.stdin, this.stdout, this.stderr);
    this.stdin = -1;
    this.stdout = -1;
    this.stderr = -1;
  }
}
