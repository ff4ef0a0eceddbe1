import { builtinTable } from '../../api/schema/builtin.ts';
import { forbiddenError, invalidError, successStatus } from '../../api/status.ts';
import type { DeleteOptions } from '../../api/types/gen/meta-v1.ts';
import { invalid } from '../../api/validation/field-error.ts';
import { requestAttributes } from '../authz/attributes.ts';
import type { ApiResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { storageFault } from '../storage/errors.ts';
import type { StoredObject } from '../storage/storage.ts';
import type { HandlerContext } from './handler-context.ts';
import { plainResponse } from './represent.ts';
import type { ServedResource } from './served-resource.ts';

const OPTION = 'ignoreStoreReadErrorWithClusterBreakingPotential';
const KIND = { group: 'meta.k8s.io', kind: 'DeleteOptions' };
/** Whoever may delete may not do this by that alone. */
const VERB = 'unsafe-delete-ignore-read-errors';

/**
 * DELETE of an object that cannot be decoded, by the option made for that: without admission, finalizers and preconditions, for all of those need the object.
 * Throws 403 without the right to the verb `unsafe-delete-ignore-read-errors`, 422 for an object that can be decoded.
 */
export async function deleteUnreadable(
  handlers: HandlerContext,
  served: ServedResource,
  context: RequestContext,
): Promise<ApiResponse> {
  const { namespace, name } = context.info;
  const attributes = { ...requestAttributes(context.user, context.info), verb: VERB };
  const decision = handlers.authorizer.authorize(attributes);
  if (decision.kind !== 'allow')
    throw forbiddenError(served.groupResource, name, `not permitted to do "${VERB}", reason: ${decision.reason}`);
  const { signal } = context;
  const validate = (stored: StoredObject): void => {
    if (isReadable(served, stored))
      throw invalidError({ group: served.resource.group, kind: served.resource.plural }, name, [
        invalid(OPTION, true, 'is exclusively used to delete corrupt object(s), try again by removing this option'),
      ]);
  };
  await served.storage.delete(served.key(namespace, name), { validate, signal });
  handlers.log.warn({ user: context.user.name }, `deleted ${served.key(namespace, name)}, which could not be decoded`);
  const details = { name, kind: served.resource.kind };
  return plainResponse(context, builtinTable.struct('meta/v1.Status'), successStatus(details));
}

/** Throws 422: nobody deletes by the dozen what nobody has seen. */
export function refuseUnreadableCollection(options: DeleteOptions): void {
  if (options[OPTION] === true)
    throw invalidError(KIND, '', [
      invalid(OPTION, true, 'is not allowed with DELETECOLLECTION, try again after removing the option'),
    ]);
}

function isReadable(served: ServedResource, stored: StoredObject): boolean {
  try {
    served.decode(stored);
    return true;
  } catch (error) {
    if (storageFault(error) === 'corrupt') return false;
    throw error;
  }
}
