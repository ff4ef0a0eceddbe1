import { notAcceptableError, unsupportedMediaTypeError } from '../../api/status.ts';
import type { ApiRequest } from '../http.ts';
import { type AcceptClause, parseAccept, parseContentType } from './accept-header.ts';

/** A representation that an endpoint can write. */
export interface MediaType {
  /** `application/json` */
  readonly name: string;
  /** The media type of a stream of them (`application/json;stream=watch`), where it can be streamed. */
  readonly stream?: string;
  /** Has a form for people. */
  readonly pretty?: boolean;
}

export const JSON_TYPE: MediaType = {
  name: 'application/json',
  stream: 'application/json;stream=watch',
  pretty: true,
};
export const YAML_TYPE: MediaType = { name: 'application/yaml' };
export const PROTOBUF_TYPE: MediaType = {
  name: 'application/vnd.kubernetes.protobuf',
  stream: 'application/vnd.kubernetes.protobuf;stream=watch',
};

/** What upstream's API serves for built-in kinds, in its order: the first is the default. */
export const OBJECT_TYPES: readonly MediaType[] = [JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE];

/** The kind that the client wants the object turned into: `as=Table;v=v1;g=meta.k8s.io`. */
export interface Conversion {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** What was agreed with the client. */
export interface Agreement {
  readonly mediaType: MediaType;
  readonly conversion: Conversion | undefined;
  readonly pretty: boolean;
  /** `watch`, or empty. */
  readonly stream: string;
  /** A wish of discovery clients: `nopeer`. Empty where there is none. */
  readonly profile: string;
}

export interface Endpoint {
  readonly mediaTypes: readonly MediaType[];
  /** True when the endpoint can turn its objects into that kind. Asked for every alternative that wants one. */
  readonly converts?: (conversion: Conversion, mediaType: MediaType) => boolean;
}

/**
 * The first alternative of Accept that the endpoint can serve; no header means its first media type. Parameters that are not known are passed over.
 * Throws 406 when there is none.
 */
export function negotiateResponse(request: Pick<ApiRequest, 'headers' | 'query'>, endpoint: Endpoint): Agreement {
  const human = wantsPretty(request);
  const agreement = agree(request.headers.all('accept').join(','), endpoint);
  if (agreement === undefined) throw notAcceptableError(endpoint.mediaTypes.map(type => type.name));
  return { ...agreement, pretty: (agreement.pretty || human) && agreement.mediaType.pretty === true };
}

/** As `negotiateResponse`, for a watch: the media type must have a stream. */
export function negotiateStream(request: Pick<ApiRequest, 'headers' | 'query'>, endpoint: Endpoint): Agreement {
  const agreement = agree(request.headers.all('accept').join(','), endpoint);
  if (agreement?.mediaType.stream === undefined)
    throw notAcceptableError(endpoint.mediaTypes.flatMap(type => type.stream ?? []));
  return { ...agreement, pretty: false };
}

/** The media type of the body; none given is the first. Throws 415 for one that is not served. */
export function negotiateBody(contentType: string, mediaTypes: readonly MediaType[]): MediaType {
  const name = contentType === '' ? mediaTypes[0]?.name : parseContentType(contentType);
  const found = mediaTypes.find(type => type.name === name);
  if (found === undefined) throw unsupportedMediaTypeError(mediaTypes.map(type => type.name));
  return found;
}

function agree(header: string, endpoint: Endpoint): Agreement | undefined {
  const [first] = endpoint.mediaTypes;
  if (header === '')
    return first && { mediaType: first, conversion: undefined, pretty: false, stream: '', profile: '' };
  for (const clause of parseAccept(header))
    for (const mediaType of endpoint.mediaTypes) {
      const agreement = matches(clause, mediaType) ? accept(clause, mediaType, endpoint) : undefined;
      if (agreement !== undefined) return agreement;
    }
  return undefined;
}

function matches(clause: AcceptClause, mediaType: MediaType): boolean {
  const [type, subtype] = mediaType.name.split('/');
  if (clause.type === '*') return clause.subtype === '*';
  return clause.type === type && (clause.subtype === '*' || clause.subtype === subtype);
}

/** The parameters that mean something here; a wish that cannot be met makes the alternative void. */
function accept(clause: AcceptClause, mediaType: MediaType, endpoint: Endpoint): Agreement | undefined {
  const { parameters } = clause;
  const stream = parameters.get('stream') ?? '';
  if (stream !== '' && (stream !== 'watch' || mediaType.stream === undefined)) return undefined;
  if ((parameters.get('sv') ?? '') !== '') return undefined;
  const wishes = ['as', 'g', 'v'].some(name => parameters.has(name));
  const conversion: Conversion | undefined = wishes
    ? {
        group: parameters.get('g') ?? '',
        version: parameters.get('v') ?? '',
        kind: parameters.get('as') ?? '',
      }
    : undefined;
  if (conversion !== undefined && endpoint.converts?.(conversion, mediaType) !== true) return undefined;
  return {
    mediaType,
    conversion,
    pretty: parameters.get('pretty') === '1',
    stream,
    profile: parameters.get('profile') ?? '',
  };
}

/** `?pretty=` decides; without it, programs that people read the output of get the pretty form. */
function wantsPretty(request: Pick<ApiRequest, 'headers' | 'query'>): boolean {
  const asked = request.query.get('pretty');
  if (asked !== null && asked !== '') return /^(1|t|T|TRUE|true|True)$/.test(asked);
  return /^(curl|Wget|Mozilla\/5\.0)/.test(request.headers.get('user-agent'));
}
