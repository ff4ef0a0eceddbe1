import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import { errorMessage } from '../../base/errors.ts';
import { aborted } from '../../base/signals.ts';
import type { Component } from '../../daemon/component.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { Registry } from '../../daemon/metrics.ts';
import { podListJson } from './pod-list.ts';

export interface KubeletServerOptions {
  readonly host: string;
  readonly port: number;
  /** With it every client must show a certificate that this CA signed; without it the server speaks plain HTTP, which is fit for loopback only. */
  readonly tls: { readonly clientCaFile: string; readonly certFile: string; readonly keyFile: string } | undefined;
  pods(): readonly Pod[];
  readonly registry: Registry;
  readonly log: Logger;
}

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const TEXT = 'text/plain; charset=utf-8';

/** The kubelet's own server: GET /pods, /healthz, /metrics. */
export function kubeletServer(options: KubeletServerOptions): Component {
  return {
    name: 'kubelet-server',
    async run(signal, ready) {
      const server = createServer(options, (request, response) => {
        answer(options, request).then(
          ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
          error => response.writeHead(500, { 'content-type': TEXT }).end(`${errorMessage(error)}\n`),
        );
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
  return createHttpsServer(
    {
      ca: readFileSync(tls.clientCaFile),
      cert: readFileSync(tls.certFile),
      key: readFileSync(tls.keyFile),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
    },
    listener,
  );
}

async function answer(options: KubeletServerOptions, request: IncomingMessage): Promise<Reply> {
  if (request.method !== 'GET') return { status: 405, type: TEXT, body: 'Method Not Allowed\n' };
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  switch (pathname) {
    case '/pods':
    case '/pods/':
      return { status: 200, type: 'application/json', body: podListJson(options.pods()) };
    case '/healthz':
      return { status: 200, type: TEXT, body: 'ok' };
    case '/metrics':
      return { status: 200, type: options.registry.contentType, body: await options.registry.metrics() };
    default:
      return { status: 404, type: TEXT, body: '404 page not found\n' };
  }
}
