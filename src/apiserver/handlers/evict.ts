import { builtinTable } from '../../api/schema/builtin.ts';
import { ApiError, conflictError, serverTimeoutError, successStatus } from '../../api/status.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import type { DeleteOptions } from '../../api/types/gen/meta-v1.ts';
import type { Eviction, PodDisruptionBudget } from '../../api/types/gen/policy-v1.ts';
import { admit } from '../admission/plugin.ts';
import type { ApiResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { withPodCondition } from '../resources/core/pod/condition.ts';
import { checkEviction, decideEviction } from '../resources/core/pod/eviction.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { storageFault } from '../storage/errors.ts';
import { writeOptions } from './create.ts';
import { deleteObject } from './delete.ts';
import type { HandlerContext, WriteOptions } from './handler-context.ts';
import { readObject } from './read-body.ts';
import { plainResponse } from './represent.ts';
import type { ServedResource } from './served-resource.ts';
import { updateAsIs } from './update-as-is.ts';
import { admissionRequest, strategyContext } from './write-object.ts';
import { checkDeleteOptions } from './write-parameters.ts';

const TRIES = 20;
const EVICTED = {
  type: 'DisruptionTarget',
  status: 'True',
  reason: 'EvictionByEvictionAPI',
  message: 'Eviction API: evicting',
} as const;

/** POST …/pods/{name}/eviction: deletes the pod where its disruption budget allows that, and charges the budget. */
export async function evict(
  handlers: HandlerContext,
  pods: ServedResource,
  context: RequestContext,
): Promise<ApiResponse> {
  const asked = await readObject<Eviction>(handlers, context, {
    type: builtinTable.struct('policy/v1.Eviction'),
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    // upstream serves no v1beta1 any more, and takes it here from clients older than 1.22
    olderVersions: ['policy/v1beta1'],
  });
  const { namespace, name } = context.info;
  checkEviction(asked, name);
  const plain = writeOptions(context);
  const options = { ...plain, dryRun: plain.dryRun || checkDeleteOptions(asked.deleteOptions ?? {}).dryRun };
  const objects = { object: asked, oldObject: undefined };
  const request = admissionRequest(pods, 'CREATE', { namespace, name }, objects, options);
  const eviction = (await admit(handlers.admission, { ...request, kind: 'Eviction' }, context.signal)) as Eviction;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const stored = await pods.storage.get(pods.key(namespace, name), { signal: context.signal });
    const pod = pods.decode(stored);
    const decision = decideEviction(
      pod as unknown as Pod,
      await budgetsIn(handlers, namespace, context.signal),
      strategyContext(handlers, options).now,
    );
    if (decision.kind === 'charge' && !options.dryRun && !(await charge(handlers, decision.budget, context.signal)))
      continue;
    const deleteOptions = eviction.deleteOptions ?? {};
    if (!options.dryRun) checkPreconditions(deleteOptions, pod, name);
    const isOwnCondition =
      decision.kind === 'delete' && decision.sameVersion && deleteOptions.preconditions?.resourceVersion === undefined;
    const resourceVersion = isOwnCondition
      ? String(stored.revision)
      : (deleteOptions.preconditions?.resourceVersion ?? '');
    const preconditions = { uid: deleteOptions.preconditions?.uid ?? '', resourceVersion };
    try {
      await remove(handlers, pods, { namespace, name }, { ...deleteOptions, preconditions }, options);
    } catch (error) {
      // what was decided holds no more: decide anew
      if (isOwnCondition && isConflict(error)) continue;
      throw error;
    }
    return plainResponse(context, builtinTable.struct('meta/v1.Status'), { ...successStatus({}), code: 201 }, 201);
  }
  throw serverTimeoutError(pods.groupResource, 'eviction', 10);
}

/** Throws 409 where the eviction is meant for another life of the pod, or another version of it. */
function checkPreconditions({ preconditions }: DeleteOptions, { metadata }: ApiObject, name: string): void {
  const { uid = '', resourceVersion = '' } = preconditions ?? {};
  // upstream names the kind here
  const conflict = (because: string): ApiError => conflictError({ group: '', resource: 'Pod' }, name, because);
  if (uid !== '' && uid !== metadata.uid)
    throw conflict(
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid ?? ''}). The object might have been deleted and then recreated`,
    );
  if (resourceVersion !== '' && resourceVersion !== metadata.resourceVersion)
    throw conflict(
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion ?? ''}). The object might have been modified`,
    );
}

/** Says in the status of the pod why it goes, and deletes it. */
async function remove(
  handlers: HandlerContext,
  pods: ServedResource,
  target: { readonly namespace: string; readonly name: string },
  deleteOptions: DeleteOptions & { readonly preconditions: { readonly uid: string; readonly resourceVersion: string } },
  options: WriteOptions,
): Promise<void> {
  const { uid, resourceVersion } = deleteOptions.preconditions;
  let version = resourceVersion;
  if (!options.dryRun) {
    const { now } = strategyContext(handlers, options);
    const change = (old: ApiObject): ApiObject => withPodCondition(old as unknown as Pod, EVICTED, now);
    const written = await updateAsIs(
      handlers,
      pods,
      { ...target, change, preconditions: { uid, resourceVersion } },
      options,
    );
    if (version !== '') version = written.resourceVersion;
  }
  const preconditions = {
    ...(uid === '' ? {} : { uid }),
    ...(version === '' ? {} : { resourceVersion: version }),
  };
  await deleteObject(handlers, pods, target, { ...deleteOptions, preconditions }, options, []);
}

function isConflict(error: unknown): boolean {
  return storageFault(error) === 'precondition' || (error instanceof ApiError && error.reason === 'Conflict');
}

async function budgetsIn(
  handlers: HandlerContext,
  namespace: string,
  signal: AbortSignal,
): Promise<readonly PodDisruptionBudget[]> {
  const budgets = handlers.resources.get('policy/v1/poddisruptionbudgets');
  if (budgets === undefined) return [];
  const list = await budgets.cache.list({ scope: budgets.scope(namespace), signal });
  return list.items.map(entry => entry.object as unknown as PodDisruptionBudget);
}

/** False where the budget was written in between. */
async function charge(handlers: HandlerContext, budget: PodDisruptionBudget, signal: AbortSignal): Promise<boolean> {
  const budgets = handlers.resources.get('policy/v1/poddisruptionbudgets');
  if (budgets === undefined) return true;
  const { namespace = '', name = '', resourceVersion = '' } = budget.metadata;
  const value = budgets.encode(budget as unknown as ApiObject);
  try {
    await budgets.storage.update(budgets.key(namespace, name), () => ({ value }), {
      preconditions: { resourceVersion },
      signal,
    });
    return true;
  } catch (error) {
    if (storageFault(error) === 'precondition') return false;
    throw error;
  }
}
