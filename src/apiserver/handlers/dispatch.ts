import { builtinTable } from '../../api/schema/builtin.ts';
import { findResource } from '../../api/schema/resources/registry.ts';
import type { ApiResource } from '../../api/schema/resources/resource.ts';
import { methodNotAllowedError, unknownResourceError } from '../../api/status.ts';
import { type ApiResponse, notFoundResponse } from '../http.ts';
import { negotiateResponse } from '../negotiation/negotiate.ts';
import type { Handler, RequestContext } from '../pipeline/context.ts';
import type { ApiObject, UpdateRules } from '../resources/strategy.ts';
import { bind } from './binding.ts';
import { componentStatuses } from './component-status.ts';
import { connect } from './connect.ts';
import { createFromRequest } from './create.ts';
import { deleteFromRequest } from './delete.ts';
import { deleteCollection } from './delete-collection.ts';
import { evict } from './evict.ts';
import { getObject } from './get.ts';
import type { HandlerContext } from './handler-context.ts';
import { listObjects } from './list.ts';
import { patchFromRequest } from './patch.ts';
import { podLog } from './pod-log.ts';
import { OBJECT_ENDPOINT, plainResponse } from './represent.ts';
import { resourceUsage } from './resource-usage.ts';
import { answerReview } from './review.ts';
import { scaleObject } from './scale.ts';
import type { ServedResource } from './served-resource.ts';
import { withApiErrors } from './storage-failure.ts';
import { createToken } from './token.ts';
import { updateFromRequest } from './update.ts';
import { watchObjects } from './watch.ts';

/** Gives a request about a resource to its handler. Throws 404 for what is not served, 405 for verbs that a resource has not got. */
export function resourceHandler(handlers: HandlerContext): Handler {
  return async context => {
    const { info } = context;
    if (!info.isResourceRequest) return notFoundResponse();
    const { apiGroup: group, apiVersion: version, resource: plural, name } = info;
    return withApiErrors({ group, resource: plural }, name, () => dispatch(handlers, context, group, version, plural));
  };
}

async function dispatch(
  handlers: HandlerContext,
  context: RequestContext,
  group: string,
  version: string,
  plural: string,
): Promise<ApiResponse> {
  const { info } = context;
  const resource = findResource(group, version, plural);
  const served = handlers.resources.get(`${group}/${version}/${plural}`);
  if (resource?.served !== true) throw unknownResourceError();
  const connection = resource.subresources.find(each => each.connect && each.name === info.subresource);
  if (info.parts.length > 3 && connection?.name !== 'proxy') throw unknownResourceError();
  // an object of a namespace cannot be written without one
  const needsNamespace = !['list', 'watch', 'deletecollection'].includes(info.verb);
  if (resource.scope === 'namespaced' && info.namespace === '' && needsNamespace) {
    // the collection over all namespaces is there, but only to be read
    if (info.parts.length === 1 && served !== undefined) throw methodNotAllowedError();
    throw unknownResourceError();
  }
  if (resource.scope === 'cluster' && info.namespace !== '' && plural !== 'namespaces') throw unknownResourceError();
  if (connection !== undefined) return connect(handlers, context, connection);
  // text whatever the client takes
  if (served !== undefined && group === '' && plural === 'pods' && info.subresource === 'log')
    return podLog(handlers, served, context);
  // a client that takes nothing that can be given must hear so before anything is written
  if (info.verb !== 'watch') negotiateResponse(context.request, OBJECT_ENDPOINT);
  if (served === undefined) return unstored(handlers, resource, context);
  if (info.subresource !== '') return subresource(handlers, served, context);
  switch (info.verb) {
    case 'get':
      return getObject(served, context);
    case 'list':
      return listObjects(served, context);
    case 'watch':
      return watchObjects(served, context);
    case 'create':
      if (info.name !== '' && info.parts.length > 1) throw methodNotAllowedError();
      return createFromRequest(handlers, served, context);
    case 'update':
      if (info.parts.length < 2) throw methodNotAllowedError();
      return updateFromRequest(handlers, served, served.strategy, context);
    case 'patch':
      if (info.parts.length < 2) throw methodNotAllowedError();
      return patchFromRequest(handlers, served, served.strategy, context);
    case 'delete':
      return deleteFromRequest(handlers, served, context);
    case 'deletecollection':
      if (!resource.verbs.includes('deletecollection')) throw methodNotAllowedError();
      return deleteCollection(handlers, served, context);
    default:
      throw methodNotAllowedError();
  }
}

/** Reviews, bindings, the health of components and what is used: answered, never stored. */
async function unstored(
  handlers: HandlerContext,
  resource: ApiResource,
  context: RequestContext,
): Promise<ApiResponse> {
  if (resource.storage !== undefined) throw unknownResourceError();
  if (resource.plural === 'componentstatuses') return componentStatuses(handlers.components, resource, context);
  if (resource.group === 'metrics.k8s.io') return resourceUsage(handlers, resource, context);
  if (context.info.verb !== 'create' || context.info.name !== '') throw methodNotAllowedError();
  if (resource.plural !== 'bindings') return answerReview(handlers, resource, context);
  const pods = handlers.resources.get('/v1/pods');
  if (pods === undefined) throw unknownResourceError();
  return bind(handlers, pods, context);
}

async function subresource(
  handlers: HandlerContext,
  served: ServedResource,
  context: RequestContext,
): Promise<ApiResponse> {
  const { subresource: name, verb } = context.info;
  const row = served.resource.subresources.find(each => each.name === name);
  if (row === undefined) throw unknownResourceError();
  const allowed: readonly string[] = row.verbs;
  if (!allowed.includes(verb)) throw methodNotAllowedError();
  switch (name) {
    case 'scale':
      return scaleObject(handlers, served, context);
    case 'binding':
      return bind(handlers, served, context);
    case 'eviction':
      return evict(handlers, served, context);
    case 'token': {
      const type = builtinTable.struct('authentication/v1.TokenRequest');
      return plainResponse(context, type, await createToken(handlers, served, context), 201);
    }
    default:
      return writtenSubresource(handlers, served, served.strategy.subresources.get(name), context);
  }
}

/** Subresources that are the object itself, written under rules of their own. */
async function writtenSubresource(
  handlers: HandlerContext,
  served: ServedResource,
  rules: UpdateRules<ApiObject> | undefined,
  context: RequestContext,
): Promise<ApiResponse> {
  if (rules === undefined) throw unknownResourceError();
  switch (context.info.verb) {
    case 'get':
      return getObject(served, context);
    case 'update':
      return updateFromRequest(handlers, served, rules, context);
    case 'patch':
      return patchFromRequest(handlers, served, rules, context);
    default:
      throw methodNotAllowedError();
  }
}
