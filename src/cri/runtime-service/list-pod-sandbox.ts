import type { ListPodSandboxRequest, ListPodSandboxResponse } from '../../rpc/cri-api.ts';
import type { RuntimeServiceContext } from './context.ts';
import { matchesSandboxFilter } from './filters.ts';
import { sandboxListItem } from './sandbox-message.ts';

/** The sandboxes that pass the filter, from memory. */
export function listPodSandbox(ctx: RuntimeServiceContext, request: ListPodSandboxRequest): ListPodSandboxResponse {
  const items = ctx.store.allSandboxes().filter(s => matchesSandboxFilter(s, request.filter));
  return { items: items.map(sandboxListItem) };
}
