import { conflictError } from '../../api/status.ts';
import { timeOf } from '../../api/time.ts';
import type { ResourceQuota } from '../../api/types/gen/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import type { Lister, WriteRequest } from '../admission/admission.ts';
import { decisionPlugins } from '../admission/decision-plugins.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission/plugin.ts';
import { decideResourceQuota } from '../admission/resource-quota/check.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { storageFault } from '../storage/errors.ts';
import { type OnUnreadable, resourceLister } from './resource-lister.ts';
import type { ServedResource } from './served-resource.ts';
import { randomSuffix } from './write-object.ts';

/** Quotas are charged anew so often when others charge them too. */
const QUOTA_TRIES = 10;

/** The plugins that are on, in upstream's order. Decisions are pure; here they get what they read, and quotas are charged. */
export function admissionPlugins(
  resources: ReadonlyMap<string, ServedResource>,
  clock: Clock,
  onUnreadable?: OnUnreadable,
): readonly AdmissionPlugin[] {
  const inputs = { lister: admissionLister(resources, onUnreadable), now: () => timeText(clock), randomSuffix };
  return [freshNamespace(resources), ...decisionPlugins(inputs), quotaPlugin(resources, clock)];
}

function timeText(clock: Clock): string {
  return timeOf(clock.now());
}

function writeRequest(request: AdmissionRequest, clock: Clock): WriteRequest {
  if (request.operation === 'CONNECT') throw new Error('a connection is no write');
  return {
    operation: request.operation,
    resource: { group: request.group, resource: request.resource },
    subresource: request.subresource,
    namespace: request.namespace,
    name: request.name,
    user: request.user,
    now: timeText(clock),
    object: request.object as ApiObject | undefined,
    oldObject: request.oldObject as ApiObject | undefined,
  };
}

function admissionLister(resources: ReadonlyMap<string, ServedResource>, onUnreadable?: OnUnreadable): Lister {
  const listers = new Map(
    [...resources.values()].map(served => [
      `${served.resource.group}/${served.resource.plural}`,
      resourceLister<ApiObject>(served, onUnreadable),
    ]),
  );
  return {
    get: ({ group, resource }, namespace, name) => listers.get(`${group}/${resource}`)?.get(namespace, name),
    list: ({ group, resource }, namespace) => listers.get(`${group}/${resource}`)?.list(namespace) ?? [],
  };
}

/** Waits for the cache where it does not know the namespace yet, or the account of a pod: both may be milliseconds old. */
function freshNamespace(resources: ReadonlyMap<string, ServedResource>): AdmissionPlugin {
  const look = async (id: string, namespace: string, name: string, signal: AbortSignal): Promise<void> => {
    const served = resources.get(id);
    if (served === undefined || name === '') return;
    const key = served.key(namespace, name);
    if (served.cache.peek(key) !== undefined) return;
    try {
      await served.cache.get(key, { signal });
    } catch (error) {
      if (storageFault(error) !== 'not-found') throw error;
    }
  };
  return {
    name: 'FreshNamespace',
    handles: request => request.operation === 'CREATE',
    async mutate(request, signal) {
      const { namespace } = request;
      if (namespace !== '' && request.resource !== 'namespaces') await look('/v1/namespaces', '', namespace, signal);
      if (request.resource === 'pods') {
        const { spec } = request.object as { readonly spec?: { readonly serviceAccountName?: string } };
        await look('/v1/serviceaccounts', namespace, spec?.serviceAccountName || 'default', signal);
      }
      return request.object ?? {};
    },
  };
}

/** Charges the quotas of the namespace. What is charged for a write that then fails, the quota controller counts anew. */
function quotaPlugin(resources: ReadonlyMap<string, ServedResource>, clock: Clock): AdmissionPlugin {
  return {
    name: 'ResourceQuota',
    handles: request => request.operation === 'CREATE' || request.operation === 'UPDATE',
    async validate(request, signal) {
      const served = resources.get('/v1/resourcequotas');
      if (served === undefined || request.namespace === '') return;
      const scope = served.scope(request.namespace);
      if (served.cache.snapshot(scope).length === 0) return;
      for (let tries = 0; tries < QUOTA_TRIES; tries += 1) {
        const list = await served.storage.list(scope, { signal });
        const quotas = list.items.map(item => served.decode(item) as unknown as ResourceQuota);
        const decision = decideResourceQuota(writeRequest(request, clock), quotas);
        if (decision.kind === 'deny') throw decision.error;
        if (decision.kind === 'allow' || request.dryRun) return;
        if (await charge(served, decision.quotas, signal)) return;
      }
      throw conflictError(served.groupResource, request.name);
    },
  };
}

/** False where a quota was written in between. */
async function charge(served: ServedResource, quotas: readonly ResourceQuota[], signal: AbortSignal): Promise<boolean> {
  for (const quota of quotas) {
    const { namespace = '', name = '', resourceVersion = '' } = quota.metadata;
    const value = served.encode(quota as unknown as ApiObject);
    try {
      const options = { preconditions: { resourceVersion }, signal };
      await served.storage.update(served.key(namespace, name), () => ({ value }), options);
    } catch (error) {
      if (storageFault(error) === 'precondition' || storageFault(error) === 'not-found') return false;
      throw error;
    }
  }
  return true;
}
