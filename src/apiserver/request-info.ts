import { parseFieldSelector } from '../api/selectors/field-selector.ts';
import { parseLabelSelector } from '../api/selectors/label-selector.ts';
import { trimEnd } from '../base/trim-end.ts';

/** What a request is about, read off its method, path and query alone. Pure data. */
export interface RequestInfo {
  /** False for /healthz, /version, discovery and everything else that is no object. */
  readonly isResourceRequest: boolean;
  /** The decoded path as it came. */
  readonly path: string;
  /** get, list, watch, create, update, patch, delete, deletecollection, proxy; the HTTP method in lower case for what is no resource. */
  readonly verb: string;
  /** `api` or `apis`. */
  readonly apiPrefix: string;
  /** Empty for the core group. */
  readonly apiGroup: string;
  readonly apiVersion: string;
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  /** The path from the resource on: resource, name, subresource and what a proxied path has behind them. */
  readonly parts: readonly string[];
  /** The raw selectors, where the verb has them. */
  readonly fieldSelector: string;
  readonly labelSelector: string;
}

/** A path with a special verb and nothing behind it. The message is upstream's. */
export class RequestInfoError extends Error {}

const SPECIAL_VERBS: ReadonlySet<string> = new Set(['proxy', 'watch']);
/** What follows /namespaces/{name} without being a resource inside the namespace. */
const NAMESPACE_SUBRESOURCES: ReadonlySet<string> = new Set(['status', 'finalize']);
const VERBS_WITH_SELECTORS: ReadonlySet<string> = new Set(['list', 'watch', 'deletecollection']);

const VERB_OF_METHOD: ReadonlyMap<string, string> = new Map([
  ['POST', 'create'],
  ['GET', 'get'],
  ['HEAD', 'get'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
]);

/**
 * Reads a request by upstream's path grammar:
 *
 *     /api/{version}/…    /apis/{group}/{version}/…    then one of
 *     [watch/|proxy/][namespaces/{namespace}/]{resource}[/{name}[/{subresource}[/…]]]
 *
 * Throws RequestInfoError for a special verb without a resource.
 */
export function requestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const other = nonResourceInfo(method, path);
  let parts = splitPath(path);
  const [prefix = ''] = parts;
  if (parts.length < 3 || (prefix !== 'api' && prefix !== 'apis')) return other;
  parts = parts.slice(1);
  let apiGroup = '';
  if (prefix === 'apis') {
    if (parts.length < 3) return { ...other, apiPrefix: prefix };
    apiGroup = parts[0] ?? '';
    parts = parts.slice(1);
  }
  const apiVersion = parts[0] ?? '';
  parts = parts.slice(1);

  const special = SPECIAL_VERBS.has(parts[0] ?? '');
  let verb = VERB_OF_METHOD.get(method) ?? '';
  if (special) {
    if (parts.length < 2) throw new RequestInfoError(`unable to determine kind and namespace from url, ${path}`);
    verb = parts[0] ?? '';
    parts = parts.slice(1);
  }

  let namespace = '';
  if (parts[0] === 'namespaces' && parts.length > 1) {
    namespace = parts[1] ?? '';
    if (parts.length > 2 && !NAMESPACE_SUBRESOURCES.has(parts[2] ?? '')) parts = parts.slice(2);
  }
  const [resource = '', pathName = ''] = parts;
  const subresource = verb === 'proxy' ? '' : (parts[2] ?? '');
  let name = pathName;
  if (name === '' && verb === 'get') {
    verb = asksToWatch(query) ? 'watch' : 'list';
    name = selectedName(query);
  }
  if (name === '' && verb === 'delete') verb = 'deletecollection';

  // The deprecated watch paths do not take selectors, so nothing may be allowed by them.
  const selects = !special && VERBS_WITH_SELECTORS.has(verb);
  return {
    isResourceRequest: true,
    path,
    verb,
    apiPrefix: prefix,
    apiGroup,
    apiVersion,
    namespace,
    resource,
    subresource,
    name,
    parts,
    fieldSelector: selects ? (query.get('fieldSelector') ?? '') : '',
    labelSelector: selects ? (query.get('labelSelector') ?? '') : '',
  };
}

/** A request that is about no resource. */
export function nonResourceInfo(method: string, path: string): RequestInfo {
  return {
    isResourceRequest: false,
    path,
    verb: method.toLowerCase(),
    apiPrefix: '',
    apiGroup: '',
    apiVersion: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    parts: [],
    fieldSelector: '',
    labelSelector: '',
  };
}

const STREAMING_SUBRESOURCES: ReadonlySet<string> = new Set(['attach', 'exec', 'proxy', 'log', 'portforward']);

/** True for requests that neither the deadline nor the in-flight limits count: watches, streams and what is proxied. */
export function isLongRunning(info: RequestInfo): boolean {
  if (info.verb === 'watch' || info.verb === 'proxy') return true;
  return info.isResourceRequest ? STREAMING_SUBRESOURCES.has(info.subresource) : info.path.startsWith('/debug/pprof/');
}

/** True for requests that change something, which have a limit of their own. */
export function isMutating(info: RequestInfo): boolean {
  return info.verb !== 'get' && info.verb !== 'list' && info.verb !== 'watch';
}

/** The segments of a path, without the slashes at its ends. */
export function splitPath(path: string): string[] {
  let start = 0;
  // by hand: a pattern takes quadratic time on slashes in the middle, and this runs before anybody is asked who he is
  while (path[start] === '/') start += 1;
  const trimmed = trimEnd(path.slice(start), '/');
  return trimmed === '' ? [] : trimmed.split('/');
}

/** Every value of `watch` but `false` and `0` asks for one, the empty one too. */
export function asksToWatch(query: URLSearchParams): boolean {
  const value = query.get('watch')?.toLowerCase();
  return value !== undefined && value !== 'false' && value !== '0';
}

/** The name in `metadata.name=x`: a list of one object is allowed to who may only see that object. */
function selectedName(query: URLSearchParams): string {
  const fieldSelector = query.get('fieldSelector');
  if (fieldSelector === null || fieldSelector === '') return '';
  try {
    // A request whose selectors cannot be read is refused later; until then it has no name.
    parseLabelSelector(query.get('labelSelector') ?? '');
    const name = parseFieldSelector(fieldSelector).requiredValue('metadata.name') ?? '';
    return name === '.' || name === '..' || /[/%]/.test(name) ? '' : name;
  } catch {
    return '';
  }
}
