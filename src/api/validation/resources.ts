import { aggregateContainers } from '../pod-resources.ts';
import { canonicalQuantity, compareQuantities, parseQuantity, quantityValue } from '../quantity.ts';
import type { PodSpec, ResourceClaim, ResourceList, ResourceRequirements } from '../types/gen/core-v1.ts';
import {
  addErrors,
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  notFound,
  required,
} from './field-error.ts';
import { dns1123Label } from './names.ts';
import type { Kept } from './pod-options.ts';
import { validateQuantity } from './quantity.ts';
import { containerResourceName, isHugePages, mayOvercommit, podResourceName } from './resource-names.ts';

type NameRule = (name: string, path: string) => FieldError[];

/** The resources of a container. `claims` are the names in spec.resourceClaims. */
export function validateContainerResources(
  resources: ResourceRequirements,
  claims: ReadonlySet<string>,
  kept: Kept,
  path: string,
): FieldError[] {
  return requirements(resources, containerResourceName, claims, kept, path);
}

/** What a pod costs beside its containers. */
export function validateOverhead(overhead: ResourceList, kept: Kept, path: string): FieldError[] {
  return requirements({ limits: overhead }, containerResourceName, new Set(), kept, path);
}

function requirements(
  resources: ResourceRequirements,
  nameRule: NameRule,
  claims: ReadonlySet<string>,
  kept: Kept,
  path: string,
): FieldError[] {
  const { limits = {}, requests = {} } = resources;
  const amount = (name: string, quantity: string, at: string): FieldError[] => [
    ...nameRule(name, at),
    ...validateQuantity(name, quantity, at),
  ];
  const errors: FieldError[] = [];
  for (const [name, quantity] of Object.entries(limits)) {
    const at = `${path}.limits[${name}]`;
    errors.push(...amount(name, quantity, at), ...pageErrors(name, quantity, kept, at));
  }
  for (const [name, quantity] of Object.entries(requests)) {
    const at = `${path}.requests[${name}]`;
    addErrors(
      errors,
      amount(name, quantity, at),
      againstLimit(name, quantity, limits, path),
      pageErrors(name, quantity, kept, at),
    );
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some(isHugePages) && !names.includes('cpu') && !names.includes('memory'))
    errors.push(forbidden(path, 'HugePages require cpu or memory'));
  addErrors(errors, claimErrors(resources.claims ?? [], claims, `${path}.claims`));
  return errors;
}

/** A request is at most its limit, and equal to it where the resource cannot be promised twice. */
function againstLimit(name: string, quantity: string, limits: ResourceList, path: string): FieldError[] {
  const limit = Object.hasOwn(limits, name) ? limits[name] : undefined;
  if (limit === undefined)
    return mayOvercommit(name)
      ? []
      : [required(`${path}.limits`, 'Limit must be set for non overcommitable resources')];
  const order = compareQuantities(quantity, limit);
  const text = (relation: string): FieldError[] => [
    invalid(
      `${path}.requests`,
      canonicalQuantity(quantity),
      `must be ${relation} ${name} limit of ${canonicalQuantity(limit)}`,
    ),
  ];
  if (order !== 0 && !mayOvercommit(name)) return text('equal to');
  return order > 0 ? text('less than or equal to') : [];
}

function pageErrors(name: string, quantity: string, kept: Kept, path: string): FieldError[] {
  if (!isHugePages(name) || kept.indivisibleHugePages || isWholePages(name, quantity)) return [];
  const shown = canonicalQuantity(quantity);
  return [invalid(path, shown, `${shown} is not positive integer multiple of ${name}`)];
}

function isWholePages(name: string, quantity: string): boolean {
  try {
    const size = name.slice('hugepages-'.length);
    if (parseQuantity(size).nano <= 0n || parseQuantity(size).nano % 10n ** 9n !== 0n) return false;
    return quantityValue(quantity) % quantityValue(size) === 0;
  } catch {
    // A name that holds no size.
    return false;
  }
}

/** Claims by name, or a request of one: nothing twice, and no request of a claim that is taken as a whole. */
function claimErrors(claims: readonly ResourceClaim[], known: ReadonlySet<string>, path: string): FieldError[] {
  const keyOf = ({ name, request = '' }: ResourceClaim): string => (request === '' ? name : `${name}/${request}`);
  const sorted = [...new Set(claims.map(keyOf))].toSorted();
  const listed = known.size === 0 ? ' which is empty' : `: ${[...known].toSorted().join(', ')}`;
  const seen = new Set<string>();
  return claims.flatMap((claim, index) => {
    const { name, request = '' } = claim;
    const at = `${path}[${index}]`;
    if (name === '') return [required(at)];
    const errors: FieldError[] = [];
    if (seen.has(name)) errors.push(duplicate(at, name));
    else {
      if (request !== '') errors.push(...invalidFor(`${at}.request`, request, dns1123Label(request)));
      const key = keyOf(claim);
      if (seen.has(key)) errors.push(duplicate(at, key));
      else if (request === '')
        for (const other of beginningWith(sorted, `${name}/`)) if (seen.has(other)) errors.push(duplicate(at, name));
      seen.add(key);
    }
    if (!known.has(name))
      errors.push({ ...notFound(at, name), detail: `must be one of the names in pod.spec.resourceClaims${listed}` });
    return errors;
  });
}

/** The texts of a sorted list that begin so, found without looking at the others. */
function* beginningWith(sorted: readonly string[], prefix: string): Generator<string> {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? '') < prefix) low = middle + 1;
    else high = middle;
  }
  for (let text = sorted[low]; text?.startsWith(prefix) === true; text = sorted[++low]) yield text;
}

/** True where a stored pod asks for a part of a huge page. */
export function hasIndivisibleHugePages(spec: PodSpec): boolean {
  const { containers, initContainers = [], ephemeralContainers = [] } = spec;
  const lists = [...containers, ...initContainers, ...ephemeralContainers].flatMap(({ resources }) => [
    resources.limits,
    resources.requests,
  ]);
  return [...lists, spec.resources?.limits, spec.resources?.requests, spec.overhead].some(list =>
    Object.entries(list ?? {}).some(([name, quantity]) => isHugePages(name) && !isWholePages(name, quantity)),
  );
}

/** The resources of a pod as a whole: its containers fit in, together where it is about requests, each where it is about limits. */
export function validatePodResources(
  spec: PodSpec,
  claims: ReadonlySet<string>,
  kept: Kept,
  path: string,
): FieldError[] {
  const { resources } = spec;
  if (resources === undefined) return [];
  if (spec.os?.name === 'windows') return [forbidden(path, 'may not be set for a windows pod')];
  return [
    ...(resources.claims === undefined
      ? []
      : [forbidden(`${path}.claims`, 'claims may not be set for Resources at pod-level')]),
    ...requirements(resources, podResourceName, claims, kept, path),
    ...aggregateErrors(spec, resources, path),
    ...containerLimitErrors(spec, resources.limits ?? {}, path),
  ];
}

function aggregateErrors(spec: PodSpec, resources: ResourceRequirements, path: string): FieldError[] {
  return (['requests', 'limits'] as const).flatMap(side =>
    Object.entries(aggregateContainers(spec, side)).flatMap(([name, total]) => {
      const given = resources[side]?.[name];
      // Limits of containers may be more than the pod's where the resource may be promised twice.
      if (given === undefined || (side === 'limits' && !isHugePages(name)) || compareQuantities(total, given) <= 0)
        return [];
      const detail = `must be greater than or equal to aggregate container ${side} of ${canonicalQuantity(total)}`;
      return [invalid(`${path}.${side}[${name}]`, canonicalQuantity(given), detail)];
    }),
  );
}

function containerLimitErrors(spec: PodSpec, limits: ResourceList, path: string): FieldError[] {
  return spec.containers.flatMap((container, index) =>
    Object.entries(container.resources.limits ?? {}).flatMap(([name, limit]) => {
      const most = limits[name];
      if (most === undefined || compareQuantities(limit, most) <= 0) return [];
      // Upstream's path stands on its head here.
      return [
        invalid(
          `${path}.containers[${index}][${name}].limits`,
          canonicalQuantity(limit),
          `must be less than or equal to pod limits of ${canonicalQuantity(most)}`,
        ),
      ];
    }),
  );
}
