import { parseQuantity } from '../quantity.ts';
import { type FieldError, invalid } from './field-error.ts';

const NANO = 10n ** 9n;
const WHOLE = new Set([
  'pods',
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]);

/** A resource's amount: not negative, and whole where the resource cannot be divided. */
export function validateQuantity(resource: string, quantity: string, path: string): FieldError[] {
  const { nano } = parseQuantity(quantity);
  if (nano < 0n) return [invalid(path, quantity, 'must be greater than or equal to 0')];
  const whole = WHOLE.has(resource) || resource.startsWith('count/') || isExtendedResource(resource);
  return whole && nano % NANO !== 0n ? [invalid(path, quantity, 'must be an integer')] : [];
}

/** A device or the like: qualified with a domain that is not Kubernetes' own. */
export function isExtendedResource(name: string): boolean {
  return name.includes('/') && !name.includes('kubernetes.io/') && !name.startsWith('requests.');
}
