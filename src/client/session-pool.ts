import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2';
import { connect as connectTcp, isIP } from 'node:net';
import { checkServerIdentity, createSecureContext, type PeerCertificate, type SecureContext } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import { errorMessage, GantryError } from '../base/errors.ts';
import type { ApiEndpoint } from './kubeconfig.ts';
import { ServerProbe } from './server-probe.ts';

/** The server's own limit is 100 streams at a time; watches hold one each for long, so another connection is made in time. */
const STREAMS_PER_SESSION = 80;
/** client-go's: a ping after 30 s, and 15 s for its answer. */
const PING_MS = 30_000;
const PING_ANSWER_MS = 15_000;
const DIAL_MS = 2_000;
/** Lists are large. */
const WINDOW_BYTES = 4 * 1024 * 1024;

/** One connection of a `SessionPool`. */
export class Session {
  readonly #http2: ClientHttp2Session;
  #streams = 0;
  #isRetired = false;
  /** The server was reached by it. */
  wasConnected = false;
  /** Why it has ended, for people. */
  why = 'the connection was closed';

  constructor(http2: ClientHttp2Session) {
    this.#http2 = http2;
  }

  /** Whether another request may go over it. */
  get hasRoom(): boolean {
    return !this.#isRetired && !this.#http2.closed && !this.#http2.destroyed && this.#streams < STREAMS_PER_SESSION;
  }

  /** Opens a stream; errors come by its events. */
  request(headers: OutgoingHttpHeaders, options: { readonly endStream: boolean }): ClientHttp2Stream {
    const stream = this.#http2.request(headers, options);
    this.#streams += 1;
    stream.once('close', () => {
      this.#streams -= 1;
    });
    return stream;
  }

  /**
   * For one made with credentials that were replaced since, or on which the server has refused a request: what runs on it goes on, nothing new does. Idempotent.
   */
  retire(): void {
    this.#isRetired = true;
    this.#http2.close();
  }

  /** Ends it; what is under way fails. Idempotent. */
  destroy(): void {
    this.#http2.destroy();
  }
}

/**
 * The connections to one API server, made when they are needed and again after they broke. Several users may share them: the token goes with each request, the client
 * certificate with the connection.
 */
export class SessionPool {
  #endpoint: ApiEndpoint;
  readonly #sessions = new Set<Session>();
  readonly #probe: ServerProbe;
  /** Certificates and key, read once for all connections: each time takes 5 ms. */
  #secureContext: SecureContext | undefined;
  #isClosed = false;

  /** Connects to nothing yet. */
  constructor(endpoint: ApiEndpoint, clock: Clock) {
    this.#endpoint = endpoint;
    this.#probe = new ServerProbe(clock, () => dial(endpoint.server));
  }

  get endpoint(): ApiEndpoint {
    return this.#endpoint;
  }

  /** New connections are made with this client certificate, and nothing new goes over those that are there. The same again changes nothing. */
  replaceCertificate(certificate: { readonly cert: string; readonly key: string }): void {
    const { cert, key } = this.#endpoint.certificate ?? {};
    if (cert === certificate.cert && key === certificate.key) return;
    this.#endpoint = { ...this.#endpoint, certificate };
    this.#secureContext = undefined;
    for (const session of this.#sessions) session.retire();
  }

  /** A connection with room for a request, which may still be under way to the server. Throws `cancelled` after `close`, and what TLS says of certificates that it cannot read. */
  take(): Session {
    if (this.#isClosed) throw new GantryError('cancelled', 'the API client is closed');
    for (const session of this.#sessions) if (session.hasRoom) return session;
    return this.#connect();
  }

  /** See `ServerProbe.pause`. */
  pause(ms: number, signal: AbortSignal, clock: Clock): Promise<boolean> {
    return this.#probe.pause(ms, signal, clock);
  }

  /** Ends every connection; what is under way fails, and none is made any more. Idempotent. */
  close(): void {
    this.#isClosed = true;
    for (const session of this.#sessions) session.destroy();
  }

  #connect(): Session {
    const { origin, hostname, protocol } = new URL(this.#endpoint.server);
    const { ca, certificate } = this.#endpoint;
    if (protocol === 'https:')
      this.#secureContext ??= createSecureContext({ ...(ca === undefined ? {} : { ca }), ...certificate });
    const http2 = connect(origin, {
      ...tlsOptions(this.#endpoint, hostname.replace(/^\[|\]$/g, ''), this.#secureContext),
      settings: { initialWindowSize: WINDOW_BYTES, enablePush: false },
    });
    const session = new Session(http2);
    this.#sessions.add(session);
    http2.once('connect', () => {
      // the event is told a tick after the fact, and the session may have ended in between: its window can then not be set
      if (http2.destroyed) return;
      session.wasConnected = true;
      this.#probe.reached();
      http2.setLocalWindowSize(WINDOW_BYTES * 4);
    });
    http2.on('error', error => {
      session.why = errorMessage(error);
      if ((error as NodeJS.ErrnoException).syscall === 'connect') this.#probe.refused();
    });
    // nothing new goes to a connection that the server wants to end; what runs on it does until the end of this client
    http2.once('goaway', () => session.retire());
    const pinging = setInterval(() => ping(http2), PING_MS);
    pinging.unref();
    http2.once('close', () => {
      clearInterval(pinging);
      this.#sessions.delete(session);
    });
    return session;
  }
}

/** An address is checked against the certificate, but is no name that TLS may send (RFC 6066). */
function tlsOptions(
  { serverName, insecureSkipVerify }: ApiEndpoint,
  host: string,
  secureContext: SecureContext | undefined,
): SecureClientSessionOptions {
  return {
    ...(secureContext === undefined ? {} : { secureContext }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(serverName === undefined && isIP(host) !== 0
      ? { servername: '', checkServerIdentity: (_: string, shown: PeerCertificate) => checkServerIdentity(host, shown) }
      : {}),
    rejectUnauthorized: insecureSkipVerify !== true,
  };
}

/** Makes a connection and ends it; rejects where none can be made. */
function dial(server: string): Promise<void> {
  const { hostname, port, protocol } = new URL(server);
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port) });
    socket.setTimeout(DIAL_MS, () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}

function ping(session: ClientHttp2Session): void {
  if (session.destroyed || session.closed) return;
  const timer = setTimeout(() => session.destroy(new Error('no answer to a ping')), PING_ANSWER_MS);
  timer.unref();
  session.ping(() => clearTimeout(timer));
}
