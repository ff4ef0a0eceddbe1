import type { EndpointPort } from '../types/gen/discovery-v1.ts';
import type { IngressClass, NetworkPolicy, NetworkPolicyPort } from '../types/gen/networking-v1.ts';
import type { ClusterRoleBinding, RoleBinding, RoleRef, Subject } from '../types/gen/rbac-v1.ts';
import type { Device, DeviceSubRequest, ExactDeviceRequest } from '../types/gen/resource-v1.ts';
import type { PriorityClass } from '../types/gen/scheduling-v1.ts';
import type { CSIDriver, StorageClass } from '../types/gen/storage-v1.ts';
import { defaultsOf, type TypeDefaults } from './apply.ts';

const RBAC_GROUP = 'rbac.authorization.k8s.io';

/** Upstream's defaults of the groups with few of them, by type (pkg/apis/<group>/v1/defaults.go at 1.36). */
export const accessAndInfrastructureDefaults: TypeDefaults = new Map([
  defaultsOf<EndpointPort>('discovery/v1.EndpointPort', port => ({
    name: port.name ?? '',
    protocol: port.protocol ?? 'TCP',
  })),
  defaultsOf<IngressClass>('networking/v1.IngressClass', ({ spec }) =>
    spec.parameters === undefined
      ? {}
      : { spec: { ...spec, parameters: { ...spec.parameters, scope: spec.parameters.scope ?? 'Cluster' } } },
  ),
  defaultsOf<NetworkPolicy>('networking/v1.NetworkPolicy', ({ spec }) =>
    (spec.policyTypes?.length ?? 0) > 0
      ? {}
      : { spec: { ...spec, policyTypes: (spec.egress?.length ?? 0) > 0 ? ['Ingress', 'Egress'] : ['Ingress'] } },
  ),
  defaultsOf<NetworkPolicyPort>('networking/v1.NetworkPolicyPort', port => ({ protocol: port.protocol ?? 'TCP' })),
  defaultsOf<RoleBinding>('rbac/v1.RoleBinding', binding => ({ roleRef: withGroup(binding.roleRef) })),
  defaultsOf<ClusterRoleBinding>('rbac/v1.ClusterRoleBinding', binding => ({ roleRef: withGroup(binding.roleRef) })),
  defaultsOf<Subject>('rbac/v1.Subject', subject =>
    subject.kind === 'User' || subject.kind === 'Group' ? { apiGroup: subject.apiGroup || RBAC_GROUP } : {},
  ),
  defaultsOf<Device>('resource/v1.Device', ({ nodeAllocatableResourceMappings: mappings }) =>
    mappings === undefined
      ? {}
      : {
          nodeAllocatableResourceMappings: Object.fromEntries(
            Object.entries(mappings).map(([name, mapping]) => [
              name,
              { ...mapping, allocationMultiplier: mapping.allocationMultiplier ?? '1' },
            ]),
          ),
        },
  ),
  defaultsOf<ExactDeviceRequest>('resource/v1.ExactDeviceRequest', deviceCount),
  defaultsOf<DeviceSubRequest>('resource/v1.DeviceSubRequest', deviceCount),
  defaultsOf<PriorityClass>('scheduling/v1.PriorityClass', priority => ({
    preemptionPolicy: priority.preemptionPolicy ?? 'PreemptLowerPriority',
  })),
  defaultsOf<CSIDriver>('storage/v1.CSIDriver', ({ spec }) => ({
    spec: {
      ...spec,
      attachRequired: spec.attachRequired ?? true,
      podInfoOnMount: spec.podInfoOnMount ?? false,
      storageCapacity: spec.storageCapacity ?? false,
      fsGroupPolicy: spec.fsGroupPolicy ?? 'ReadWriteOnceWithFSType',
      volumeLifecycleModes: (spec.volumeLifecycleModes?.length ?? 0) > 0 ? spec.volumeLifecycleModes : ['Persistent'],
      requiresRepublish: spec.requiresRepublish ?? false,
      seLinuxMount: spec.seLinuxMount ?? false,
    },
  })),
  defaultsOf<StorageClass>('storage/v1.StorageClass', storage => ({
    reclaimPolicy: storage.reclaimPolicy ?? 'Delete',
    volumeBindingMode: storage.volumeBindingMode ?? 'Immediate',
  })),
]);

function withGroup(ref: RoleRef): RoleRef {
  return { ...ref, apiGroup: ref.apiGroup || RBAC_GROUP };
}

function deviceCount<T extends { readonly allocationMode?: string | undefined; readonly count?: number | undefined }>(
  request: T,
): Partial<T> {
  const allocationMode = request.allocationMode || 'ExactCount';
  return { allocationMode, ...(allocationMode === 'ExactCount' ? { count: request.count || 1 } : {}) } as Partial<T>;
}
