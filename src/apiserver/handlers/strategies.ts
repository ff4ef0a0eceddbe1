import type { ApiResource } from '../../api/schema/resources/resource.ts';
import { pathSegmentName } from '../../api/validation/names.ts';
import { controllerRevisionStrategy } from '../resources/apps/controller-revision.ts';
import { daemonSetStrategy } from '../resources/apps/daemon-set.ts';
import { deploymentStrategy } from '../resources/apps/deployment.ts';
import { replicaSetStrategy } from '../resources/apps/replica-set.ts';
import { statefulSetStrategy } from '../resources/apps/stateful-set.ts';
import { cronJobStrategy } from '../resources/batch/cron-job.ts';
import { jobStrategy } from '../resources/batch/job.ts';
import { leaseStrategy } from '../resources/coordination/lease.ts';
import { configMapStrategy } from '../resources/core/config-map.ts';
import { endpointsStrategy } from '../resources/core/endpoints.ts';
import { limitRangeStrategy } from '../resources/core/limit-range.ts';
import { namespaceStrategy } from '../resources/core/namespace.ts';
import { nodeStrategy } from '../resources/core/node.ts';
import { podStrategy } from '../resources/core/pod/strategy.ts';
import { podTemplateStrategy } from '../resources/core/pod-template.ts';
import { replicationControllerStrategy } from '../resources/core/replication-controller.ts';
import { resourceQuotaStrategy } from '../resources/core/resource-quota.ts';
import { secretStrategy } from '../resources/core/secret.ts';
import { serviceStrategy } from '../resources/core/service/strategy.ts';
import { serviceAccountStrategy } from '../resources/core/service-account.ts';
import { strategyOf } from '../resources/define.ts';
import { eventStrategy } from '../resources/events/event.ts';
import { runtimeClassStrategy } from '../resources/node/runtime-class.ts';
import { podDisruptionBudgetStrategy } from '../resources/policy/pod-disruption-budget.ts';
import { priorityClassStrategy } from '../resources/scheduling/priority-class.ts';
import { persistentVolumeStrategy } from '../resources/storage/persistent-volume.ts';
import { persistentVolumeClaimStrategy } from '../resources/storage/persistent-volume-claim.ts';
import { storageClassStrategy } from '../resources/storage/storage-class.ts';
import type { ApiObject, ResourceStrategy } from '../resources/strategy.ts';

/** Its objects may have every name that fits into a path (`system:node`), and PUT creates them. */
const RBAC_GROUP = 'rbac.authorization.k8s.io';

/** A strategy knows its own type; the handlers give it nothing else, because they look it up by the resource of the request. */
function untyped<T extends ApiObject>(strategy: ResourceStrategy<T>): ResourceStrategy {
  return strategy as unknown as ResourceStrategy;
}

const OWN: readonly ResourceStrategy[] = [
  untyped(configMapStrategy),
  untyped(controllerRevisionStrategy),
  untyped(cronJobStrategy),
  untyped(daemonSetStrategy),
  untyped(deploymentStrategy),
  untyped(endpointsStrategy),
  untyped(eventStrategy),
  untyped(jobStrategy),
  untyped(leaseStrategy),
  untyped(limitRangeStrategy),
  untyped(namespaceStrategy),
  untyped(nodeStrategy),
  untyped(persistentVolumeClaimStrategy),
  untyped(persistentVolumeStrategy),
  untyped(podDisruptionBudgetStrategy),
  untyped(podStrategy),
  untyped(podTemplateStrategy),
  untyped(priorityClassStrategy),
  untyped(replicaSetStrategy),
  untyped(replicationControllerStrategy),
  untyped(resourceQuotaStrategy),
  untyped(runtimeClassStrategy),
  untyped(secretStrategy),
  untyped(serviceAccountStrategy),
  untyped(serviceStrategy),
  untyped(statefulSetStrategy),
  untyped(storageClassStrategy),
];

const BY_RESOURCE = new Map(OWN.map(strategy => [idOf(strategy.resource), strategy]));

/** The rules of a resource: its own, or the common ones where it has none. */
export function strategyFor(resource: ApiResource): ResourceStrategy {
  const rules = resource.group === RBAC_GROUP ? { names: pathSegmentName, createOnUpdate: true } : {};
  return BY_RESOURCE.get(idOf(resource)) ?? strategyOf<ApiObject>(resource, rules);
}

function idOf(resource: ApiResource): string {
  return `${resource.group}/${resource.version}/${resource.plural}`;
}
