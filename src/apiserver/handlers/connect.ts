import type { Subresource } from '../../api/schema/resources/resource.ts';
import { badRequestError, methodNotAllowedError, methodNotSupportedError } from '../../api/status.ts';
import type { ApiResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { forwardRequest } from '../proxy/forward-request.ts';
import { proxiedPath } from '../proxy/proxied-path.ts';
import type { HandlerContext } from './handler-context.ts';
import { proxyBackend } from './proxy-backend.ts';

const PROXIED_METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']);

/** Requests that lead to a kubelet, a pod or a service: what answers is there, not here. */
export async function connect(
  handlers: HandlerContext,
  context: RequestContext,
  subresource: Subresource,
): Promise<ApiResponse> {
  const { request, info } = context;
  if (subresource.name !== 'proxy')
    throw methodNotSupportedError({ group: '', resource: `${info.resource}/${subresource.name}` }, info.verb);
  if (!PROXIED_METHODS.has(request.method)) throw methodNotAllowedError();
  if (request.query.has('dryRun')) throw badRequestError('dryRun is not supported');
  const backend = await proxyBackend(handlers, context);
  return forwardRequest(backend, proxiedPath(context.info), context);
}
