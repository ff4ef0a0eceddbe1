import { failedPrecondition } from '../../base/errors.ts';
import type { CheckpointContainerRequest, CheckpointContainerResponse } from '../../rpc/cri-api.ts';
import type { RuntimeServiceContext } from './context.ts';
import { runtimeOf } from './runtime-of.ts';

/** Refused: checkpoints need CRIU and a runtime that is built with it, and neither is driven here. Throws `not-found` before, and `failed-precondition`. */
export function checkpointContainer(
  ctx: RuntimeServiceContext,
  { containerId }: CheckpointContainerRequest,
): CheckpointContainerResponse {
  const { id } = ctx.store.requireContainer(containerId);
  throw failedPrecondition(
    `container ${id} cannot be checkpointed: that needs CRIU, which this runtime does not use (${runtimeOf(ctx, id).name})`,
  );
}
