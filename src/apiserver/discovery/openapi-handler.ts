import { type DocumentOptions, openApiV2, openApiV3, openApiV3Paths } from '../../api/openapi/document.ts';
import { openApiV2Protobuf } from '../../api/openapi/v2-protobuf.ts';
import { sha256Hex } from '../../base/hash.ts';
import { type ApiResponse, notFoundResponse } from '../http.ts';
import { parseAccept } from '../negotiation/accept-header.ts';
import type { Handler, RequestContext } from '../pipeline/context.ts';

const V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

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
      const wantsProtobuf = parseAccept(context.request.headers.all('accept').join(',')).some(
        clause => `${clause.type}/${clause.subtype}` === V2_PROTOBUF,
      );
      const document = wantsProtobuf
        ? await keep('v2-protobuf', async () => openApiV2Protobuf(await openApiV2(options)))
        : await keep('v2', async () => JSON.stringify(await openApiV2(options)));
      return tagged(context, document, wantsProtobuf ? 'application/octet-stream' : 'application/json');
    }
    if (path === '/openapi/v3') return tagged(context, await keep('v3', () => index(options, v3)), 'application/json');
    if (!path.startsWith('/openapi/v3/')) return next(context);
    const name = path.slice('/openapi/v3/'.length);
    const document = openApiV3Paths(options).includes(name) ? await v3(name) : undefined;
    const hash = context.request.query.get('hash') ?? '';
    if (document !== undefined && hash !== '' && hash !== document.hash)
      return { status: 301, headers: { location: `${path}?hash=${document.hash}` }, body: '' };
    const answer = tagged(context, document, 'application/json');
    if (hash === '' || answer.status !== 200) return answer;
    return { ...answer, headers: { ...answer.headers, 'cache-control': 'public, immutable' } };
  };
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
  if (context.request.headers.get('if-none-match') === etag) return { status: 304, headers, body: '' };
  return { status: 200, headers, body: document.body };
}
