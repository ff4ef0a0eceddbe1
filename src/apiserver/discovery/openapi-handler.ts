import { type DocumentOptions, openApiV2, openApiV3, openApiV3Paths } from '../../api/openapi/document.ts';
import { openApiV2Protobuf } from '../../api/openapi/v2-protobuf.ts';
import { sha256Hex } from '../../base/hash.ts';
import { type ApiResponse, notFoundResponse } from '../http.ts';
import { parseAccept } from '../negotiation/accept-header.ts';
import type { Handler, RequestContext } from '../pipeline/context.ts';

/** What a document can be had as, by what clients ask for. The name with `@` is no media type, but the one that most use. */
const JSON_FORM = { 'application/json': 'application/json' } as const;
const PROTOBUF_NAME = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
const V2_FORMS = {
  ...JSON_FORM,
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf': PROTOBUF_NAME,
  [PROTOBUF_NAME]: PROTOBUF_NAME,
} as const;

const YEAR_MS = 365 * 24 * 3_600_000;

interface Tagged {
  readonly body: string | Buffer;
  readonly hash: string;
}

/** Answers /openapi/v2 and /openapi/v3. A document is made when it is first asked for, and kept. */
export function openApiHandler(options: DocumentOptions, next: Handler): Handler {
  const kept = new Map<string, Promise<Tagged | undefined>>();
  const keep = (name: string, make: () => Promise<string | Buffer | undefined>): Promise<Tagged | undefined> => {
    const known = kept.get(name);
    if (known !== undefined) return known;
    const made = make().then(body =>
      body === undefined
        ? undefined
        : { body, hash: sha256Hex(typeof body === 'string' ? body : body.toString('latin1')) },
    );
    kept.set(name, made);
    // what failed is tried again by the next who asks
    made.catch(() => kept.delete(name));
    return made;
  };
  const v3 = (path: string): Promise<Tagged | undefined> =>
    keep(`v3/${path}`, async () => {
      const document = await openApiV3(path, options);
      return document === undefined ? undefined : JSON.stringify(document);
    });
  return async context => {
    const { path, method } = context.request;
    if (!path.startsWith('/openapi/') || (method !== 'GET' && method !== 'HEAD')) return next(context);
    if (path === '/openapi/v2') {
      const form = formOf(context, V2_FORMS);
      if (form === undefined) return NOT_ACCEPTABLE;
      const document =
        form === PROTOBUF_NAME
          ? await keep('v2-protobuf', async () => openApiV2Protobuf(await openApiV2(options)))
          : await keep('v2', async () => JSON.stringify(await openApiV2(options)));
      return tagged(context, document, form);
    }
    if (path === '/openapi/v3') return tagged(context, await keep('v3', () => index(options, v3)), 'application/json');
    if (!path.startsWith('/openapi/v3/')) return next(context);
    if (formOf(context, JSON_FORM) === undefined) return NOT_ACCEPTABLE;
    const name = path.slice('/openapi/v3/'.length);
    const document = openApiV3Paths(options).includes(name) ? await v3(name) : undefined;
    const hash = context.request.query.get('hash') ?? '';
    if (document !== undefined && hash !== '' && hash !== document.hash)
      return { status: 301, headers: { location: `${path}?hash=${document.hash}` }, body: '' };
    const answer = tagged(context, document, 'application/json');
    if (hash === '' || document === undefined) return answer;
    // who asked by its hash need not ask again
    const expires = new Date(Date.now() + YEAR_MS).toUTCString();
    return { ...answer, headers: { ...answer.headers, 'cache-control': 'public, immutable', expires } };
  };
}

const NOT_ACCEPTABLE: ApiResponse = { status: 406, headers: { vary: 'Accept' }, body: '' };

/** The first form of Accept that there is, by its media type in the answer; no header is anything. */
function formOf<Type extends string>(context: RequestContext, forms: Readonly<Record<string, Type>>): Type | undefined {
  const header = context.request.headers.all('accept').join(',');
  for (const { type, subtype } of parseAccept(header === '' ? '*/*' : header))
    for (const [name, form] of Object.entries(forms)) {
      const [, own] = name.split('/');
      if ((type === 'application' || type === '*') && (subtype === own || subtype === '*')) return form;
    }
  return undefined;
}

async function index(
  options: DocumentOptions,
  document: (path: string) => Promise<Tagged | undefined>,
): Promise<string> {
  const paths: Record<string, object> = {};
  for (const path of openApiV3Paths(options)) {
    const made = await document(path);
    paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${made?.hash ?? ''}` };
  }
  return JSON.stringify({ paths });
}

function tagged(context: RequestContext, document: Tagged | undefined, contentType: string): ApiResponse {
  if (document === undefined) return notFoundResponse();
  const etag = `"${document.hash.toUpperCase()}"`;
  const headers = { 'content-type': contentType, etag, vary: 'Accept' };
  if (knows(context, etag)) return { status: 304, headers, body: '' };
  return { status: 200, headers, body: document.body };
}

/** Whether the client has the version already: If-None-Match is a list, whose tags may be weak. */
function knows(context: RequestContext, etag: string): boolean {
  const tags = context.request.headers.get('if-none-match').split(',', 100);
  return tags.some(tag => ['*', etag, `W/${etag}`].includes(tag.trim()));
}
