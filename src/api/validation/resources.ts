import { parseQuantity } from '../quantity.ts';
import type { ResourceRequirements } from '../types/gen/core-v1.ts';
import { type FieldError, forbidden, invalid, invalidFor, notFound, required } from './field-error.ts';
import { qualifiedName } from './names.ts';

const NANO = 10n ** 9n;

/** The resources of a container. `claims` are the names in spec.resourceClaims. */
export function validateContainerResources(
  resources: ResourceRequirements,
  claims: ReadonlySet<string>,
  path: string,
): FieldError[] {
  const { limits = {}, requests = {} } = resources;
  const errors: FieldError[] = [];
  for (const side of ['limits', 'requests'] as const)
    for (const [name, quantity] of Object.entries(resources[side] ?? {})) {
      const at = `${path}.${side}[${name}]`;
      errors.push(...containerResourceName(name, at), ...resourceQuantity(name, quantity, at));
    }
  for (const [name, quantity] of Object.entries(requests)) {
    const limit = limits[name];
    if (limit !== undefined) {
      const asked = parseQuantity(quantity).nano;
      const most = parseQuantity(limit).nano;
      if (!mayOvercommit(name) && asked !== most)
        errors.push(invalid(`${path}.requests`, quantity, `must be equal to ${name} limit of ${limit}`));
      else if (asked > most)
        errors.push(invalid(`${path}.requests`, quantity, `must be less than or equal to ${name} limit of ${limit}`));
    } else if (!mayOvercommit(name))
      errors.push(required(`${path}.limits`, 'Limit must be set for non overcommitable resources'));
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some(name => name.startsWith('hugepages-')) && !names.includes('cpu') && !names.includes('memory'))
    errors.push(forbidden(path, 'HugePages require cpu or memory'));
  for (const [index, claim] of (resources.claims ?? []).entries()) {
    const at = `${path}.claims[${index}].name`;
    if (claim.name === '') errors.push(required(at));
    else if (!claims.has(claim.name)) errors.push(notFound(at, claim.name));
  }
  return errors;
}

/** cpu, memory and the like may be promised more often than they are there; huge pages and devices may not. */
function mayOvercommit(name: string): boolean {
  return isNative(name) && !name.startsWith('hugepages-');
}

function isNative(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

function containerResourceName(name: string, path: string): FieldError[] {
  const errors = invalidFor(path, name, qualifiedName(name));
  if (errors.length > 0) return errors;
  if (!name.includes('/')) {
    const standard = ['cpu', 'memory', 'ephemeral-storage'].includes(name) || name.startsWith('hugepages-');
    return standard ? [] : [invalid(path, name, 'must be a standard resource for containers')];
  }
  const extended = !name.startsWith('requests.') && qualifiedName(`requests.${name}`).length === 0;
  return isNative(name) || extended ? [] : [invalid(path, name, "doesn't follow extended resource name standard")];
}

function resourceQuantity(name: string, quantity: string, path: string): FieldError[] {
  const { nano } = parseQuantity(quantity);
  if (nano < 0n) return [invalid(path, quantity, 'must be greater than or equal to 0')];
  const whole = name.includes('/') && !isNative(name);
  return whole && nano % NANO !== 0n ? [invalid(path, quantity, 'must be an integer')] : [];
}

/** The resources of a pod as a whole: cpu, memory and huge pages. */
export function validatePodResources(resources: ResourceRequirements, path: string): FieldError[] {
  const errors = validateContainerResources({ ...resources, claims: undefined }, new Set(), path);
  for (const side of ['limits', 'requests'] as const)
    for (const name of Object.keys(resources[side] ?? {}))
      if (!['cpu', 'memory'].includes(name) && !name.startsWith('hugepages-'))
        errors.push({
          type: 'FieldValueNotSupported',
          field: `${path}.${side}[${name}]`,
          badValue: name,
          detail: 'supported values: "cpu", "hugepages-", "memory"',
        });
  if ((resources.claims ?? []).length > 0)
    errors.push(forbidden(`${path}.claims`, 'claims cannot be set for Resources at pod-level'));
  return errors;
}
