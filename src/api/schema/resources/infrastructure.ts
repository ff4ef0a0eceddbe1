import { type ApiResource, rowsOf } from './resource.ts';

const coordination = rowsOf('coordination.k8s.io', 'v1', 'coordination/v1');
const discovery = rowsOf('discovery.k8s.io', 'v1', 'discovery/v1');
const events = rowsOf('events.k8s.io', 'v1', 'events/v1');
const networking = rowsOf('networking.k8s.io', 'v1', 'networking/v1');
const devices = rowsOf('resource.k8s.io', 'v1', 'resource/v1');
const storage = rowsOf('storage.k8s.io', 'v1', 'storage/v1');

const EVENT_FIELDS = [
  'reason',
  'regarding.kind',
  'regarding.namespace',
  'regarding.name',
  'regarding.uid',
  'regarding.apiVersion',
  'regarding.resourceVersion',
  'regarding.fieldPath',
  'reportingController',
  'type',
];

/** Network, storage, devices, leases and events. */
export const INFRASTRUCTURE_RESOURCES: readonly ApiResource[] = [
  coordination.resource('namespaced', 'Lease', 'leases'),
  discovery.resource('namespaced', 'EndpointSlice', 'endpointslices'),
  events.resource('namespaced', 'Event', 'events', {
    shortNames: ['ev'],
    // Both groups are views of one stored object.
    storage: { group: '', version: 'v1' },
    selectableFields: EVENT_FIELDS,
  }),
  networking.resource('cluster', 'IngressClass', 'ingressclasses'),
  networking.resource('namespaced', 'Ingress', 'ingresses', {
    shortNames: ['ing'],
    storage: { prefix: 'ingress' },
    subresources: [networking.sub('status', 'Ingress')],
  }),
  networking.resource('cluster', 'IPAddress', 'ipaddresses', { shortNames: ['ip'] }),
  networking.resource('namespaced', 'NetworkPolicy', 'networkpolicies', { shortNames: ['netpol'] }),
  networking.resource('cluster', 'ServiceCIDR', 'servicecidrs', {
    subresources: [networking.sub('status', 'ServiceCIDR')],
  }),
  devices.resource('cluster', 'DeviceClass', 'deviceclasses'),
  devices.resource('namespaced', 'ResourceClaim', 'resourceclaims', {
    subresources: [devices.sub('status', 'ResourceClaim')],
  }),
  devices.resource('namespaced', 'ResourceClaimTemplate', 'resourceclaimtemplates'),
  devices.resource('cluster', 'ResourceSlice', 'resourceslices', {
    selectableFields: ['spec.nodeName', 'spec.driver'],
  }),
  storage.resource('cluster', 'CSIDriver', 'csidrivers'),
  storage.resource('cluster', 'CSINode', 'csinodes'),
  storage.resource('namespaced', 'CSIStorageCapacity', 'csistoragecapacities'),
  storage.resource('cluster', 'StorageClass', 'storageclasses', { shortNames: ['sc'] }),
  storage.resource('cluster', 'VolumeAttachment', 'volumeattachments', {
    subresources: [storage.sub('status', 'VolumeAttachment')],
  }),
  storage.resource('cluster', 'VolumeAttributesClass', 'volumeattributesclasses', { shortNames: ['vac'] }),
];
