import { badRequestError } from '../../api/status.ts';
import { forbiddenByAuthorizer, requestAttributes } from '../authz/attributes.ts';
import type { ApiResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import type { ApiObject, UpdateRules } from '../resources/strategy.ts';
import { storageFault } from '../storage/errors.ts';
import { readResource, writeOptions } from './create.ts';
import { createObject } from './create-object.ts';
import type { HandlerContext } from './handler-context.ts';
import { writtenResponse } from './represent.ts';
import type { ServedResource } from './served-resource.ts';
import { updateObject } from './write-object.ts';

/** PUT of an object, or of a subresource that is written like it. Creates what is not there where the kind, and the user's rights, allow that. */
export async function updateFromRequest(
  handlers: HandlerContext,
  served: ServedResource,
  rules: UpdateRules<ApiObject>,
  context: RequestContext,
): Promise<ApiResponse> {
  const { namespace, name } = context.info;
  const options = writeOptions(context);
  const object = named(await readResource(handlers, served, context), name);
  try {
    const request = { namespace, name, rules, change: () => object, tracked: 'here' } as const;
    return writtenResponse(context, served, await updateObject(handlers, served, request, options));
  } catch (error) {
    const creates = rules === served.strategy && served.strategy.createOnUpdate;
    if (!creates || storageFault(error) !== 'not-found' || (object.metadata.resourceVersion ?? '') !== '') throw error;
    authorizeCreate(handlers, context);
    return writtenResponse(context, served, await createObject(handlers, served, object, options), 201);
  }
}

/** Whoever writes what is not there creates it. Throws 403 for a user who may not. */
export function authorizeCreate({ authorizer }: HandlerContext, { user, info }: RequestContext): void {
  const asked = requestAttributes(user, { ...info, verb: 'create' });
  const decision = authorizer.authorize(asked);
  if (decision.kind !== 'allow') throw forbiddenByAuthorizer(asked, decision.reason);
}

/** The object, which has to have the name of the path. Throws 400 where it has another or none. */
export function named(object: ApiObject, name: string): ApiObject {
  const said = object.metadata.name ?? '';
  if (said === '')
    throw badRequestError(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  if (said !== name)
    throw badRequestError(`the name of the object (${said}) does not match the name on the URL (${name})`);
  return object;
}
