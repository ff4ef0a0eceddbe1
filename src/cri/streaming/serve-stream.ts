import { serveRemoteCommand } from '../../remotecommand/serve-remote-command.ts';
import type { RuntimeServiceContext } from '../runtime-service/context.ts';
import { serveAttach } from './serve-attach.ts';
import { serveExec } from './serve-exec.ts';
import { serveForwardedPorts } from './serve-port-forward.ts';
import type { StreamRequest } from './stream-requests.ts';
import type { StreamConnection } from './streaming-server.ts';

/** Serves one stream to its end, and says in the log how that came. Rejects when the client and this server found no protocol. */
export async function serveStream(
  ctx: RuntimeServiceContext,
  wanted: StreamRequest,
  { request, socket, head }: StreamConnection,
  stopping: AbortSignal,
): Promise<void> {
  const started = ctx.clock.monotonic();
  // There is no way to tell a client, or no way yet.
  const cut = (): void => void socket.destroy();
  stopping.addEventListener('abort', cut, { once: true });
  const release = (): void => stopping.removeEventListener('abort', cut);
  if (wanted.kind === 'portforward') {
    await serveForwardedPorts(ctx, wanted, { request, socket, head }, LIMITS).finally(release);
    ctx.log.info({ sandbox: wanted.sandboxId, ms: Math.round(ctx.clock.monotonic() - started) }, 'port-forward ended');
    return;
  }
  const client = await serveRemoteCommand(request, socket, head, wanted.wanted, LIMITS).finally(release);
  const end =
    wanted.kind === 'exec'
      ? await serveExec(ctx, wanted, client, stopping)
      : await serveAttach(ctx, wanted, client, stopping);
  const { tty } = wanted.wanted;
  const ms = Math.round(ctx.clock.monotonic() - started);
  ctx.log.info({ container: wanted.containerId, tty, ms, ...end }, `${wanted.kind} ended`);
}

/** Upstream's. */
const LIMITS = { idleMs: 4 * 60 * 60 * 1000, streamCreationMs: 30_000 };
