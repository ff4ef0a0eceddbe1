import { addQuantities, compareQuantities } from '../../api/quantity.ts';
import { isInScopes } from '../../api/quota/scopes.ts';
import { type CountedObject, isUsedBy, usageOf } from '../../api/quota/usage.ts';
import type { GroupResource } from '../../api/status.ts';
import type { ResourceList, ResourceQuota, ResourceQuotaStatus } from '../../api/types/gen/core-v1.ts';

/** What a quota limits that objects of a resource use, in the order of its `hard`. */
export function limitedBy({ spec }: ResourceQuota, resource: GroupResource): readonly string[] {
  return Object.keys(spec.hard ?? {}).filter(name => isUsedBy(resource, name));
}

/** What an object uses of the named resources of a quota; nothing where the quota is not about it. `now` in milliseconds. */
export function usedOf(
  quota: ResourceQuota,
  resource: GroupResource,
  names: readonly string[],
  object: CountedObject,
  now: number,
): ResourceList {
  if (!isInScopes(quota, resource, object)) return {};
  const usage = usageOf(resource, object, now);
  return Object.fromEntries(names.flatMap(name => (usage[name] === undefined ? [] : [[name, usage[name]]])));
}

/** Two amounts of everything, together. */
export function sumOf(a: ResourceList, b: ResourceList): ResourceList {
  const sum: Record<string, string> = { ...a };
  for (const [name, amount] of Object.entries(b)) sum[name] = addQuantities(sum[name] ?? '0', amount);
  return sum;
}

/**
 * The status that a quota should have, or undefined where it has that already. `counted` is what was found of everything that can be counted; what nobody here
 * can count keeps the amount that was there.
 */
export function wantedStatus({ spec, status }: ResourceQuota, counted: ResourceList): ResourceQuotaStatus | undefined {
  const { hard = {} } = spec;
  const amounts: ResourceList = { ...status.used, ...counted };
  const used = Object.fromEntries(
    Object.keys(hard).flatMap(name => (amounts[name] === undefined ? [] : [[name, amounts[name]]])),
  );
  const isRight =
    status.hard !== undefined &&
    status.used !== undefined &&
    isSameList(status.hard, hard) &&
    isSameList(status.used, used);
  return isRight ? undefined : { hard, used };
}

/** True where a quota has to be counted anew for what became of an object. More than before is charged by the API server when it is written. */
export function frees(
  quota: ResourceQuota,
  resource: GroupResource,
  { before, after }: { readonly before: CountedObject | undefined; readonly after: CountedObject | undefined },
  now: number,
): boolean {
  const names = limitedBy(quota, resource);
  if (before === undefined || names.length === 0) return false;
  if (after === undefined) return true;
  return !isSameList(usedOf(quota, resource, names, before, now), usedOf(quota, resource, names, after, now));
}

/** The same amounts, however they are written. */
export function isSameList(a: ResourceList, b: ResourceList): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every(name => b[name] !== undefined && compareQuantities(a[name] ?? '0', b[name]) === 0)
  );
}
