import { errorMessage, failedPrecondition } from '../../base/errors.ts';
import type { CommandEnd, RemoteCommand } from '../../remotecommand/remote-command.ts';
import type { AttachSession } from '../oci/ports.ts';
import type { RuntimeServiceContext } from '../runtime-service/context.ts';
import { type ContainerRecord, containerState } from '../store/container-record.ts';
import { PacedSizes } from './paced-sizes.ts';
import { forwardInput, whenAborted } from './stream-life.ts';
import type { AttachStreamRequest } from './stream-requests.ts';

/**
 * Joins a client to the streams of a container until its output ends; the client is told success then, whatever the container's exit code, as upstream does. A
 * client whose input ends first is let go at once where that does not end the container's input (stdin open for more than one, no terminal): as upstream.
 */
export async function serveAttach(
  ctx: RuntimeServiceContext,
  request: AttachStreamRequest,
  client: RemoteCommand,
  stopping: AbortSignal,
): Promise<CommandEnd> {
  const { aborted, release } = whenAborted([client.signal, stopping]);
  const leaving = new AbortController();
  aborted.catch(reason => leaving.abort(reason));
  let session: AttachSession | undefined;
  let sizes: PacedSizes | undefined;
  try {
    const record = attachable(ctx, request.containerId);
    const outputs = { stdout: client.stdout, stderr: client.stderr };
    session = await ctx.monitor.attach(ctx.paths.containerBundle(record.id), outputs, leaving.signal);
    if (request.wanted.tty) sizes = followSize(ctx, record.id, client);
    await Promise.race([session.ended, inputOver(session, client, record), aborted]);
    const end: CommandEnd = { exitCode: 0 };
    await client.finish(end);
    return end;
  } catch (error) {
    const end: CommandEnd = { error: `error attaching to container: ${errorMessage(error)}` };
    await client.finish(end);
    return end;
  } finally {
    release();
    sizes?.end();
    session?.detach();
  }
}

function attachable(ctx: RuntimeServiceContext, id: string): ContainerRecord {
  const record = ctx.store.requireContainer(id);
  const state = containerState(record);
  if (state !== 'running') throw failedPrecondition(`container is not running: it is ${state}`);
  return record;
}

/** Resolves when the client's input has ended and nothing more is to come of that. */
function inputOver(session: AttachSession, client: RemoteCommand, record: ContainerRecord): Promise<void> {
  const { stdin, stdinOnce, tty } = record.config;
  return new Promise(resolve => {
    forwardInput(client.stdin, stdin ? session.stdin : undefined, () => {
      if (!stdin || tty) return;
      session.stdin.end(stdinOnce ? undefined : resolve);
    });
  });
}

function followSize(ctx: RuntimeServiceContext, id: string, client: RemoteCommand): PacedSizes {
  const sizes = new PacedSizes(size => {
    try {
      ctx.monitor.resize(ctx.paths.containerBundle(id), size);
    } catch (error) {
      // The container ends just now: its output tells the client.
      ctx.log.debug({ container: id, err: error }, 'a terminal could not be resized');
    }
  }, ctx.clock);
  client.onResize(size => sizes.tell(size));
  return sizes;
}
