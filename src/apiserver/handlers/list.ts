import type { ApiResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { listParameters } from './list-options.ts';
import { listResponse } from './represent.ts';
import type { ServedResource } from './served-resource.ts';

/** GET of a collection. */
export async function listObjects(served: ServedResource, context: RequestContext): Promise<ApiResponse> {
  const parameters = listParameters(context, served, false);
  const { limit, resourceVersion, resourceVersionMatch, matches } = parameters;
  const list = await served.cache.list({
    scope: served.scope(context.info.namespace),
    limit,
    continue: parameters.continue,
    resourceVersion,
    ...(resourceVersionMatch === undefined ? {} : { resourceVersionMatch }),
    ...(matches === undefined ? {} : { matches }),
    signal: context.signal,
  });
  return listResponse(context, served, list, {
    resourceVersion: String(list.revision),
    ...(list.continue === undefined ? {} : { continue: list.continue }),
    ...(list.remainingItemCount === undefined ? {} : { remainingItemCount: list.remainingItemCount }),
  });
}
