import { type FieldError, invalid, invalidFor } from './field-error.ts';
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

/** The name of a resource in a quota: known, or qualified; `count/<resource>` counts objects. */
export function quotaResourceName(name: string, path: string): FieldError[] {
  const errors = invalidFor(path, name, qualifiedName(name));
  if (errors.length > 0 || name.includes('/')) return errors;
  const known = QUOTA.has(name) || name.startsWith('hugepages-') || name.startsWith('requests.hugepages-');
  return known ? [] : [invalid(path, name, 'must be a standard resource for quota')];
}

/** The name of a resource in a limit range of a kind of object. */
export function limitResourceName(type: string, name: string, path: string): FieldError[] {
  const errors = invalidFor(path, name, qualifiedName(name));
  if (errors.length > 0 || name.includes('/')) return errors;
  if (type === 'Pod' || type === 'Container')
    return CONTAINER.has(name) || name.startsWith('hugepages-')
      ? []
      : [invalid(path, name, 'must be a standard resource for containers')];
  return STANDARD.has(name) || name.startsWith('hugepages-')
    ? []
    : [invalid(path, name, 'must be a standard resource type or fully qualified')];
}

/** Resources that count compute, which scopes of a quota can be about. */
export function isComputeQuota(name: string): boolean {
  return /^(requests\.|limits\.)?(cpu|memory)$/.test(name) || name === 'pods';
}

/** True for the names above that need no domain. */
export function isStandardQuotaResource(name: string): boolean {
  return QUOTA.has(name) || name.startsWith('hugepages-') || name.startsWith('requests.hugepages-');
}
