import { timeOf } from '../../api/time.ts';
import type { Clock } from '../../base/clock.ts';
import type { Lister } from '../admission/admission.ts';
import { decisionPlugins } from '../admission/decision-plugins.ts';
import type { AdmissionPlugin } from '../admission/plugin.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { storageFault } from '../storage/errors.ts';
import { type OnUnreadable, resourceLister } from './resource-lister.ts';
import type { ServedResource } from './served-resource.ts';
import { randomSuffix } from './write-object.ts';

/** The plugins that are on, in upstream's order. Decisions are pure; here they get what they read. Quotas are charged where the object is stored. */
export function admissionPlugins(
  resources: ReadonlyMap<string, ServedResource>,
  clock: Clock,
  authorizer: Pick<Authorizer, 'authorize'>,
  onUnreadable?: OnUnreadable,
): readonly AdmissionPlugin[] {
  const inputs = {
    authorizer,
    lister: admissionLister(resources, onUnreadable),
    now: () => timeOf(clock.now()),
    randomSuffix,
  };
  return [freshNamespace(resources), ...decisionPlugins(inputs)];
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
