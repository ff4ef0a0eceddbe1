import { canonicalQuantity, parseQuantity, quantityValue } from '../quantity.ts';
import { type FieldError, invalid } from './field-error.ts';
import { isExtendedResource } from './resource-names.ts';

const NANO = 10n ** 9n;
const MILLI_IN_NANO = 10n ** 6n;
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
  const shown = canonicalQuantity(quantity);
  const errors: FieldError[] = [];
  if (nano < 0n) errors.push(invalid(path, shown, 'must be greater than or equal to 0'));
  // Upstream looks at thousandths, rounded up.
  const milli = nano / MILLI_IN_NANO + (nano % MILLI_IN_NANO > 0n ? 1n : 0n);
  if ((WHOLE.has(resource) || isExtendedResource(resource)) && (milli * MILLI_IN_NANO) % NANO !== 0n)
    errors.push(invalid(path, shown, 'must be an integer'));
  return errors;
}

/** A size that is there at all. */
export function positiveQuantity(quantity: string, path: string): FieldError[] {
  return parseQuantity(quantity).nano <= 0n
    ? [invalid(path, canonicalQuantity(quantity), 'must be greater than zero')]
    : [];
}

/** What upstream calls a valid quantity of storage: its whole units are not negative. */
export function validateBasicQuantity(quantity: string, path: string): FieldError[] {
  const value = quantityValue(quantity);
  return value < 0 ? [invalid(path, value, 'must be a valid resource quantity')] : [];
}
