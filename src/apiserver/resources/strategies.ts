import type { ApiResource } from '../../api/schema/resources/resource.ts';
import { controllerRevisionStrategy } from './apps/controller-revision.ts';
import { daemonSetStrategy } from './apps/daemon-set.ts';
import { deploymentStrategy } from './apps/deployment.ts';
import { replicaSetStrategy } from './apps/replica-set.ts';
import { statefulSetStrategy } from './apps/stateful-set.ts';
import { autoscalerV1Strategy, horizontalPodAutoscalerStrategy } from './autoscaling/horizontal-pod-autoscaler.ts';
import { cronJobStrategy } from './batch/cron-job.ts';
import { jobStrategy } from './batch/job.ts';
import { certificateSigningRequestStrategy } from './certificates/certificate-signing-request.ts';
import { leaseStrategy } from './coordination/lease.ts';
import { configMapStrategy } from './core/config-map.ts';
import { endpointsStrategy } from './core/endpoints.ts';
import { limitRangeStrategy } from './core/limit-range.ts';
import { namespaceStrategy } from './core/namespace.ts';
import { nodeStrategy } from './core/node.ts';
import { podStrategy } from './core/pod/strategy.ts';
import { podTemplateStrategy } from './core/pod-template.ts';
import { replicationControllerStrategy } from './core/replication-controller.ts';
import { resourceQuotaStrategy } from './core/resource-quota.ts';
import { secretStrategy } from './core/secret.ts';
import { serviceStrategy } from './core/service/strategy.ts';
import { serviceAccountStrategy } from './core/service-account.ts';
import { strategyOf } from './define.ts';
import { deviceClassStrategy } from './devices/device-class.ts';
import { resourceClaimStrategy, resourceClaimTemplateStrategy } from './devices/resource-claim.ts';
import { resourceSliceStrategy } from './devices/resource-slice.ts';
import { endpointSliceStrategy } from './discovery/endpoint-slice.ts';
import { eventStrategy, eventsV1Strategy } from './events/event.ts';
import { ingressStrategy } from './networking/ingress.ts';
import { ingressClassStrategy } from './networking/ingress-class.ts';
import { ipAddressStrategy } from './networking/ip-address.ts';
import { networkPolicyStrategy } from './networking/network-policy.ts';
import { serviceCidrStrategy } from './networking/service-cidr.ts';
import { runtimeClassStrategy } from './node/runtime-class.ts';
import { podDisruptionBudgetStrategy } from './policy/pod-disruption-budget.ts';
import { clusterRoleBindingStrategy, roleBindingStrategy } from './rbac/bindings.ts';
import { clusterRoleStrategy, roleStrategy } from './rbac/roles.ts';
import { priorityClassStrategy } from './scheduling/priority-class.ts';
import { csiDriverStrategy } from './storage/csi-driver.ts';
import { csiNodeStrategy } from './storage/csi-node.ts';
import { csiStorageCapacityStrategy } from './storage/csi-storage-capacity.ts';
import { persistentVolumeStrategy } from './storage/persistent-volume.ts';
import { persistentVolumeClaimStrategy } from './storage/persistent-volume-claim.ts';
import { storageClassStrategy } from './storage/storage-class.ts';
import { volumeAttachmentStrategy } from './storage/volume-attachment.ts';
import { volumeAttributesClassStrategy } from './storage/volume-attributes-class.ts';
import type { ResourceStrategy } from './strategy.ts';

const STRATEGIES: readonly ResourceStrategy[] = [
  configMapStrategy,
  endpointsStrategy,
  eventStrategy,
  limitRangeStrategy,
  namespaceStrategy,
  nodeStrategy,
  persistentVolumeClaimStrategy,
  persistentVolumeStrategy,
  podStrategy,
  podTemplateStrategy,
  replicationControllerStrategy,
  resourceQuotaStrategy,
  secretStrategy,
  serviceAccountStrategy,
  serviceStrategy,
  controllerRevisionStrategy,
  daemonSetStrategy,
  deploymentStrategy,
  replicaSetStrategy,
  statefulSetStrategy,
  horizontalPodAutoscalerStrategy,
  autoscalerV1Strategy,
  cronJobStrategy,
  jobStrategy,
  certificateSigningRequestStrategy,
  leaseStrategy,
  endpointSliceStrategy,
  eventsV1Strategy,
  ingressStrategy,
  ingressClassStrategy,
  ipAddressStrategy,
  networkPolicyStrategy,
  serviceCidrStrategy,
  runtimeClassStrategy,
  podDisruptionBudgetStrategy,
  clusterRoleBindingStrategy,
  clusterRoleStrategy,
  roleBindingStrategy,
  roleStrategy,
  priorityClassStrategy,
  deviceClassStrategy,
  resourceClaimStrategy,
  resourceClaimTemplateStrategy,
  resourceSliceStrategy,
  csiDriverStrategy,
  csiNodeStrategy,
  csiStorageCapacityStrategy,
  storageClassStrategy,
  volumeAttachmentStrategy,
  volumeAttributesClassStrategy,
];

const BY_RESOURCE = new Map(STRATEGIES.map(strategy => [strategy.resource, strategy]));

/** The strategy of a resource: its own, or the common rules alone. The same object at every call. */
export function strategyFor(resource: ApiResource): ResourceStrategy {
  const known = BY_RESOURCE.get(resource);
  if (known !== undefined) return known;
  const strategy = strategyOf(resource);
  BY_RESOURCE.set(resource, strategy);
  return strategy;
}
