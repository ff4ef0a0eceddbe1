import type { ListPodSandboxStatsRequest, ListPodSandboxStatsResponse } from '../../rpc/cri-api.ts';
import { sandboxState } from '../store/sandbox-record.ts';
import type { RuntimeServiceContext } from './context.ts';
import { matchesSandboxFilter } from './filters.ts';
import { readPodSandboxStats } from './read-stats.ts';

/** What the sandboxes use that pass the filter and are ready, as with upstream runtimes. */
export async function listPodSandboxStats(
  ctx: RuntimeServiceContext,
  { filter }: ListPodSandboxStatsRequest,
  signal?: AbortSignal,
): Promise<ListPodSandboxStatsResponse> {
  const wanted = filter === undefined ? undefined : { ...filter, state: undefined };
  const records = ctx.store
    .allSandboxes()
    .filter(each => sandboxState(each) === 'ready' && matchesSandboxFilter(each, wanted));
  return { stats: await readPodSandboxStats(ctx, records, signal) };
}
