import type { LabelRequirement } from '../api/selectors/label-requirement.ts';
import { LabelSelector, labelSelectorOf } from '../api/selectors/label-selector.ts';
import type { ReplicaSet, StatefulSet } from '../api/types/gen/apps-v1.ts';
import type { Pod, ReplicationController, Service } from '../api/types/gen/core-v1.ts';
import type { Informers } from '../client/informers.ts';
import type { ObjectStore } from '../client/object-store.ts';
import { REPLICA_SETS, REPLICATION_CONTROLLERS, SERVICES, STATEFUL_SETS } from './resources.ts';

/** What a pod is spread among where it does not say: the pods that its services select and those that its controller does, both at once. */
export class SpreadSelectors {
  readonly #services: ObjectStore<Service>;
  readonly #replicationControllers: ObjectStore<ReplicationController>;
  readonly #replicaSets: ObjectStore<ReplicaSet>;
  readonly #statefulSets: ObjectStore<StatefulSet>;

  constructor(informers: Informers) {
    this.#services = informers.of<Service>(SERVICES).store;
    this.#replicationControllers = informers.of<ReplicationController>(REPLICATION_CONTROLLERS).store;
    this.#replicaSets = informers.of<ReplicaSet>(REPLICA_SETS).store;
    this.#statefulSets = informers.of<StatefulSet>(STATEFUL_SETS).store;
  }

  /** Undefined where nothing selects the pod. */
  of(pod: Pod): LabelSelector | undefined {
    const requirements: LabelRequirement[] = [];
    for (const service of this.#services.list(pod.metadata.namespace ?? '')) {
      const selector = equalities(service.spec.selector);
      if (selector.length > 0 && new LabelSelector(selector).matches(pod.metadata.labels))
        requirements.push(...selector);
    }
    requirements.push(...this.#ofController(pod));
    return requirements.length === 0 ? undefined : new LabelSelector(requirements);
  }

  #ofController({ metadata }: Pod): readonly LabelRequirement[] {
    const { namespace = '' } = metadata;
    const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
    switch (owner === undefined ? '' : `${owner.apiVersion}/${owner.kind}`) {
      case 'v1/ReplicationController':
        return equalities(this.#replicationControllers.get(namespace, owner?.name ?? '')?.spec.selector);
      case 'apps/v1/ReplicaSet':
        return labelSelectorOf(this.#replicaSets.get(namespace, owner?.name ?? '')?.spec.selector)?.requirements ?? [];
      case 'apps/v1/StatefulSet':
        return labelSelectorOf(this.#statefulSets.get(namespace, owner?.name ?? '')?.spec.selector)?.requirements ?? [];
      default:
        return [];
    }
  }
}

function equalities(labels: Readonly<Record<string, string>> | undefined): readonly LabelRequirement[] {
  return Object.entries(labels ?? {}).map(([key, value]) => ({ key, operator: '=', values: [value] }));
}
