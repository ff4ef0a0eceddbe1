import { failedPrecondition } from '../../base/errors.ts';
import type { AttachRequest, AttachResponse } from '../../rpc/cri-api.ts';
import { containerState } from '../store/container-record.ts';
import type { RuntimeServiceContext } from './context.ts';
import { wantedStreams } from './wanted-streams.ts';

/** Tells where a client may join the streams of a running container. URL and errors are as those of `exec`. */
export function attach(ctx: RuntimeServiceContext, request: AttachRequest): AttachResponse {
  const wanted = wantedStreams(request, 'one of stdin, stdout, and stderr must be set');
  const record = ctx.store.requireContainer(request.containerId);
  if (containerState(record) !== 'running') throw failedPrecondition(`container ${record.id} is not running`);
  return { url: ctx.streams.urlFor({ kind: 'attach', containerId: record.id, wanted }) };
}
