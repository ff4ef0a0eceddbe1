import { withResourceDefaults } from '../../api/defaults/resources.ts';
import { conflictError } from '../../api/status.ts';
import type { ApiResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import type { ApiObject, UpdateRules } from '../resources/strategy.ts';
import { storageFault } from '../storage/errors.ts';
import { readConfig } from './apply-config.ts';
import { inNamespace, writeOptions } from './create.ts';
import { createManaged } from './create-object.ts';
import type { HandlerContext } from './handler-context.ts';
import { managerOf } from './managed-write.ts';
import { mergeConfig } from './merge-config.ts';
import { withUniqueOwners } from './owner-references.ts';
import { writtenResponse } from './represent.ts';
import type { ServedResource } from './served-resource.ts';
import { authorizeCreate, named } from './update.ts';
import { updateObject } from './write-object.ts';
import { isForced } from './write-parameters.ts';

/**
 * Server-side apply: PATCH with what somebody wants of an object, or of a subresource that is written like it. What is not there is created, where it is
 * the object itself.
 */
export async function applyFromRequest(
  handlers: HandlerContext,
  served: ServedResource,
  rules: UpdateRules<ApiObject>,
  context: RequestContext,
): Promise<ApiResponse> {
  const { namespace, name } = context.info;
  const options = writeOptions(context, true);
  const config = await readConfig(handlers, context);
  const applying = { ...managerOf(handlers.clock, options), force: isForced(context.request.query) };
  const toStored = (object: ApiObject): ApiObject => served.toStored(withResourceDefaults(served.resource, object));
  const change = (old: ApiObject | undefined): ApiObject => {
    const merged = mergeConfig(served.tracker(rules), old, config, applying, toStored);
    return inNamespace(named(withUniqueOwners(merged, context.warnings), name), served, namespace);
  };
  const request = { namespace, name, rules, change, tracked: 'by-change' } as const;
  for (;;) {
    options.signal.throwIfAborted();
    try {
      return writtenResponse(context, served, await updateObject(handlers, served, request, options));
    } catch (error) {
      if (rules !== served.strategy || storageFault(error) !== 'not-found') throw error;
    }
    const object = newObject(served, change(undefined), name);
    authorizeCreate(handlers, context);
    try {
      return writtenResponse(context, served, await createManaged(handlers, served, object, options), 201);
    } catch (error) {
      // somebody else was first: what is there now is applied to
      if (storageFault(error) !== 'exists') throw error;
    }
  }
}

/** An object that is not there yet has no uid, and no version that could be the one that is meant. Throws 409 where one is asked for. */
function newObject(served: ServedResource, object: ApiObject, name: string): ApiObject {
  const { uid = '', resourceVersion: _, ...metadata } = object.metadata;
  if (uid !== '')
    throw conflictError(
      served.groupResource,
      name,
      `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
    );
  return { ...object, metadata };
}
