import { yamlText } from '../../api/encode/yaml-text.ts';
import type { ApiResource } from '../../api/schema/resources/resource.ts';
import { unknownResourceError } from '../../api/status.ts';
import { sha256Hex } from '../../base/hash.ts';
import type { ApiResponse } from '../http.ts';
import { JSON_TYPE, negotiateResponse, YAML_TYPE } from '../negotiation/negotiate.ts';
import type { Handler, RequestContext } from '../pipeline/context.ts';
import { splitPath } from '../request-info.ts';
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions } from './documents.ts';
import { type ServedGroup, servedGroups } from './groups.ts';

export interface DiscoveryOptions {
  readonly resources: readonly ApiResource[];
  /** `host:port` that clients outside reach the server by. */
  readonly serverAddress: string;
}

const AGGREGATED_TYPE = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** Answers /api, /apis and what is below them short of a resource; hands the rest on. */
export function discoveryHandler(options: DiscoveryOptions, next: Handler): Handler {
  const groups = servedGroups(options.resources);
  const core = groups.filter(each => each.group === '');
  const named = groups.filter(each => each.group !== '');
  const aggregated = new Map([
    ['api', withETag(aggregatedDiscovery(core))],
    ['apis', withETag(aggregatedDiscovery(named))],
  ]);
  return async context => {
    const { info, request } = context;
    const [prefix = '', ...rest] = splitPath(request.path);
    if (info.isResourceRequest || (prefix !== 'api' && prefix !== 'apis')) return next(context);
    if (request.method !== 'GET' && request.method !== 'HEAD') return next(context);
    if (rest.length === 0) {
      const whole = aggregated.get(prefix);
      if (whole !== undefined && wantsAggregated(context)) return taggedResponse(context, whole);
      return response(context, prefix === 'api' ? apiVersions(options.serverAddress) : apiGroupList(groups));
    }
    const document = prefix === 'api' ? versionDocument(core[0], rest) : groupDocument(named, rest);
    if (document === undefined) throw unknownResourceError();
    return response(context, document);
  };
}

function groupDocument(groups: readonly ServedGroup[], [name, ...rest]: readonly string[]): object | undefined {
  const group = groups.find(each => each.group === name);
  if (group === undefined) return undefined;
  return rest.length === 0 ? apiGroup(group) : versionDocument(group, rest);
}

function versionDocument(group: ServedGroup | undefined, [version, ...rest]: readonly string[]): object | undefined {
  const served = group?.versions.find(each => each.version === version);
  return group === undefined || served === undefined || rest.length > 0
    ? undefined
    : apiResourceList(group.group, served);
}

function wantsAggregated(context: RequestContext): boolean {
  const agreement = negotiateResponse(context.request, {
    mediaTypes: [JSON_TYPE, YAML_TYPE],
    converts: ({ group, version, kind }, mediaType) =>
      mediaType === JSON_TYPE &&
      group === 'apidiscovery.k8s.io' &&
      version === 'v2' &&
      kind === 'APIGroupDiscoveryList',
  });
  return agreement.conversion !== undefined;
}

interface Tagged {
  readonly body: string;
  readonly etag: string;
}

function withETag(document: object): Tagged {
  const body = `${JSON.stringify(document)}\n`;
  return { body, etag: `"${sha256Hex(body).toUpperCase()}"` };
}

function taggedResponse(context: RequestContext, { body, etag }: Tagged): ApiResponse {
  const headers = { 'content-type': AGGREGATED_TYPE, etag, vary: 'Accept', 'cache-control': 'public' };
  if (context.request.headers.get('if-none-match') === etag) return { status: 304, headers: { etag }, body: '' };
  return { status: 200, headers, body };
}

function response(context: RequestContext, document: object): ApiResponse {
  const { mediaType, pretty } = negotiateResponse(context.request, { mediaTypes: [JSON_TYPE, YAML_TYPE] });
  const body =
    mediaType === YAML_TYPE ? yamlText(document) : `${JSON.stringify(document, undefined, pretty ? 2 : 0)}\n`;
  return { status: 200, headers: { 'content-type': mediaType.name }, body };
}
