import type { ContainerStatsRequest, ContainerStatsResponse } from '../../rpc/cri-api.ts';
import type { RuntimeServiceContext } from './context.ts';
import { readContainerStats } from './read-stats.ts';

/** What a container uses; of one that has ended, what it has written. Throws `not-found`. */
export async function containerStats(
  ctx: RuntimeServiceContext,
  request: ContainerStatsRequest,
  signal?: AbortSignal,
): Promise<ContainerStatsResponse> {
  const [stats] = await readContainerStats(ctx, [ctx.store.requireContainer(request.containerId)], signal);
  return { stats };
}
