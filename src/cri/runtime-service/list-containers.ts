import type { ListContainersRequest, ListContainersResponse } from '../../rpc/cri-api.ts';
import { containerListItem } from './container-message.ts';
import type { RuntimeServiceContext } from './context.ts';
import { matchesContainerFilter } from './filters.ts';

/** The containers that pass the filter, from memory; infra containers are not shown. */
export function listContainers(ctx: RuntimeServiceContext, request: ListContainersRequest): ListContainersResponse {
  const containers = ctx.store.allContainers().filter(c => matchesContainerFilter(c, request.filter));
  return { containers: containers.map(containerListItem) };
}
