import { failedPrecondition } from '../../base/errors.ts';
import type { ExecRequest, ExecResponse } from '../../rpc/cri-api.ts';
import { containerState } from '../store/container-record.ts';
import { checkCommand } from '../validation/command.ts';
import type { RuntimeServiceContext } from './context.ts';
import { wantedStreams } from './wanted-streams.ts';

/**
 * Tells where a command may be run in a running container with its streams open: the URL is good once, for a minute. Throws `not-found`,
 * `failed-precondition`, `invalid-argument` for streams that cannot be together, `resource-exhausted` when too many URLs are out.
 */
export function exec(ctx: RuntimeServiceContext, request: ExecRequest): ExecResponse {
  const wanted = wantedStreams(request, 'one of stdin, stdout, or stderr must be set');
  const record = ctx.store.requireContainer(request.containerId);
  checkCommand(request.cmd);
  if (containerState(record) !== 'running') throw failedPrecondition(`container ${record.id} is not running`);
  return { url: ctx.streams.urlFor({ kind: 'exec', containerId: record.id, cmd: request.cmd, wanted }) };
}
