import { builtinTable } from '../../api/schema/builtin.ts';
import { serverTimeoutError, successStatus } from '../../api/status.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import type { Eviction, PodDisruptionBudget } from '../../api/types/gen/policy-v1.ts';
import type { ApiResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { checkEviction, decideEviction } from '../resources/core/pod/eviction.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { storageFault } from '../storage/errors.ts';
import { writeOptions } from './create.ts';
import { deleteObject } from './delete.ts';
import type { HandlerContext } from './handler-context.ts';
import { readObject } from './read-body.ts';
import { plainResponse } from './represent.ts';
import type { ServedResource } from './served-resource.ts';
import { strategyContext } from './write-object.ts';
import { checkDeleteOptions } from './write-parameters.ts';

const TRIES = 20;

/** POST …/pods/{name}/eviction: deletes the pod where its disruption budget allows that, and charges the budget. */
export async function evict(
  handlers: HandlerContext,
  pods: ServedResource,
  context: RequestContext,
): Promise<ApiResponse> {
  const eviction = await readObject<Eviction>(context, {
    type: builtinTable.struct('policy/v1.Eviction'),
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    // upstream serves no v1beta1 any more, and takes it here from clients older than 1.22
    olderVersions: ['policy/v1beta1'],
  });
  const { namespace, name } = context.info;
  checkEviction(eviction.metadata.name ?? '', name);
  const plain = writeOptions(context);
  const deleteOptions = eviction.deleteOptions ?? {};
  const options = { ...plain, dryRun: plain.dryRun || checkDeleteOptions(deleteOptions).dryRun };
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
    const sameVersion = decision.kind === 'delete' && decision.sameVersion;
    const preconditions = sameVersion
      ? { ...deleteOptions.preconditions, resourceVersion: String(stored.revision) }
      : deleteOptions.preconditions;
    await deleteObject(handlers, pods, { namespace, name }, { ...deleteOptions, preconditions }, options);
    return plainResponse(context, builtinTable.struct('meta/v1.Status'), { ...successStatus({}), code: 201 }, 201);
  }
  throw serverTimeoutError(pods.groupResource, 'eviction', 10);
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
