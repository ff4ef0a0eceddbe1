import type { IncomingMessage } from 'node:http';
import { type GantryError, unavailable } from '../../base/errors.ts';
import type { RegistryAuth } from './registry-access.ts';
import type { AuthChallenge } from './www-authenticate.ts';

/** One way to ask a token service for a token: a GET, or a POST where there is a form. */
export interface TokenRequest {
  readonly url: URL;
  readonly authorization: string | undefined;
  readonly form: string | undefined;
}

/** Statuses of services that know no POST, as seen in the wild by containerd (Artifactory says 401, Azure 400); they are asked by GET then. */
const NO_POST: readonly number[] = [400, 401, 404, 405];

/** `Basic …` for a name and password, undefined where neither is given. */
export function basicAuthorization(auth: RegistryAuth | undefined): string | undefined {
  if (auth === undefined || (auth.username === '' && auth.password === '')) return undefined;
  return basic(auth.username, auth.password);
}

/**
 * How to ask for a token, in the order in which to try: an identity token is exchanged by POST (OAuth 2 refresh_token grant), and shown as a password by
 * GET where the service knows no POST. Pure. Throws `unavailable` when the challenge names no service.
 */
export function tokenRequests(
  host: string,
  repository: string,
  challenge: AuthChallenge,
  auth: RegistryAuth | undefined,
): readonly [TokenRequest, ...TokenRequest[]] {
  const { realm = '', service, scope = `repository:${repository}:pull` } = challenge.parameters;
  if (!/^https?:\/\//.test(realm) || !URL.canParse(realm))
    throw unavailable(`registry ${host}: its token service ${JSON.stringify(realm)} is not an HTTP address`);
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  for (const one of scope.split(' ')) url.searchParams.append('scope', one);
  const identity = auth?.identityToken ?? '';
  if (identity === '') return [{ url, authorization: basicAuthorization(auth), form: undefined }];
  const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'gantry' });
  if (service !== undefined) form.set('service', service);
  form.set('scope', scope);
  form.set('refresh_token', identity);
  return [
    { url: new URL(realm), authorization: undefined, form: form.toString() },
    { url, authorization: basic('', identity), form: undefined },
  ];
}

/** Asks in that order and returns the token. `send` makes one request; an answer's body is read by `read`. */
export async function fetchToken(
  host: string,
  requests: readonly [TokenRequest, ...TokenRequest[]],
  send: (request: TokenRequest) => Promise<IncomingMessage>,
  read: (response: IncomingMessage, url: URL) => Promise<Buffer>,
  wrongCredentials: () => GantryError,
): Promise<string> {
  const [request, next, ...others] = requests;
  const response = await send(request);
  const status = response.statusCode ?? 0;
  const bytes = await read(response, request.url);
  if (next !== undefined && NO_POST.includes(status))
    return fetchToken(host, [next, ...others], send, read, wrongCredentials);
  if (status === 400 || status === 401 || status === 403) throw wrongCredentials();
  if (status !== 200)
    throw unavailable(`registry ${host}: its token service ${request.url.host} answered ${status}`, {
      reason: 'RegistryUnavailable',
    });
  const token = tokenOf(bytes);
  if (token === '')
    throw unavailable(`registry ${host}: its token service ${request.url.host} answered without a token`);
  return token;
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}

function tokenOf(bytes: Buffer): string {
  try {
    const body = JSON.parse(bytes.toString('utf8')) as { token?: unknown; access_token?: unknown };
    const token = body.token ?? body.access_token;
    return typeof token === 'string' ? token : '';
  } catch {
    return '';
  }
}
