import type { ApiResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { entryResponse } from './represent.ts';
import type { ServedResource } from './served-resource.ts';

/** GET of one object: the newest unless `resourceVersion` allows an older one. */
export async function getObject(served: ServedResource, context: RequestContext): Promise<ApiResponse> {
  const { namespace, name } = context.info;
  const entry = await served.cache.get(served.key(namespace, name), {
    resourceVersion: context.request.query.get('resourceVersion') ?? '',
    signal: context.signal,
  });
  return entryResponse(context, served, entry);
}
