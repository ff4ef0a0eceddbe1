import { randomSuffix } from '../../api/generated-name.ts';
import { timeOf } from '../../api/time.ts';
import type { Clock } from '../../base/clock.ts';
import type { Lister } from '../admission/admission.ts';
import { decisionPlugins } from '../admission/decision-plugins.ts';
import type { AdmissionPlugin } from '../admission/plugin.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { freshObjects } from './fresh-objects.ts';
import { type OnUnreadable, resourceLister } from './resource-lister.ts';
import type { ServedResource } from './served-resource.ts';

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
  return [freshObjects(resources, clock), ...decisionPlugins(inputs)];
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
