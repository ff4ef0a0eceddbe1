import { type ClientRequest, type Agent as HttpAgent, request as httpRequest } from 'node:http';
import { type Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP, isIPv6 } from 'node:net';
import { errnoName, errorMessage } from '../base/errors.ts';
import { DIAL_ERRORS } from '../remotecommand/backend.ts';

/** Where a request is handed on to. */
export interface Backend {
  readonly scheme: 'http' | 'https';
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly agent: HttpAgent | HttpsAgent;
}

export interface BackendRequest {
  readonly method: string;
  /** Path and query as they are sent. */
  readonly path: string;
  /** Names and values by turns. */
  readonly headers: readonly string[];
}

/** Go's dialer gives up then. */
const CONNECT_MS = 30_000;

class DialTimeout extends Error {}

export function backendAddress({ host, port }: Pick<Backend, 'host' | 'port'>): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

/** A request that is under way; its body is the caller's to write and to end. It is destroyed when the signal aborts, or when no connection is made in 30 s. */
export function openRequest(backend: Backend, wanted: BackendRequest, signal: AbortSignal): ClientRequest {
  const open = backend.scheme === 'https' ? httpsRequest : httpRequest;
  const asked = open({
    agent: backend.agent,
    host: backend.host,
    port: backend.port,
    method: wanted.method,
    path: wanted.path,
    headers: wanted.headers,
    setHost: false,
    // as Go reads answers: lines may end without a carriage return, as those of many small servers do
    insecureHTTPParser: true,
    // Node would take the name to check the certificate by from the Host header, which may be the client's
    servername: isIP(backend.host) === 0 ? backend.host : '',
    signal,
  });
  const late = setTimeout(() => asked.destroy(new DialTimeout()), CONNECT_MS);
  const connected = (): void => clearTimeout(late);
  asked.once('socket', socket => {
    if (!socket.connecting) connected();
    else socket.once(backend.scheme === 'https' ? 'secureConnect' : 'connect', connected);
  });
  asked.once('close', connected);
  return asked;
}

/** What Go says of a request that came to nothing. */
export function dialError(error: Error, backend: Pick<Backend, 'host' | 'port'>): string {
  const dial = `dial tcp ${backendAddress(backend)}`;
  if (error instanceof DialTimeout) return `${dial}: i/o timeout`;
  const name = errnoName(error) ?? '';
  if (name === 'ENOTFOUND') return `dial tcp: lookup ${backend.host}: no such host`;
  if (name === 'ECONNRESET') return error.message === 'socket hang up' ? 'EOF' : 'read: connection reset by peer';
  const known = DIAL_ERRORS[name];
  return known === undefined ? errorMessage(error) : `${dial}: ${known}`;
}
