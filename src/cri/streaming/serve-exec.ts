import type { Clock } from '../../base/clock.ts';
import { errorMessage, failedPrecondition } from '../../base/errors.ts';
import type { CommandEnd, RemoteCommand, TerminalSize } from '../../remotecommand/remote-command.ts';
import type { ExecSession } from '../oci/ports.ts';
import type { RuntimeServiceContext } from '../runtime-service/context.ts';
import { execProcess } from '../runtime-service/exec-process.ts';
import { runtimeOf } from '../runtime-service/runtime-of.ts';
import { containerState } from '../store/container-record.ts';
import { forwardInput, forwardOutput, whenAborted } from './stream-life.ts';
import type { ExecStreamRequest } from './stream-requests.ts';

/** How long a program on a terminal waits for that. */
const FIRST_SIZE_MS = 100;

/**
 * Runs a command for a client and tells it the end: the exit code when the program has ended and all its output was handed on (a program that it left behind
 * and that holds its output counts, as with upstream's runtimes), else why it could not run. A client that leaves is as a line that goes down: see `hangUp`.
 */
export async function serveExec(
  ctx: RuntimeServiceContext,
  request: ExecStreamRequest,
  client: RemoteCommand,
  stopping: AbortSignal,
): Promise<CommandEnd> {
  const { aborted, release } = whenAborted([client.signal, stopping]);
  const leaving = new AbortController();
  aborted.catch(reason => leaving.abort(reason));
  let session: ExecSession | undefined;
  try {
    const size = request.wanted.tty ? await firstSize(client, ctx.clock) : undefined;
    session = await open(ctx, request, size, leaving.signal);
    const end: CommandEnd = { exitCode: await Promise.race([follow(session, client), aborted]) };
    await client.finish(end);
    return end;
  } catch (error) {
    const end: CommandEnd = { error: `error executing command in container: ${errorMessage(error)}` };
    await client.finish(end);
    return end;
  } finally {
    release();
    session?.hangUp();
  }
}

function open(
  ctx: RuntimeServiceContext,
  request: ExecStreamRequest,
  size: TerminalSize | undefined,
  signal: AbortSignal,
): Promise<ExecSession> {
  const record = ctx.store.requireContainer(request.containerId);
  if (containerState(record) !== 'running') throw failedPrecondition(`container ${record.id} is not running`);
  const { tty, ...streams } = request.wanted;
  const consoleSize = size === undefined ? {} : { consoleSize: { height: size.height, width: size.width } };
  const { process, owner } = execProcess(ctx, record.id, request.cmd, tty);
  return runtimeOf(ctx, record.id).openExec(
    { id: record.id, process: { ...process, ...consoleSize }, owner, terminal: tty, ...streams },
    signal,
  );
}

/** The size of the client's terminal, which it sends right after the streams are open: a program that draws at once finds it then. */
function firstSize(client: RemoteCommand, clock: Clock): Promise<TerminalSize | undefined> {
  return new Promise(resolve => {
    const cancel = clock.after(FIRST_SIZE_MS, () => resolve(undefined));
    client.onResize(size => {
      cancel();
      resolve(size);
    });
  });
}

async function follow(session: ExecSession, client: RemoteCommand): Promise<number> {
  client.onResize(size => session.resize(size));
  forwardInput(client.stdin, session.stdin, () => session.endInput());
  const outputs = [forwardOutput(session.stdout, client.stdout), forwardOutput(session.stderr, client.stderr)];
  const exitCode = await session.exited;
  await Promise.all(outputs);
  return exitCode;
}
