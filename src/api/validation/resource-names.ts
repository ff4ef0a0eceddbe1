import { type FieldError, invalid, invalidFor, notSupported } from './field-error.ts';
import { qualifiedName } from './names.ts';

/** Upstream's well-known resources without a domain (pkg/apis/core/helper). */
const QUOTA = new Set([
  'cpu',
  'memory',
  'ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.storage',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'persistentvolumeclaims',
  'configmaps',
  'services.nodeports',
  'services.loadbalancers',
]);
const STANDARD = new Set([...QUOTA, 'storage']);
const CONTAINER = new Set(['cpu', 'memory', 'ephemeral-storage']);

export function isHugePages(name: string): boolean {
  return name.startsWith('hugepages-');
}

function isQuotaHugePages(name: string): boolean {
  return isHugePages(name) || name.startsWith('requests.hugepages-');
}

/** A resource of Kubernetes itself: without a domain, or of its own. */
export function isNativeResource(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

/** A device or the like: under a domain that is not Kubernetes' own, and with a name that leaves room for a quota's prefix. */
export function isExtendedResource(name: string): boolean {
  return !isNativeResource(name) && !name.startsWith('requests.') && qualifiedName(`requests.${name}`).length === 0;
}

/** cpu, memory and the like may be promised more often than they are there; huge pages and devices may not. */
export function mayOvercommit(name: string): boolean {
  return isNativeResource(name) && !isHugePages(name);
}

/** A resource by its form: qualified, or one that is known. */
function resourceName(name: string, path: string): FieldError[] {
  const errors = invalidFor(path, name, qualifiedName(name));
  if (errors.length > 0 || name.includes('/')) return errors;
  return STANDARD.has(name) || isQuotaHugePages(name)
    ? []
    : [invalid(path, name, 'must be a standard resource type or fully qualified')];
}

/** The name of a resource that a container may ask for. */
export function containerResourceName(name: string, path: string): FieldError[] {
  const errors = resourceName(name, path);
  if (!name.includes('/'))
    return CONTAINER.has(name) || isHugePages(name)
      ? errors
      : [...errors, invalid(path, name, 'must be a standard resource for containers')];
  return isNativeResource(name) || isExtendedResource(name)
    ? errors
    : [...errors, invalid(path, name, "doesn't follow extended resource name standard")];
}

/** The name of a resource that a pod as a whole may ask for. */
export function podResourceName(name: string, path: string): FieldError[] {
  const errors = resourceName(name, path);
  if (errors.length > 0 || name === 'cpu' || name === 'memory' || isHugePages(name)) return errors;
  return [notSupported(path, name, ['cpu', 'hugepages-', 'memory'])];
}

/** The name of a resource in a quota: known, or qualified; `count/<resource>` counts objects. */
export function quotaResourceName(name: string, path: string): FieldError[] {
  const errors = resourceName(name, path);
  return name.includes('/') || isStandardQuotaResource(name)
    ? errors
    : [...errors, invalid(path, name, 'must be a standard resource for quota')];
}

/** The name of a resource in a limit range of a kind of object. */
export function limitResourceName(type: string, name: string, path: string): FieldError[] {
  return type === 'Pod' || type === 'Container' ? containerResourceName(name, path) : resourceName(name, path);
}

/** True for resources that need no domain in a quota. */
export function isStandardQuotaResource(name: string): boolean {
  return QUOTA.has(name) || isQuotaHugePages(name);
}
