import type { ResourceId } from '../client/api-object.ts';

/** The kinds that controllers read and write, each named once. */
export const NAMESPACES: ResourceId = { group: '', version: 'v1', plural: 'namespaces' };
export const SERVICE_ACCOUNTS: ResourceId = { group: '', version: 'v1', plural: 'serviceaccounts' };
export const CONFIG_MAPS: ResourceId = { group: '', version: 'v1', plural: 'configmaps' };
export const SECRETS: ResourceId = { group: '', version: 'v1', plural: 'secrets' };
export const PODS: ResourceId = { group: '', version: 'v1', plural: 'pods' };
export const EVENTS: ResourceId = { group: '', version: 'v1', plural: 'events' };
export const DEPLOYMENTS: ResourceId = { group: 'apps', version: 'v1', plural: 'deployments' };
export const REPLICA_SETS: ResourceId = { group: 'apps', version: 'v1', plural: 'replicasets' };
export const STATEFUL_SETS: ResourceId = { group: 'apps', version: 'v1', plural: 'statefulsets' };
export const DAEMON_SETS: ResourceId = { group: 'apps', version: 'v1', plural: 'daemonsets' };
export const CONTROLLER_REVISIONS: ResourceId = { group: 'apps', version: 'v1', plural: 'controllerrevisions' };
export const REPLICATION_CONTROLLERS: ResourceId = { group: '', version: 'v1', plural: 'replicationcontrollers' };
export const LEASES: ResourceId = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' };
export const RESOURCE_QUOTAS: ResourceId = { group: '', version: 'v1', plural: 'resourcequotas' };
export const PERSISTENT_VOLUMES: ResourceId = { group: '', version: 'v1', plural: 'persistentvolumes' };
export const PERSISTENT_VOLUME_CLAIMS: ResourceId = { group: '', version: 'v1', plural: 'persistentvolumeclaims' };
export const VOLUME_ATTRIBUTES_CLASSES: ResourceId = {
  group: 'storage.k8s.io',
  version: 'v1',
  plural: 'volumeattributesclasses',
};
export const SERVICES: ResourceId = { group: '', version: 'v1', plural: 'services' };
export const ENDPOINTS: ResourceId = { group: '', version: 'v1', plural: 'endpoints' };
export const ENDPOINT_SLICES: ResourceId = { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices' };
export const NODES: ResourceId = { group: '', version: 'v1', plural: 'nodes' };
export const CRON_JOBS: ResourceId = { group: 'batch', version: 'v1', plural: 'cronjobs' };
export const JOBS: ResourceId = { group: 'batch', version: 'v1', plural: 'jobs' };
export const CLUSTER_ROLES: ResourceId = { group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'clusterroles' };
export const SERVICE_CIDRS: ResourceId = { group: 'networking.k8s.io', version: 'v1', plural: 'servicecidrs' };
export const IP_ADDRESSES: ResourceId = { group: 'networking.k8s.io', version: 'v1', plural: 'ipaddresses' };
export const CERTIFICATE_SIGNING_REQUESTS: ResourceId = {
  group: 'certificates.k8s.io',
  version: 'v1',
  plural: 'certificatesigningrequests',
};
export const SUBJECT_ACCESS_REVIEWS: ResourceId = {
  group: 'authorization.k8s.io',
  version: 'v1',
  plural: 'subjectaccessreviews',
};
export const POD_DISRUPTION_BUDGETS: ResourceId = { group: 'policy', version: 'v1', plural: 'poddisruptionbudgets' };
