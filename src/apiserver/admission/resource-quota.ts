import { addQuantities, compareQuantities, subtractQuantities } from '../../api/quantity.ts';
import { isInScopes, isTerminating } from '../../api/quota/scopes.ts';
import { isDeviceClaim, isUsedBy, usageOf } from '../../api/quota/usage.ts';
import { forbiddenError, type GroupResource } from '../../api/status.ts';
import type { Container, Pod, ResourceList, ResourceQuota } from '../../api/types/gen/core-v1.ts';
import type { WriteRequest } from './admission.ts';

export type QuotaDecision =
  /** The write uses nothing that a quota counts. */
  | { readonly kind: 'allow' }
  /** These quotas are to be stored with the object, each by its resourceVersion. */
  | { readonly kind: 'charge'; readonly quotas: readonly ResourceQuota[] }
  | { readonly kind: 'deny'; readonly error: Error };

const ALLOWED: QuotaDecision = { kind: 'allow' };

/** True for writes that may use more of something than before. A delete frees nothing here: a controller counts anew. */
export function isCounted(request: Pick<WriteRequest, 'operation' | 'resource' | 'subresource'>): boolean {
  const { operation, resource, subresource } = request;
  const name = resource.group === '' ? resource.resource : '';
  if (operation === 'DELETE' || resource.resource === 'events') return false;
  if (isDeviceClaim(resource)) return subresource === '';
  const isCreate = operation === 'CREATE' && subresource === '';
  switch (name) {
    case 'pods':
      return isCreate || (operation === 'UPDATE' && ['', 'resize'].includes(subresource));
    case 'services':
      return subresource === '';
    case 'persistentvolumeclaims':
      return subresource === '' || subresource === 'status';
    default:
      return isCreate;
  }
}

/** Holds a create or update to the quotas of its namespace, given as they are now in the store. `now` in milliseconds. */
export function decideResourceQuota(
  request: WriteRequest,
  quotas: readonly ResourceQuota[],
  now: number,
): QuotaDecision {
  const { object, oldObject, resource } = request;
  if (!isCounted(request) || object === undefined || leavesScopes(request)) return ALLOWED;
  const deny = (because: string): QuotaDecision => {
    const name = object.metadata.name ?? object.metadata.generateName ?? '';
    return { kind: 'deny', error: forbiddenError(resource, name, because) };
  };
  const usage = usageOf(resource, object, now);
  const before = request.operation === 'UPDATE' && oldObject !== undefined ? oldObject : undefined;
  const interesting = quotas.filter(
    quota => hardNames(quota, resource).length > 0 && isInScopes(quota, resource, object),
  );
  for (const quota of interesting) {
    const name = quota.metadata.name ?? '';
    const hard = hardNames(quota, resource);
    const missing = resource.group === '' && resource.resource === 'pods' ? unspecified(object as Pod, hard) : '';
    if (missing !== '') return deny(`failed quota: ${name}: must specify ${missing}`);
    if (hard.some(each => quota.status.used?.[each] === undefined))
      return deny(`status unknown for quota: ${name}, resources: ${hard.toSorted().join(',')}`);
  }
  const negative = Object.keys(usage).filter(name => compareQuantities(usage[name] ?? '0', '0') < 0);
  if (negative.length > 0) return deny(`quota usage is negative for resource(s): ${negative.toSorted().join(',')}`);
  const charged: ResourceQuota[] = [];
  for (const quota of interesting) {
    const counted = before !== undefined && isInScopes(quota, resource, before);
    const more = counted ? increase(usage, usageOf(resource, before, now)) : usage;
    const asked = hardNames(quota, resource).filter(name => compareQuantities(more[name] ?? '0', '0') > 0);
    if (asked.length === 0) continue;
    const { hard = {}, used = {} } = quota.status;
    const sum: Record<string, string> = { ...used };
    for (const name of asked) sum[name] = addQuantities(used[name] ?? '0', more[name] ?? '0');
    const exceeded = asked.filter(name => compareQuantities(sum[name] ?? '0', hard[name] ?? '0') > 0).toSorted();
    const show = (list: ResourceList): string => exceeded.map(name => `${name}=${list[name] ?? '0'}`).join(',');
    // what the status says was taken already
    if (exceeded.length > 0 && request.subresource !== 'status')
      return deny(
        `exceeded quota: ${quota.metadata.name ?? ''}, requested: ${show(more)}, used: ${show(used)}, limited: ${show(hard)}`,
      );
    charged.push({ ...quota, status: { ...quota.status, used: sum } });
  }
  return charged.length === 0 ? ALLOWED : { kind: 'charge', quotas: charged };
}

/** A pod that is changed uses what it used, unless it comes under the scopes of other quotas. */
function leavesScopes({ operation, resource, subresource, object, oldObject }: WriteRequest): boolean {
  if (operation !== 'UPDATE' || resource.resource !== 'pods' || subresource !== '') return false;
  return oldObject === undefined || isTerminating(object as Pod) === isTerminating(oldObject as Pod);
}

function hardNames({ status }: ResourceQuota, resource: GroupResource): string[] {
  return Object.keys(status.hard ?? {}).filter(name => isUsedBy(resource, name));
}

/** What is used more than before; less counts as nothing. */
function increase(after: ResourceList, before: ResourceList): ResourceList {
  return Object.fromEntries(
    Object.entries(after).map(([name, amount]) => [name, subtractQuantities(amount, before[name] ?? '0')]),
  );
}

/** A quota on compute can only be kept where every container says what it takes: `limits.cpu for: app; requests.memory for: app`. */
function unspecified(pod: Pod, hard: readonly string[]): string {
  const { resources = {} } = pod.spec;
  // resources of the pod as a whole stand for those of its containers
  if (Object.keys({ ...resources.requests, ...resources.limits }).some(isPodLevel)) return '';
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  return hard
    .filter(name => /^((requests|limits)\.)?(cpu|memory)$/.test(name))
    .toSorted()
    .flatMap(name => {
      const missing = containers.filter(container => !specifies(container, name)).map(container => container.name);
      return missing.length === 0 ? [] : [`${name} for: ${[...new Set(missing)].toSorted().join(',')}`];
    })
    .join('; ');
}

function isPodLevel(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');
}

function specifies({ resources }: Container, name: string): boolean {
  const side = name.startsWith('limits.') ? resources.limits : resources.requests;
  return side?.[name.replace(/^(requests|limits)\./, '')] !== undefined;
}
