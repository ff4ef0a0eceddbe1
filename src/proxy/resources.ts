import type { ResourceId } from '../client/api-object.ts';

/** What the proxy reads, and what it tells. */
export const SERVICES: ResourceId = { group: '', version: 'v1', plural: 'services' };
export const ENDPOINT_SLICES: ResourceId = { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices' };
export const NODES: ResourceId = { group: '', version: 'v1', plural: 'nodes' };
export const SERVICE_CIDRS: ResourceId = { group: 'networking.k8s.io', version: 'v1', plural: 'servicecidrs' };
export const EVENTS: ResourceId = { group: '', version: 'v1', plural: 'events' };

/** Services and slices that are for others, or for nobody, are left out by the server. */
export const PROXIED = '!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name';
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
export const ZONE_LABEL = 'topology.kubernetes.io/zone';
