import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import { errorMessage } from '../../base/errors.ts';
import { aborted, joinedSignal } from '../../base/signals.ts';
import type { Component } from '../../daemon/component.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { Registry } from '../../daemon/metrics.ts';
import { requestUrl } from '../../daemon/request-url.ts';
import type { Askers } from './asker.ts';
import type { ContainerLogs } from './logs/container-logs.ts';
import { podListJson } from './pod-list.ts';
import { badRequest, missing, Refusal } from './refusal.ts';
import { type Rights, subresourcesOf, verbOf } from './rights.ts';

export interface KubeletServerOptions {
  readonly host: string;
  readonly port: number;
  /** In PEM; without it the server speaks plain HTTP to whoever asks, which is fit for loopback only. */
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCa: string | undefined } | undefined;
  /** Who asks; undefined lets everybody in who could connect. */
  readonly askers: Askers | undefined;
  /** What askers may do; undefined lets them do all. */
  readonly rights: Rights | undefined;
  pods(): readonly Pod[];
  readonly logs: ContainerLogs;
  readonly registry: Registry;
  readonly log: Logger;
}

interface Reply {
  readonly type: string;
  readonly body: string | AsyncIterable<Buffer>;
}

const TEXT = 'text/plain; charset=utf-8';

/** The kubelet's own server: GET /pods, /healthz, /metrics, /containerLogs. */
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
  if (tls === undefined) return createHttpServer(listener);
  const { cert, key, clientCa } = tls;
  return createHttpsServer(
    {
      ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true }),
      cert,
      key,
      // who shows no certificate may have a token
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
    },
    listener,
  );
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
    const status = error instanceof Refusal ? error.status : 500;
    response.writeHead(status, { 'content-type': TEXT }).end(errorMessage(error));
    return;
  }
  response.writeHead(200, { 'content-type': reply.type });
  if (typeof reply.body === 'string') {
    response.end(reply.body);
    return;
  }
  response.flushHeaders();
  await pipeline(Readable.from(reply.body, { objectMode: true, highWaterMark: 1 }), response);
}

async function answer(options: KubeletServerOptions, request: IncomingMessage, signal: AbortSignal): Promise<Reply> {
  const url = requestUrl(request.url);
  if (url === undefined) throw new Refusal(400, 'Bad Request\n');
  const { pathname, searchParams } = url;
  await admit(options, request, pathname);
  if (request.method !== 'GET') throw new Refusal(405, 'Method Not Allowed\n');
  switch (pathname) {
    case '/pods':
    case '/pods/':
      return { type: 'application/json', body: podListJson(options.pods()) };
    case '/healthz':
      return { type: TEXT, body: 'ok' };
    case '/metrics':
      return { type: options.registry.contentType, body: await options.registry.metrics() };
  }
  const log = /^\/containerLogs\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(pathname);
  if (log === null) throw missing('404 page not found\n');
  const [namespace = '', pod = '', container = ''] = log.slice(1).map(decode);
  return {
    type: 'text/plain',
    body: await options.logs.open({ namespace, pod, container, query: searchParams }, signal),
  };
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
