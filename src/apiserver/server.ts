import type { IncomingMessage } from 'node:http';
import {
  createSecureServer,
  type Http2SecureServer,
  type SecureServerOptions,
  type ServerHttp2Session,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import { aborted } from '../base/signals.ts';
import type { Component } from '../daemon/component.ts';
import type { Logger } from '../daemon/logger.ts';
import { MemoryReturn } from '../daemon/memory-return.ts';
import { endConnection, plainAnswer } from '../remotecommand/plain-answer.ts';
import { type ApiRequest, type ApiResponse, RequestHeaders, type UpgradeConnection } from './http.ts';
import { type AnswerLimits, AnswerSender, type Requested } from './serve/answer-sender.ts';
import { ClientCertificates } from './serve/client-certificates.ts';
import { endIdleSession } from './serve/idle-sessions.ts';
import { isPlainHttp, refuseMalformed, refusePlainHttp } from './serve/malformed-request.ts';
import { apiRequest, type NodeRequest } from './serve/node-request.ts';
import type { NodeResponse } from './serve/node-response.ts';
import { hasRequests, requestLifetime } from './serve/request-lifetime.ts';
import { endResettingSession } from './serve/reset-limit.ts';
import { checkServerTls, type ServerTls, secureContext } from './serve/server-tls.ts';
import { upgradeBody } from './serve/upgrade-request.ts';

export interface ApiServerOptions {
  readonly host: string;
  /** 0 asks the kernel for one; see `onListening`. */
  readonly port: number;
  readonly tls: ServerTls;
  /** The pipeline. It never rejects. */
  readonly respond: (request: ApiRequest) => Promise<ApiResponse>;
  readonly limits?: Partial<ServerLimits>;
  readonly onListening?: (port: number) => void;
  readonly onHandshakeError?: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ServerLimits extends AnswerLimits {
  /** Of a request; twice what etcd takes. */
  readonly maxBodyBytes: number;
  readonly maxHeaderBytes: number;
  /** For the TLS handshake, and then for the headers of a request. */
  readonly handshakeMs: number;
  readonly headersMs: number;
  /** For a whole request, its body with it. */
  readonly requestMs: number;
  readonly idleMs: number;
  /** Requests at a time on one HTTP/2 connection. */
  readonly streamsPerConnection: number;
  /** How long requests that are under way may take once the server stops. */
  readonly drainMs: number;
}

/** Upstream's figures where it has them: 3 MiB, 32 s for headers, 60 s until an answer is written, 90 s idle, 100 streams. */
export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  maxBodyBytes: 3 * 1024 * 1024,
  maxHeaderBytes: 128 * 1024,
  handshakeMs: 10_000,
  headersMs: 32_000,
  requestMs: 120_000,
  answerMs: 60_000,
  lateAnswerMs: 5_000,
  maxUnreadBytes: 512 * 1024 * 1024,
  idleMs: 90_000,
  streamsPerConnection: 100,
  drainMs: 15_000,
};

/** Serves HTTP/1.1 and HTTP/2 on one TLS port until the signal aborts, then finishes what is under way. Can take a new certificate while it runs. */
export class ApiServer implements Component {
  readonly name = 'apiserver';
  readonly #options: ApiServerOptions;
  readonly #limits: ServerLimits;
  readonly #sender: AnswerSender;
  readonly #certificates: ClientCertificates | undefined;
  /** By the address and port of the client. */
  readonly #sockets = new Map<string, Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #memory: MemoryReturn;
  #server: Http2SecureServer | undefined;
  #underWay = 0;
  #stopping = false;
  #drained = (): void => {};

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#memory = new MemoryReturn(options.clock);
    this.#limits = { ...DEFAULT_SERVER_LIMITS, ...options.limits };
    const { clientCa } = options.tls;
    this.#certificates = clientCa === undefined ? undefined : new ClientCertificates(clientCa);
    this.#sender = new AnswerSender(this.#limits, options.clock, options.log);
  }

  async run(signal: AbortSignal, ready: () => void): Promise<void> {
    const { host, port, onListening } = this.#options;
    const server = this.#createServer();
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    const address = server.address();
    onListening?.(typeof address === 'object' && address !== null ? address.port : port);
    ready();
    await aborted(signal);
    await this.#drain(server);
  }

  /**
   * New connections are served with this certificate. Those that stand go on; whether the client CA stands behind the certificate of their client is asked anew for
   * each request. Throws, and changes nothing, where `tls` cannot be used.
   */
  replaceTls(tls: ServerTls): void {
    checkServerTls(tls);
    this.#server?.setSecureContext(secureContext(tls));
    if (tls.clientCa !== undefined) this.#certificates?.replace(tls.clientCa);
  }

  #createServer(): Http2SecureServer {
    const limits = this.#limits;
    const { tls, clock, log, onHandshakeError } = this.#options;
    const options: SecureServerOptions = {
      ...secureContext(tls),
      allowHTTP1: true,
      requestCert: tls.clientCa !== undefined,
      // Who shows a bad certificate is told so by an answer, and may have a token instead.
      rejectUnauthorized: false,
      handshakeTimeout: limits.handshakeMs,
      settings: { maxConcurrentStreams: limits.streamsPerConnection, maxHeaderListSize: limits.maxHeaderBytes },
    };
    const server = createSecureServer(options);
    // Node takes these from the server, not from the options of one that speaks HTTP/2.
    Object.assign(server, {
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.idleMs,
      connectionsCheckingInterval: Math.min(10_000, limits.headersMs),
    });
    server.on('connection', (socket: Socket) => {
      const peer = peerOf(socket);
      this.#sockets.set(peer, socket);
      socket.setNoDelay(true);
      socket.once('close', () => {
        if (this.#sockets.get(peer) === socket) this.#sockets.delete(peer);
        this.#memory.freed();
      });
    });
    server.on('session', session => {
      this.#sessions.add(session);
      session.once('close', () => this.#sessions.delete(session));
      session.on('error', () => {}); // the client's doing; its requests end by themselves
      endIdleSession(session, limits.idleMs);
      endResettingSession(session, clock, () =>
        log.info('an HTTP/2 connection was ended: its client gives up too many requests'),
      );
    });
    server.on('tlsClientError', (error: Error, socket: Socket) => {
      onHandshakeError?.();
      log.debug({ reason: errorMessage(error) }, 'a TLS handshake failed');
      const plain = this.#sockets.get(peerOf(socket));
      if (isPlainHttp(error) && plain !== undefined) refusePlainHttp(plain);
      else socket.destroy();
    });
    server.on('clientError', (error: Error, socket: Socket) => refuseMalformed(socket, error, hasRequests(socket)));
    server.on('request', (request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        log.error({ err: error }, 'an answer could not be sent');
        response.destroy();
      });
    });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#serveUpgrade({ request, socket, head }).catch((error: unknown) => {
        log.error({ err: error }, 'an answer could not be sent');
        socket.destroy();
      });
    });
    return server;
  }

  /** A request for another protocol goes the way of every other. Whatever answers it, the connection takes no other. */
  async #serveUpgrade(connection: UpgradeConnection): Promise<void> {
    const { request, socket } = connection;
    const arrivedAt = this.#options.clock.monotonic();
    const { signal, end } = requestLifetime(socket, socket);
    socket.on('error', () => {}); // comes as its close as well
    this.#underWay++;
    try {
      const { request: asked, answer } = await this.#answer(request, signal, upgradeBody(connection));
      if (answer.takeover === undefined) {
        const response = plainAnswer(request, socket);
        await this.#sender.send(response, asked, { ...answer, closeConnection: true }, { arrivedAt, signal });
        return;
      }
      await answer.takeover(connection, signal);
      endConnection(socket);
    } finally {
      end();
      this.#ended();
    }
  }

  #ended(): void {
    if (--this.#underWay === 0) this.#drained();
  }

  async #serve(node: NodeRequest, response: NodeResponse): Promise<void> {
    const arrivedAt = this.#options.clock.monotonic();
    const { signal, end } = requestLifetime(response, 'stream' in response ? response.stream : node.socket);
    // An error of a connection comes as its close as well.
    response.on('error', () => {});
    node.on('error', () => {});
    this.#underWay++;
    try {
      const { request, answer } = await this.#answer(node, signal);
      // Whoever has not sent its whole body cannot send another request behind it.
      const closes = this.#stopping || (!node.complete && node.httpVersionMajor === 1);
      const told = closes ? { ...answer, closeConnection: true } : answer;
      await this.#sender.send(response, request, told, { arrivedAt, signal });
    } finally {
      end();
      this.#ended();
    }
  }

  async #answer(
    node: NodeRequest,
    signal: AbortSignal,
    body?: Readable,
  ): Promise<{ request: Requested; answer: ApiResponse }> {
    const request = apiRequest(node, {
      signal,
      body,
      maxBodyBytes: this.#limits.maxBodyBytes,
      certificates: this.#certificates,
      now: this.#options.clock.now(),
    });
    if (request !== undefined) return { request, answer: await this.#options.respond(request) };
    const nothing = { method: '', path: '', headers: RequestHeaders.none, remoteAddress: '' };
    return { request: nothing, answer: UNREADABLE };
  }

  async #drain(server: Http2SecureServer): Promise<void> {
    this.#stopping = true;
    const closed = new Promise<void>(resolve => server.close(() => resolve()));
    for (const session of this.#sessions) session.close();
    if (this.#underWay > 0) {
      const done = new Promise<void>(resolve => {
        this.#drained = resolve;
      });
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>(resolve => {
        timer = setTimeout(resolve, this.#limits.drainMs);
      });
      await Promise.race([done, late]);
      clearTimeout(timer);
      if (this.#underWay > 0)
        this.#options.log.warn({ underWay: this.#underWay }, 'requests were cut off, because they did not end in time');
    }
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets.values()) socket.destroySoon();
    const left = setTimeout(() => {
      for (const socket of this.#sockets.values()) socket.destroy();
    }, 1000);
    await closed;
    clearTimeout(left);
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Where not even the path can be read; the words are those of Go's server. */
const UNREADABLE: ApiResponse = {
  status: 400,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body: '400 Bad Request',
  closeConnection: true,
};
