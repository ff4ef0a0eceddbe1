import { podLimits, podRequests } from '../pod-resources.ts';
import { compareQuantities, parseQuantity, quantityOf } from '../quantity.ts';
import type { GroupResource } from '../status.ts';
import { storageClassOf } from '../storage-class.ts';
import type { PersistentVolumeClaim, Pod, ResourceList, Service } from '../types/gen/core-v1.ts';
import type { ObjectMeta } from '../types/gen/meta-v1.ts';
import type { ResourceClaim } from '../types/gen/resource-v1.ts';

/** Kinds whose number has a name of its own, older than `count/…`. */
const ALIASED = ['configmaps', 'resourcequotas', 'replicationcontrollers', 'secrets'];
const COMPUTE = ['cpu', 'memory', 'ephemeral-storage'];
const STORAGE_CLASS = '.storageclass.storage.k8s.io/';
const DEVICES_OF_CLASS = '.deviceclass.resource.k8s.io/devices';
/** What a claim may be given at most: all devices of a class count as that many. Upstream's AllocationResultsMaxSize. */
const MOST_DEVICES = 32;
const CLAIM_RESOURCES = ['persistentvolumeclaims', 'requests.storage'];
const POD_RESOURCES = [
  'pods',
  ...COMPUTE,
  ...COMPUTE.map(name => `requests.${name}`),
  ...COMPUTE.map(name => `limits.${name}`),
];

/** What a quota counts: any object; what more it uses is read by its resource. */
export interface CountedObject {
  readonly metadata: ObjectMeta;
}

function countName({ group, resource }: GroupResource): string {
  return `count/${resource}${group === '' ? '' : `.${group}`}`;
}

/** True for claims of devices, the one kind outside the core group that uses more than its number. */
export function isDeviceClaim({ group, resource }: GroupResource): boolean {
  return group === 'resource.k8s.io' && resource === 'resourceclaims';
}

/** True for what a quota may name and that objects of a resource use. */
export function isUsedBy(resource: GroupResource, name: string): boolean {
  if (name === countName(resource)) return true;
  if (isDeviceClaim(resource)) return name.endsWith(DEVICES_OF_CLASS);
  if (resource.group !== '') return false;
  switch (resource.resource) {
    case 'pods':
      return (
        POD_RESOURCES.includes(name) ||
        /^(requests\.)?hugepages-/.test(name) ||
        (name.startsWith('requests.') && name.includes('/') && !name.includes('kubernetes.io/'))
      );
    case 'services':
      return ['services', 'services.nodeports', 'services.loadbalancers'].includes(name);
    case 'persistentvolumeclaims':
      return CLAIM_RESOURCES.some(each => name === each || name.endsWith(STORAGE_CLASS + each));
    default:
      return ALIASED.includes(resource.resource) && name === resource.resource;
  }
}

/** What an object uses of every resource that a quota can name. `now` in milliseconds: a pod that should be gone uses its place in the count alone. */
export function usageOf(resource: GroupResource, object: CountedObject, now: number): ResourceList {
  const usage: Record<string, string> = { [countName(resource)]: '1' };
  if (isDeviceClaim(resource)) return { ...usage, ...deviceUsage(object as ResourceClaim) };
  if (resource.group !== '') return usage;
  switch (resource.resource) {
    case 'pods':
      return isLive(object as Pod, now) ? { ...usage, ...podUsage(object as Pod) } : usage;
    case 'services':
      return { ...usage, ...serviceUsage(object as Service) };
    case 'persistentvolumeclaims':
      return { ...usage, ...claimUsage(object as PersistentVolumeClaim) };
    default:
      return ALIASED.includes(resource.resource) ? { ...usage, [resource.resource]: '1' } : usage;
  }
}

/** True for a pod that still counts for compute: it has not ended, and it is not overdue on a node that is lost. */
function isLive({ metadata, status }: Pod, now: number): boolean {
  if (status.phase === 'Succeeded' || status.phase === 'Failed') return false;
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return true;
  return now <= Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000;
}

/** A pod that is resized uses what it has until it has what it asks for. */
function podUsage(pod: Pod): ResourceList {
  const usage: Record<string, string> = { pods: '1' };
  for (const [name, amount] of Object.entries(podRequests(pod, 'spec-and-status'))) {
    usage[`requests.${name}`] = amount;
    if (COMPUTE.includes(name) || name.startsWith('hugepages-')) usage[name] = amount;
  }
  for (const [name, amount] of Object.entries(podLimits(pod, 'spec-and-status')))
    if (COMPUTE.includes(name)) usage[`limits.${name}`] = amount;
  return usage;
}

/** Node ports are not given yet; what counts is that they will be. */
function serviceUsage({ spec }: Service): ResourceList {
  const ports = (spec.ports ?? []).length;
  const balanced = spec.type === 'LoadBalancer';
  const named = (spec.ports ?? []).filter(port => (port.nodePort ?? 0) !== 0).length;
  const nodePorts =
    spec.type === 'NodePort' ? ports : !balanced ? 0 : spec.allocateLoadBalancerNodePorts === false ? named : ports;
  return {
    services: '1',
    'services.nodeports': String(nodePorts),
    'services.loadbalancers': balanced ? '1' : '0',
  };
}

function claimUsage(claim: PersistentVolumeClaim): ResourceList {
  const { spec, status } = claim;
  const storageClass = storageClassOf(claim);
  const requested = spec.resources.requests?.['storage'];
  const allocated = status.allocatedResources?.['storage'];
  const storage =
    requested !== undefined && allocated !== undefined && compareQuantities(allocated, requested) > 0
      ? allocated
      : requested;
  const usage: Record<string, string> = { persistentvolumeclaims: '1' };
  if (storage !== undefined) usage['requests.storage'] = wholeBytes(storage);
  if (storageClass !== '')
    for (const name of CLAIM_RESOURCES) {
      const amount = usage[name];
      if (amount !== undefined) usage[storageClass + STORAGE_CLASS + name] = amount;
    }
  return usage;
}

/** Devices by their class. Of alternatives the one that takes most counts, for each class. */
function deviceUsage({ spec }: ResourceClaim): ResourceList {
  const total = new Map<string, number>();
  for (const { exactly, firstAvailable = [] } of spec.devices.requests ?? []) {
    const most = new Map<string, number>();
    for (const { deviceClassName, allocationMode, count = 0 } of exactly === undefined ? firstAvailable : [exactly]) {
      const devices = allocationMode === 'All' ? MOST_DEVICES : allocationMode === 'ExactCount' ? count : 0;
      most.set(deviceClassName, Math.max(most.get(deviceClassName) ?? 0, devices));
    }
    for (const [name, devices] of most) total.set(name, (total.get(name) ?? 0) + devices);
  }
  return Object.fromEntries([...total].map(([name, devices]) => [name + DEVICES_OF_CLASS, String(devices)]));
}

/** Parts of a byte count as one: a quota holds whole numbers. */
function wholeBytes(amount: string): string {
  const { nano, format } = parseQuantity(amount);
  const one = 1_000_000_000n;
  return nano % one === 0n ? amount : quantityOf(nano / one + 1n, format);
}
