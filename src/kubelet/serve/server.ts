import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import { errorMessage } from '../../base/errors.ts';
import { aborted, joinedSignal } from '../../base/signals.ts';
import type { Component } from '../../daemon/component.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { Registry } from '../../daemon/metrics.ts';
import { requestUrl } from '../../daemon/request-url.ts';
import { plainAnswer } from '../../remotecommand/plain-answer.ts';
import type { UpgradeClient } from '../../remotecommand/upgrade-proxy.ts';
import type { ContainerRuntime } from '../runtime/ports.ts';
import type { Askers } from './asker.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { ContainerLogs } from './logs/container-logs.ts';
import { podListJson } from './pod-list.ts';
import { badRequest, missing, Refusal } from './refusal.ts';
import { type Rights, subresourcesOf, verbOf } from './rights.ts';
import type { CertificateWithKey, ServingPair } from './serving-pair.ts';
import type { StatsAnswers } from './stats-answers.ts';
import type { KubeletStreams } from './streams/kubelet-streams.ts';
import { runningPods } from './streams/running-pods.ts';
import { type PodTarget, podTarget } from './streams/stream-target.ts';

export interface KubeletServerOptions {
  readonly host: string;
  readonly port: number;
  /** In PEM; without it the server speaks plain HTTP to whoever asks, which is fit for loopback only. */
  readonly tls: { readonly pair: ServingPair; readonly clientCa: string | undefined } | undefined;
  /** Who asks; undefined lets everybody in who could connect. */
  readonly askers: Askers | undefined;
  /** What askers may do; undefined lets them do all. */
  readonly rights: Rights | undefined;
  pods(): readonly Pod[];
  /** Waits until the pods that are to run here are known, for a while. */
  podsKnown(signal: AbortSignal): Promise<void>;
  readonly logs: ContainerLogs;
  readonly runtime: ContainerRuntime;
  readonly streams: KubeletStreams;
  readonly checkpoints: Checkpoints;
  /** False closes logs, streams and whatever else looks into containers. */
  readonly debugging: boolean;
  /** False closes what acts within pods: it could not be told who does. */
  readonly entersPods: boolean;
  readonly stats: StatsAnswers;
  readonly registry: Registry;
  readonly log: Logger;
}

interface Reply {
  readonly type: string;
  readonly body: string | Buffer | AsyncIterable<Buffer>;
}

/** Upstream's: a command stands in the request line with all its arguments. */
const MAX_HEADER_BYTES = 1024 * 1024;
const STREAM_METHODS: ReadonlySet<string> = new Set(['GET', 'POST']);
/** What `enableDebuggingHandlers: false` closes, as upstream. */
const DEBUGGING = /^\/(run|exec|attach|portForward|containerLogs|runningpods|debug\/pprof|logs)(\/|$)/;
/** What is asked of one pod. */
const OF_A_POD = /^\/(run|exec|attach|portForward|checkpoint|containerLogs)\//;
/** What acts within a pod, as its user or as root. */
const ENTERS_PODS = /^\/(run|exec|attach|portForward|checkpoint)(\/|$)/;
const CLOSED_PODS =
  '/exec, /attach, /run, /portForward and /checkpoint are closed: this kubelet lets in who proves nothing, and has no API server to ask who may do what. Set ' +
  'authentication.x509.clientCAFile (and leave authentication.anonymous off), or open them to all who can connect with authorization.mode: AlwaysAllow\n';

const TEXT = 'text/plain; charset=utf-8';

/** The kubelet's own server: GET /pods, /runningpods, /healthz, /metrics, /stats/summary, /containerLogs, POST /run and /checkpoint, and the streams of exec, attach and port-forward. */
export function kubeletServer(options: KubeletServerOptions): Component {
  return {
    name: 'kubelet-server',
    async run(signal, ready) {
      const server = createServer(options, (request, response) => {
        serve(options, request, response, signal).catch((error: unknown) => {
          // the answer has begun: that it broke off is all that can still be told
          response.destroy();
          options.log.debug({ because: errorMessage(error) }, 'an answer was cut off');
        });
      });
      server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        socket.on('error', () => {}); // comes as its close as well
        serveUpgrade(options, { request, socket, head }, signal).catch((error: unknown) => {
          socket.destroy();
          options.log.debug({ because: errorMessage(error) }, 'a stream was cut off');
        });
      });
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(options.port, options.host, () => resolve());
      });
      const { address, port } = server.address() as AddressInfo;
      options.log.info({ address, port, tls: options.tls !== undefined }, 'the kubelet is listening');
      ready();
      await aborted(signal);
      server.closeAllConnections();
      await new Promise<void>(resolve => server.close(() => resolve()));
    },
  };
}

function createServer({ tls }: KubeletServerOptions, listener: RequestListener): Server {
  if (tls === undefined) return createHttpServer({ maxHeaderSize: MAX_HEADER_BYTES }, listener);
  const { pair, clientCa } = tls;
  const contextOf = ({ cert, key }: CertificateWithKey) =>
    ({ cert, key, ...(clientCa === undefined ? {} : { ca: clientCa }), minVersion: 'TLSv1.2' }) as const;
  const server = createHttpsServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      ...contextOf(pair.current),
      requestCert: clientCa !== undefined,
      // who shows no certificate may have a token
      rejectUnauthorized: false,
    },
    listener,
  );
  // for new connections; those that stand go on
  pair.onReplace(next => server.setSecureContext(contextOf(next)));
  return server;
}

async function serve(
  options: KubeletServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  stopping: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const signal = joinedSignal(gone.signal, stopping);
  let reply: Reply;
  try {
    reply = await answer(options, request, signal);
  } catch (error) {
    refuse(response, error);
    return;
  }
  response.writeHead(200, { 'content-type': reply.type });
  if (typeof reply.body === 'string' || Buffer.isBuffer(reply.body)) {
    response.end(reply.body);
    return;
  }
  response.flushHeaders();
  await pipeline(Readable.from(reply.body, { objectMode: true, highWaterMark: 1 }), response);
}

function refuse(response: ServerResponse, error: unknown): void {
  const { status, headers } = error instanceof Refusal ? error : new Refusal(500, '');
  response.writeHead(status, { 'content-type': TEXT, ...headers }).end(errorMessage(error));
}

/** A connection that is to become a stream; every other request that asks for an upgrade gets the answer that it gets without. */
async function serveUpgrade(
  options: KubeletServerOptions,
  connection: UpgradeClient,
  stopping: AbortSignal,
): Promise<void> {
  const { request, socket } = connection;
  const url = requestUrl(request.url);
  const target = url === undefined ? undefined : streamOf(url.pathname);
  if (url === undefined || target === undefined || !STREAM_METHODS.has(request.method ?? ''))
    return serve(options, request, plainAnswer(request, socket), stopping);
  const gone = new AbortController();
  socket.once('close', () => gone.abort());
  if (socket.destroyed) gone.abort();
  const signal = joinedSignal(gone.signal, stopping);
  try {
    await admit(options, request, url.pathname);
    mustBeOpen(options, url.pathname);
    await options.podsKnown(signal);
    await options.streams.serve(target, connection, url.searchParams, signal);
  } catch (error) {
    if (!(error instanceof Refusal) || signal.aborted) throw error;
    refuse(plainAnswer(request, socket), error);
  }
}

/** Undefined for what is no stream; throws no Refusal: the answer without an upgrade says what is wrong. */
function streamOf(path: string): PodTarget | undefined {
  try {
    const target = podTarget(path);
    return target?.kind === 'run' ? undefined : target;
  } catch {
    return undefined;
  }
}

async function answer(options: KubeletServerOptions, request: IncomingMessage, signal: AbortSignal): Promise<Reply> {
  const url = requestUrl(request.url);
  if (url === undefined) throw new Refusal(400, 'Bad Request\n');
  const { pathname, searchParams } = url;
  await admit(options, request, pathname);
  mustBeOpen(options, pathname);
  const target = podTarget(pathname);
  const { method = '' } = request;
  if (OF_A_POD.test(pathname)) await options.podsKnown(signal);
  if (target?.kind === 'run' && method === 'POST')
    return { type: 'application/json', body: await options.streams.run(target, searchParams, signal) };
  if (target !== undefined && target.kind !== 'run' && STREAM_METHODS.has(method))
    return options.streams.refusePlain(target, request, searchParams, signal);
  const checkpoint = /^\/checkpoint\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(pathname);
  if (checkpoint !== null && method === 'POST') {
    const [namespace = '', pod = '', container = ''] = checkpoint.slice(1).map(decode);
    const body = await options.checkpoints.take({ namespace, pod, container }, searchParams, signal);
    return { type: 'application/json', body };
  }
  if (target !== undefined || checkpoint !== null || method !== 'GET') throw new Refusal(405, 'Method Not Allowed\n');
  switch (pathname) {
    case '/pods':
    case '/pods/':
      return { type: 'application/json', body: podListJson(options.pods()) };
    case '/runningpods':
    case '/runningpods/':
      return { type: 'application/json', body: podListJson(await runningPods(options.runtime, signal)) };
    case '/healthz':
      return { type: TEXT, body: 'ok' };
    case '/metrics':
      return { type: options.registry.contentType, body: await options.registry.metrics() };
  }
  const stats = await options.stats.answer(pathname, searchParams);
  if (stats !== undefined) return stats;
  const log = /^\/containerLogs\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(pathname);
  if (log === null) throw missing('404 page not found\n');
  const [namespace = '', pod = '', container = ''] = log.slice(1).map(decode);
  return {
    type: 'text/plain',
    body: await options.logs.open({ namespace, pod, container, query: searchParams }, signal),
  };
}

function mustBeOpen({ debugging, entersPods }: KubeletServerOptions, path: string): void {
  if (!debugging && DEBUGGING.test(path)) throw new Refusal(405, 'Debug endpoints are disabled.\n');
  if (!entersPods && ENTERS_PODS.test(path)) throw new Refusal(405, CLOSED_PODS);
}

/** Throws 401 for who is nobody and 403 for who may not, in upstream's words. */
async function admit({ askers, rights }: KubeletServerOptions, request: IncomingMessage, path: string): Promise<void> {
  if (askers === undefined) return;
  const asker = await askers.of(request);
  if (asker === undefined) throw new Refusal(401, 'Unauthorized');
  if (rights === undefined) return;
  const verb = verbOf(request.method ?? '');
  const what = `user=${asker.name}, verb=${verb}, resource=nodes, subresource(s)=[${subresourcesOf(path).join(' ')}]`;
  let allowed: boolean;
  try {
    allowed = await rights.allows(asker, verb, path);
  } catch {
    throw new Refusal(500, `Authorization error (${what})`);
  }
  if (!allowed) throw new Refusal(403, `Forbidden (${what})`);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw badRequest(`the path has a part that is no text: ${part}`);
  }
}
