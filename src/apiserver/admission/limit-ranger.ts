import { aggregateMessage } from '../../api/go-quote.ts';
import { podLimits, podRequests } from '../../api/pod-resources.ts';
import { compareQuantities, quantityMilliValue } from '../../api/quantity.ts';
import type {
  Container,
  LimitRange,
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
  ResourceList,
} from '../../api/types/gen/core-v1.ts';
import { ALLOW, changeTo, type Decision, deny, isAbout, type Lister, type WriteRequest } from './admission.ts';

const RANGES = { group: '', resource: 'limitranges' };
const NOTE = 'kubernetes.io/limit-ranger';

/** The defaults of the limit ranges of the namespace for containers that do not say what they take: of each range in turn. */
export function decideLimitDefaults(request: WriteRequest, lister: Lister): Decision {
  if (!isAboutPod(request)) return ALLOW;
  const pod = rangesOf(request, lister).reduce(
    (filled, range) => withDefaults(filled, range.spec.limits),
    request.object as Pod,
  );
  return changeTo(pod);
}

/** Holds pods and claims to the bounds of the limit ranges of the namespace. */
export function decideLimitBounds(request: WriteRequest, lister: Lister): Decision {
  const isClaim = isAbout(request, '', 'persistentvolumeclaims') && request.operation !== 'DELETE';
  if (!isClaim && !isAboutPod(request)) return ALLOW;
  for (const { spec } of rangesOf(request, lister)) {
    const errors = isClaim
      ? claimErrors(request.object as PersistentVolumeClaim, spec.limits)
      : podErrors(request.object as Pod, spec.limits);
    if (errors.length > 0) return deny(request, aggregateMessage(errors));
  }
  return ALLOW;
}

/** A new pod, or one whose resources change. */
function isAboutPod(request: WriteRequest): boolean {
  return request.operation === 'UPDATE'
    ? isAbout(request, '', 'pods', 'resize')
    : request.operation === 'CREATE' && isAbout(request, '', 'pods');
}

/** None for what is being deleted. */
function rangesOf({ namespace, oldObject }: WriteRequest, lister: Lister): readonly LimitRange[] {
  if (oldObject?.metadata.deletionTimestamp !== undefined) return [];
  return lister.list(RANGES, namespace) as readonly LimitRange[];
}

function withDefaults(pod: Pod, items: readonly LimitRangeItem[]): Pod {
  const requests: Record<string, string> = {};
  const limits: Record<string, string> = {};
  for (const item of items.filter(candidate => candidate.type === 'Container')) {
    Object.assign(requests, item.defaultRequest);
    Object.assign(limits, item.default);
  }
  const notes: string[] = [];
  const fill =
    (what: string) =>
    (container: Container): Container => {
      const filled = {
        limits: missing(container.resources.limits, limits),
        requests: missing(container.resources.requests, requests),
      };
      for (const side of ['requests', 'limits'] as const) {
        const names = Object.keys(filled[side]).toSorted();
        if (names.length > 0) notes.push(`${names.join(', ')} ${side.slice(0, -1)} for ${what} ${container.name}`);
      }
      return {
        ...container,
        resources: {
          ...container.resources,
          ...side('limits', container.resources.limits, filled.limits),
          ...side('requests', container.resources.requests, filled.requests),
        },
      };
    };
  const containers = pod.spec.containers.map(fill('container'));
  const initContainers = pod.spec.initContainers?.map(fill('init container'));
  if (notes.length === 0) return pod;
  const annotations = { ...pod.metadata.annotations, [NOTE]: `LimitRanger plugin set: ${notes.join('; ')}` };
  return { ...pod, metadata: { ...pod.metadata, annotations }, spec: { ...pod.spec, containers, initContainers } };
}

function side(name: 'limits' | 'requests', given: ResourceList | undefined, filled: ResourceList) {
  return Object.keys(filled).length === 0 ? {} : { [name]: { ...filled, ...given } };
}

function missing(given: ResourceList | undefined, wanted: ResourceList): ResourceList {
  return Object.fromEntries(Object.entries(wanted).filter(([name]) => given?.[name] === undefined));
}

function podErrors(pod: Pod, items: readonly LimitRangeItem[]): string[] {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  // what a runtime needs beside the containers is nothing that its user asked for
  const asked: Pod = { ...pod, spec: { ...pod.spec, overhead: undefined } };
  return items.flatMap(item => {
    if (item.type === 'Container')
      return containers.flatMap(({ resources }) => bounds(item, resources.requests ?? {}, resources.limits ?? {}));
    return item.type === 'Pod' ? bounds(item, podRequests(asked), podLimits(asked)) : [];
  });
}

function claimErrors(claim: PersistentVolumeClaim, items: readonly LimitRangeItem[]): string[] {
  const requests = claim.spec.resources.requests ?? {};
  return items
    .filter(item => item.type === 'PersistentVolumeClaim')
    .flatMap(item => [
      ...Object.entries(item.min ?? {}).flatMap(([name, least]) =>
        minimum(item.type, name, least, requests[name], undefined),
      ),
      ...Object.entries(item.max ?? {}).flatMap(([name, most]) => {
        const given = requests[name];
        if (given === undefined) return [`maximum ${name} usage per ${item.type} is ${most}.  No request is specified`];
        return compareQuantities(given, most) > 0
          ? [`maximum ${name} usage per ${item.type} is ${most}, but request is ${given}`]
          : [];
      }),
    ]);
}

function bounds(item: LimitRangeItem, requests: ResourceList, limits: ResourceList): string[] {
  const { type } = item;
  return [
    ...Object.entries(item.min ?? {}).flatMap(([name, least]) =>
      minimum(type, name, least, requests[name], limits[name]),
    ),
    ...Object.entries(item.max ?? {}).flatMap(([name, most]) =>
      maximum(type, name, most, requests[name], limits[name]),
    ),
    ...Object.entries(item.maxLimitRequestRatio ?? {}).flatMap(([name, most]) =>
      ratio(type, name, most, requests[name], limits[name]),
    ),
  ];
}

function minimum(
  type: string,
  name: string,
  least: string,
  request: string | undefined,
  limit: string | undefined,
): string[] {
  const text = `minimum ${name} usage per ${type} is ${least}`;
  if (request === undefined) return [`${text}.  No request is specified`];
  if (compareQuantities(request, least) < 0) return [`${text}, but request is ${request}`];
  return limit !== undefined && compareQuantities(limit, least) < 0 ? [`${text}, but limit is ${limit}`] : [];
}

function maximum(
  type: string,
  name: string,
  most: string,
  request: string | undefined,
  limit: string | undefined,
): string[] {
  const text = `maximum ${name} usage per ${type} is ${most}`;
  if (limit === undefined) return [`${text}.  No limit is specified`];
  if (compareQuantities(limit, most) > 0) return [`${text}, but limit is ${limit}`];
  return request !== undefined && compareQuantities(request, most) > 0 ? [`${text}, but request is ${request}`] : [];
}

function ratio(
  type: string,
  name: string,
  most: string,
  request: string | undefined,
  limit: string | undefined,
): string[] {
  const text = `${name} max limit to request ratio per ${type} is ${most}`;
  if (request === undefined || quantityMilliValue(request) === 0)
    return [`${text}, but no request is specified or request is 0`];
  if (limit === undefined || quantityMilliValue(limit) === 0)
    return [`${text}, but no limit is specified or limit is 0`];
  const observed = quantityMilliValue(limit) / quantityMilliValue(request);
  return observed > quantityMilliValue(most) / 1000 ? [`${text}, but provided ratio is ${observed.toFixed(6)}`] : [];
}
