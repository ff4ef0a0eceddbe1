import { failedPrecondition, invalidArgument } from '../../base/errors.ts';
import type { PortForwardRequest, PortForwardResponse } from '../../rpc/cri-api.ts';
import { sandboxState } from '../store/sandbox-record.ts';
import { checkRange } from '../validation/field.ts';
import type { RuntimeServiceContext } from './context.ts';

/** Tells where ports of a pod may be reached. URL and errors are as those of `exec`. */
export function portForward(ctx: RuntimeServiceContext, request: PortForwardRequest): PortForwardResponse {
  if (request.podSandboxId === '') throw invalidArgument('missing required pod_sandbox_id');
  for (const [at, port] of request.port.entries()) checkRange(`port[${at}]`, port, 1, 65_535);
  const record = ctx.store.requireSandbox(request.podSandboxId);
  if (sandboxState(record) !== 'ready') throw failedPrecondition(`sandbox ${record.id} is not running`);
  return { url: ctx.streams.urlFor({ kind: 'portforward', sandboxId: record.id, ports: request.port }) };
}
