import type { ApiResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { storageFault } from '../storage/errors.ts';
import { deleteObject, readDeleteOptions } from './delete.ts';
import type { HandlerContext } from './handler-context.ts';
import { listParameters } from './list-options.ts';
import { listResponse } from './represent.ts';
import type { ServedResource } from './served-resource.ts';
import { refuseUnreadableCollection } from './unreadable-object.ts';

/** DELETE of a collection: each object that the selectors choose; the answer is their list. */
export async function deleteCollection(
  handlers: HandlerContext,
  served: ServedResource,
  context: RequestContext,
): Promise<ApiResponse> {
  const { matches, limit, resourceVersion } = listParameters(context, served, false);
  const { options, write } = await readDeleteOptions(handlers, served, context);
  refuseUnreadableCollection(options);
  const list = await served.cache.list({
    scope: served.scope(context.info.namespace),
    limit,
    resourceVersion,
    ...(matches === undefined ? {} : { matches }),
    signal: context.signal,
  });
  for (const { object } of list.items) {
    const { namespace = '', name = '' } = object.metadata;
    try {
      await deleteObject(handlers, served, { namespace, name }, options, write);
    } catch (error) {
      if (storageFault(error) !== 'not-found') throw error;
    }
  }
  return listResponse(context, served, list, { resourceVersion: String(list.revision) });
}
