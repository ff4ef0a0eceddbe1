import { addQuantities, compareQuantities, subtractQuantities } from '../../../api/quantity.ts';
import { forbiddenError } from '../../../api/status.ts';
import type { Pod, ResourceList, ResourceQuota } from '../../../api/types/gen/core-v1.ts';
import type { WriteRequest } from '../admission.ts';
import { quotaMatches, usageOf } from './usage.ts';

export type QuotaDecision =
  /** The write uses nothing that a quota counts. */
  | { readonly kind: 'allow' }
  /** Store these quotas' status first, each with its resourceVersion as the precondition; on conflict decide anew. */
  | { readonly kind: 'charge'; readonly quotas: readonly ResourceQuota[] }
  | { readonly kind: 'deny'; readonly error: Error };

/**
 * Holds a create or update to the quotas of its namespace, given as they are now in the store. A delete frees nothing here:
 * the quota controller counts anew.
 */
export function decideResourceQuota(request: WriteRequest, quotas: readonly ResourceQuota[]): QuotaDecision {
  const { object, oldObject, resource } = request;
  const counted = request.subresource === '' || (resource.resource === 'pods' && request.subresource === 'resize');
  if (!counted || object === undefined || request.operation === 'DELETE') return { kind: 'allow' };
  const deny = (because: string): QuotaDecision => {
    const name = object.metadata.name ?? object.metadata.generateName ?? '';
    return { kind: 'deny', error: forbiddenError(resource, name, because) };
  };
  const after = usageOf(resource, object);
  const before = request.operation === 'UPDATE' && oldObject !== undefined ? usageOf(resource, oldObject) : {};
  const delta = difference(after, before);
  const charged: ResourceQuota[] = [];
  for (const quota of quotas.filter(candidate => quotaMatches(candidate, resource, object))) {
    const hard = quota.status.hard ?? {};
    const name = quota.metadata.name ?? '';
    const wanted = Object.keys(quota.spec.hard ?? {});
    if (request.operation === 'CREATE' && resource.group === '' && resource.resource === 'pods') {
      const missing = mustSpecify(object as Pod, wanted);
      if (missing !== '') return deny(`failed quota: ${name}: must specify ${missing}`);
    }
    const touched = wanted.filter(key => delta[key] !== undefined && compareQuantities(delta[key] ?? '0', '0') !== 0);
    if (touched.length === 0) continue;
    const unknown = touched.filter(key => hard[key] === undefined || quota.status.used?.[key] === undefined);
    if (unknown.length > 0)
      return deny(`status unknown for quota: ${name}, resources: ${unknown.toSorted().join(',')}`);
    const used: Record<string, string> = { ...quota.status.used };
    const exceeded: string[] = [];
    for (const key of touched) {
      const change = delta[key] ?? '0';
      const sum = addQuantities(used[key] ?? '0', change);
      // What shrinks is let through even where the quota is exceeded already.
      if (compareQuantities(change, '0') > 0 && compareQuantities(sum, hard[key] ?? '0') > 0) exceeded.push(key);
      used[key] = sum;
    }
    if (exceeded.length > 0) {
      const show = (list: ResourceList): string =>
        exceeded
          .toSorted()
          .map(key => `${key}=${list[key] ?? '0'}`)
          .join(',');
      return deny(
        `exceeded quota: ${name}, requested: ${show(delta)}, used: ${show(quota.status.used ?? {})}, limited: ${show(hard)}`,
      );
    }
    charged.push({ ...quota, status: { ...quota.status, used } });
  }
  return charged.length === 0 ? { kind: 'allow' } : { kind: 'charge', quotas: charged };
}

function difference(after: ResourceList, before: ResourceList): ResourceList {
  const delta: Record<string, string> = { ...after };
  for (const [name, amount] of Object.entries(before)) delta[name] = subtractQuantities(delta[name] ?? '0', amount);
  return delta;
}

/** A quota on compute can only be kept where every container says what it takes: `limits.cpu for: app; requests.memory for: app`. */
function mustSpecify(pod: Pod, wanted: readonly string[]): string {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const parts = wanted.flatMap(key => {
    const [, side = 'requests', resource = ''] = /^(?:(requests|limits)\.)?(cpu|memory)$/.exec(key) ?? [];
    if (resource === '') return [];
    const list = side === 'limits' ? 'limits' : 'requests';
    if (pod.spec.resources?.[list]?.[resource] !== undefined) return [];
    const missing = containers.filter(container => container.resources[list]?.[resource] === undefined);
    const names = [...new Set(missing.map(container => container.name))].toSorted();
    return names.length === 0 ? [] : [`${key} for: ${names.join(',')}`];
  });
  return parts.toSorted().join('; ');
}
