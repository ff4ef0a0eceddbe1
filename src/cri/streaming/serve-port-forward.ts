import { failedPrecondition } from '../../base/errors.ts';
import { servePortForward } from '../../remotecommand/serve-port-forward.ts';
import type { RuntimeServiceContext } from '../runtime-service/context.ts';
import { sandboxState } from '../store/sandbox-record.ts';
import { connectToPod } from './connect-to-pod.ts';
import type { PortForwardStreamRequest } from './stream-requests.ts';
import type { StreamConnection } from './streaming-server.ts';

/**
 * Connects a client to ports of a pod, as often as it asks, until it leaves. Each connection looks at the pod anew: one that has ended meanwhile refuses it. Rejects
 * when the client and this server found no protocol.
 */
export function serveForwardedPorts(
  ctx: RuntimeServiceContext,
  wanted: PortForwardStreamRequest,
  { request, socket, head }: StreamConnection,
  limits: { readonly idleMs: number; readonly streamCreationMs: number },
): Promise<void> {
  const { sandboxId, ports } = wanted;
  const record = ctx.store.requireSandbox(sandboxId);
  const { name = '', uid = '' } = record.config.metadata ?? {};
  const connect = (port: number, signal: AbortSignal) => {
    const sandbox = ctx.store.requireSandbox(sandboxId);
    if (sandboxState(sandbox) !== 'ready') throw failedPrecondition(`sandbox ${sandboxId} is not running`);
    return connectToPod({ sandboxId, netnsPath: sandbox.netnsPath }, port, signal);
  };
  return servePortForward(request, socket, head, ports, async (port, signal) => connect(port, signal), {
    ...limits,
    pod: { name, uid },
  });
}
