import type { ResourceId } from '../client/api-object.ts';

/** The kinds that the scheduler reads and writes, each named once. */
const core = (plural: string): ResourceId => ({ group: '', version: 'v1', plural });
const apps = (plural: string): ResourceId => ({ group: 'apps', version: 'v1', plural });

export const PODS = core('pods');
export const NODES = core('nodes');
export const NAMESPACES = core('namespaces');
export const LEASES: ResourceId = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' };
export const EVENTS: ResourceId = { group: 'events.k8s.io', version: 'v1', plural: 'events' };
export const SERVICES = core('services');
export const REPLICATION_CONTROLLERS = core('replicationcontrollers');
export const REPLICA_SETS = apps('replicasets');
export const STATEFUL_SETS = apps('statefulsets');
export const CLAIMS = core('persistentvolumeclaims');
export const VOLUMES = core('persistentvolumes');
export const STORAGE_CLASSES: ResourceId = { group: 'storage.k8s.io', version: 'v1', plural: 'storageclasses' };
export const DISRUPTION_BUDGETS: ResourceId = { group: 'policy', version: 'v1', plural: 'poddisruptionbudgets' };
