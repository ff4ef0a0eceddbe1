import type { Subresource } from '../../api/schema/resources/resource.ts';
import { badRequestError, methodNotAllowedError } from '../../api/status.ts';
import { type ApiResponse, asksForUpgrade } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { forwardRequest } from '../proxy/forward-request.ts';
import { handOver, streamBackend } from '../proxy/hand-over.ts';
import { escapedPath, proxiedPath, queryOf } from '../proxy/proxied-path.ts';
import type { HandlerContext } from './handler-context.ts';
import { podStream, type StreamKind } from './pod-stream.ts';
import { proxyBackend } from './proxy-backend.ts';

const PROXIED_METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']);
const STREAM_METHODS: ReadonlySet<string> = new Set(['GET', 'POST']);

/** Requests that lead to a kubelet, a pod or a service: what answers is there, not here. */
export async function connect(
  handlers: HandlerContext,
  context: RequestContext,
  subresource: Subresource,
): Promise<ApiResponse> {
  const { request } = context;
  const isProxy = subresource.name === 'proxy';
  if (!(isProxy ? PROXIED_METHODS : STREAM_METHODS).has(request.method)) throw methodNotAllowedError();
  if (request.query.has('dryRun')) throw badRequestError('dryRun is not supported');
  if (!isProxy) return podStream(handlers, context, subresource.name as StreamKind);
  const backend = await proxyBackend(handlers, context);
  const path = proxiedPath(context.info);
  if (!asksForUpgrade(request)) return forwardRequest(backend, path, context);
  return handOver(streamBackend(backend, `${escapedPath(path)}${queryOf(request.url)}`), context);
}
