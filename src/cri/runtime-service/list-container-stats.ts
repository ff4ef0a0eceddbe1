import type { ListContainerStatsRequest, ListContainerStatsResponse } from '../../rpc/cri-api.ts';
import type { RuntimeServiceContext } from './context.ts';
import { matchesContainerFilter } from './filters.ts';
import { isLive, readContainerStats } from './read-stats.ts';

/** What the containers use that pass the filter and have not ended, as with upstream runtimes. */
export async function listContainerStats(
  ctx: RuntimeServiceContext,
  { filter }: ListContainerStatsRequest,
  signal?: AbortSignal,
): Promise<ListContainerStatsResponse> {
  const wanted = filter === undefined ? undefined : { ...filter, state: undefined };
  const records = ctx.store.allContainers().filter(each => isLive(each) && matchesContainerFilter(each, wanted));
  return { stats: await readContainerStats(ctx, records, signal) };
}
