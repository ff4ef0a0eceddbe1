import type { PodSandboxStatsRequest, PodSandboxStatsResponse } from '../../rpc/cri-api.ts';
import type { RuntimeServiceContext } from './context.ts';
import { readPodSandboxStats } from './read-stats.ts';

/** What a sandbox uses with all in it. Of one that is not ready only what is left of it. Throws `not-found`. */
export async function podSandboxStats(
  ctx: RuntimeServiceContext,
  request: PodSandboxStatsRequest,
  signal?: AbortSignal,
): Promise<PodSandboxStatsResponse> {
  const [stats] = await readPodSandboxStats(ctx, [ctx.store.requireSandbox(request.podSandboxId)], signal);
  return { stats };
}
