import { builtinTable } from '../../api/schema/builtin.ts';
import { badRequestError, conflictError, successStatus } from '../../api/status.ts';
import type { DeleteOptions } from '../../api/types/gen/meta-v1.ts';
import { type AdmissionPlugin, admitValidating } from '../admission/plugin.ts';
import type { ApiResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { storageFault } from '../storage/errors.ts';
import { writeOptions } from './create.ts';
import { decideDeletion } from './deletion-step.ts';
import { dependentsWarnings } from './dependents.ts';
import type { HandlerContext, WriteOptions } from './handler-context.ts';
import { readOptionalObject } from './read-body.ts';
import { plainResponse, writtenResponse } from './represent.ts';
import type { ServedResource } from './served-resource.ts';
import type { ServiceAllocation } from './service-allocator.ts';
import { deleteUnreadable } from './unreadable-object.ts';
import { admissionRequest } from './write-object.ts';
import { checkDeleteOptions } from './write-parameters.ts';
import type { Written } from './written.ts';

/** What became of a deletion: the object is gone, or marked and waiting. */
export type Deleted = Written & { readonly gone: boolean };

/** DELETE of an object: the object while it waits for its end, a Status once it is gone. */
export async function deleteFromRequest(
  handlers: HandlerContext,
  served: ServedResource,
  context: RequestContext,
): Promise<ApiResponse> {
  const { namespace, name } = context.info;
  const { options, write } = await readDeleteOptions(handlers, served, context);
  if (options.ignoreStoreReadErrorWithClusterBreakingPotential === true)
    return deleteUnreadable(handlers, served, context);
  const deleted = await deleteObject(handlers, served, { namespace, name }, options, write);
  // as upstream has it: who asked for dependents to go in the background is told where the object is not gone yet
  const status = !deleted.gone && options.orphanDependents === false ? 202 : 200;
  if (!deleted.gone || RETURNS_OBJECT.has(served.resource.plural))
    return writtenResponse(context, served, deleted, status);
  const uid = deleted.kind === 'dry' ? deleted.object.metadata.uid : deleted.entry.object.metadata.uid;
  const { group } = served.resource;
  const details = { name, ...(group === '' ? {} : { group }), kind: served.resource.plural, uid };
  return plainResponse(context, builtinTable.struct('meta/v1.Status'), successStatus(details));
}

/** Kinds that upstream answers with the deleted object. */
const RETURNS_OBJECT: ReadonlySet<string> = new Set([
  'pods',
  'services',
  'serviceaccounts',
  'persistentvolumes',
  'persistentvolumeclaims',
  'podtemplates',
  'resourcequotas',
  'storageclasses',
  'csidrivers',
  'csinodes',
  'volumeattachments',
]);

/** The options of a deletion, from the body or, where there is none, from the query. */
export async function readDeleteOptions(
  handlers: HandlerContext,
  served: ServedResource,
  context: RequestContext,
): Promise<{ readonly options: DeleteOptions; readonly write: WriteOptions }> {
  const body = await readOptionalObject<DeleteOptions>(handlers, context, {
    type: builtinTable.struct('meta/v1.DeleteOptions'),
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    anyVersion: true,
  });
  const options = body ?? fromQuery(context.request.query);
  const { dryRun } = checkDeleteOptions(options);
  const write = writeOptions(context);
  for (const text of dependentsWarnings(options, served.strategy)) write.warn(text);
  return { options, write: { ...write, dryRun: write.dryRun || dryRun } };
}

function fromQuery(query: URLSearchParams): DeleteOptions {
  const grace = query.get('gracePeriodSeconds') ?? '';
  if (grace !== '' && !/^-?\d{1,10}$/.test(grace))
    throw badRequestError(`strconv.ParseInt: parsing ${JSON.stringify(grace)}: invalid syntax`);
  const policy = query.get('propagationPolicy') ?? '';
  const orphan = query.get('orphanDependents') ?? '';
  const dryRun = query.getAll('dryRun');
  const ignore = query.get('ignoreStoreReadErrorWithClusterBreakingPotential') ?? '';
  return {
    ...(grace === '' ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(policy === '' ? {} : { propagationPolicy: policy as NonNullable<DeleteOptions['propagationPolicy']> }),
    ...(orphan === '' ? {} : { orphanDependents: orphan === 'true' }),
    ...(dryRun.length === 0 ? {} : { dryRun }),
    ...(ignore === '' ? {} : { ignoreStoreReadErrorWithClusterBreakingPotential: ignore === 'true' }),
  };
}

/**
 * Deletes an object, or marks it as deleted where its grace period or its finalizers keep it. A mark that stands is only ever moved forward: a
 * shorter grace period counts, a longer one does not. `plugins` are asked about it: none where they have been about what led to it.
 */
export async function deleteObject(
  handlers: HandlerContext,
  served: ServedResource,
  target: { readonly namespace: string; readonly name: string },
  options: DeleteOptions,
  write: WriteOptions,
  plugins: readonly AdmissionPlugin[] = handlers.admission,
): Promise<Deleted> {
  const allocation = handlers.allocator.begin(served, write.signal);
  try {
    return await deleteAllocated(handlers, served, target, options, write, allocation, plugins);
  } finally {
    allocation.end();
  }
}

async function deleteAllocated(
  handlers: HandlerContext,
  served: ServedResource,
  target: { readonly namespace: string; readonly name: string },
  options: DeleteOptions,
  write: WriteOptions,
  allocation: ServiceAllocation,
  plugins: readonly AdmissionPlugin[],
): Promise<Deleted> {
  const key = served.key(target.namespace, target.name);
  const { signal } = write;
  for (;;) {
    signal.throwIfAborted();
    const current = await served.storage.get(key, { signal });
    const object = served.decode(current);
    checkPreconditions(served, object, options);
    const request = admissionRequest(served, 'DELETE', target, { object: undefined, oldObject: object }, write);
    await admitValidating(plugins, request, signal);
    const step = decideDeletion(served.strategy, object, options, handlers.clock.now());
    if (write.dryRun) {
      const shown = step.kind === 'mark' ? step.object : object;
      return { kind: 'dry', object: shown, gone: step.kind === 'remove' };
    }
    if (step.kind === 'pending') return { kind: 'stored', entry: served.entry(current), gone: false };
    const preconditions = { resourceVersion: String(current.revision) };
    try {
      if (step.kind === 'mark') {
        const stored = await served.storage.update(key, () => ({ value: served.encode(step.object) }), {
          preconditions,
          origin: current,
          signal,
        });
        return { kind: 'stored', entry: served.entry(stored), gone: false };
      }
      const together = await allocation.release(object);
      const stored = await served.storage.delete(key, { preconditions, origin: current, together, signal });
      return { kind: 'stored', entry: served.entry(stored), gone: true };
    } catch (error) {
      // somebody wrote in between: look again
      if (storageFault(error) !== 'precondition' && !allocation.learn(error)) throw error;
    }
  }
}

function checkPreconditions(served: ServedResource, object: ApiObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const { metadata } = object;
  const { group, kind } = served.groupKind;
  const fail = (field: string, wanted: string, is: string, since: string): never => {
    const name = metadata.name ?? '';
    // namespaces have a storage of their own, with words of its own
    if (kind === 'Namespace')
      throw conflictError(
        served.groupResource,
        name,
        `Precondition failed: ${field} in precondition: ${wanted}, ${field} in object meta: ${is}`,
      );
    throw conflictError(
      { group, resource: kind },
      name,
      `the ${field} in the precondition (${wanted}) does not match the ${field} in record (${is}). The object might have been ${since}`,
    );
  };
  if (uid !== undefined && uid !== metadata.uid) fail('UID', uid, metadata.uid ?? '', 'deleted and then recreated');
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion)
    fail('ResourceVersion', resourceVersion, metadata.resourceVersion ?? '', 'modified');
}
