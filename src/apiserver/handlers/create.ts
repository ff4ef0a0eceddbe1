import { withResourceDefaults } from '../../api/defaults/resources.ts';
import { badRequestError } from '../../api/status.ts';
import { TimeSlice } from '../../base/time-slice.ts';
import type { ApiResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { createObject } from './create-object.ts';
import type { HandlerContext, WriteOptions } from './handler-context.ts';
import { withUniqueOwners } from './owner-references.ts';
import { readObject } from './read-body.ts';
import { writtenResponse } from './represent.ts';
import type { ServedResource } from './served-resource.ts';
import { withApiErrors } from './storage-failure.ts';
import { checkWriteParameters, fieldManagerOf, type WriteParametersKind } from './write-parameters.ts';

/** POST to a collection. */
export async function createFromRequest(
  handlers: HandlerContext,
  served: ServedResource,
  context: RequestContext,
): Promise<ApiResponse> {
  const options = writeOptions(context);
  const body = await readResource(handlers, served, context);
  // the path of a collection has no name: refusals take it from the body
  const written = await withApiErrors(served.groupResource, body.metadata.name ?? '', () =>
    createObject(handlers, served, body, options),
  );
  return writtenResponse(context, served, written, 201);
}

/** The object of the body with its defaults, in the stored version and in the namespace of the path. Throws 400 where the body says another. */
export async function readResource(
  handlers: HandlerContext,
  served: ServedResource,
  context: RequestContext,
): Promise<ApiObject> {
  const { type, apiVersion } = served;
  const slice = new TimeSlice(context.signal);
  const sent = await readObject<ApiObject>(handlers, context, { type, apiVersion, kind: served.resource.kind });
  await slice.breathe();
  const body = inNamespace(withUniqueOwners(sent, context.warnings), served, context.info.namespace);
  const object = served.toStored(withResourceDefaults(served.resource, body));
  await slice.breathe();
  return object;
}

export function inNamespace(object: ApiObject, served: ServedResource, namespace: string): ApiObject {
  const said = object.metadata.namespace ?? '';
  // upstream passes over a namespace where the kind has none
  if (!served.namespaced) {
    const { namespace: _, ...metadata } = object.metadata;
    return said === '' ? object : { ...object, metadata };
  }
  if (said !== '' && said !== namespace)
    throw badRequestError('the namespace of the provided object does not match the namespace sent on the request');
  return { ...object, metadata: { ...object.metadata, namespace } };
}

/** What a write is told by its query; `isApply` for a server-side apply. Throws 422 for parameters that upstream refuses. */
export function writeOptions(context: RequestContext, isApply = false): WriteOptions {
  const { query, headers } = context.request;
  return {
    user: context.user,
    dryRun: checkWriteParameters(parametersKind(context.info.verb), query, isApply).dryRun,
    fieldManager: fieldManagerOf(query, headers.get('user-agent')),
    signal: context.signal,
    subresource: context.info.subresource,
    verb: context.info.verb,
    warn: text => context.warnings.add(text),
  };
}

function parametersKind(verb: string): WriteParametersKind {
  switch (verb) {
    case 'update':
      return 'UpdateOptions';
    case 'patch':
      return 'PatchOptions';
    case 'delete':
    case 'deletecollection':
      return 'DeleteOptions';
    default:
      return 'CreateOptions';
  }
}
