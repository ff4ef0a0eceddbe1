import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { errorMessage } from '../base/errors.ts';
import { aborted } from '../base/signals.ts';
import type { Component } from './component.ts';
import type { Registry } from './metrics.ts';
import { requestUrl } from './request-url.ts';

/** Throws (or rejects) with the reason when the thing checked is not well. */
export interface HealthCheck {
  readonly name: string;
  check(): void | Promise<void>;
}

export interface HealthServerOptions {
  /** `127.0.0.1` unless the caller has a reason; no secrets are served. */
  readonly host: string;
  /** HTTPS with this certificate and key, PEM; plain HTTP without. */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly port: number;
  readonly checks: readonly HealthCheck[];
  readonly registry: Registry;
  /** Told the bound port (port 0 asks the kernel for one). */
  onListening?(port: number): void;
}

/** Upstream asks the last two of these; here all say the same. */
const PATHS = ['/healthz', '/livez', '/readyz'];

/** The answer of /healthz: upstream's text form, `ok` alone when all pass, a line per check with `?verbose` or on failure. `name` is that of the path. */
export async function healthReport(
  checks: readonly HealthCheck[],
  verbose: boolean,
  name = 'healthz',
): Promise<{ ok: boolean; text: string }> {
  const lines: string[] = [];
  let ok = true;
  for (const { name, check } of checks) {
    try {
      await check();
      lines.push(`[+]${name} ok`);
    } catch (error) {
      ok = false;
      lines.push(`[-]${name} failed: ${errorMessage(error)}`);
    }
  }
  if (ok && !verbose) return { ok, text: 'ok' };
  return { ok, text: `${[...lines, `${name} check ${ok ? 'passed' : 'failed'}`].join('\n')}\n` };
}

/** Serves /healthz, /livez, /readyz and /metrics. */
export function healthServer(options: HealthServerOptions): Component {
  return {
    name: 'health-server',
    async run(signal, ready) {
      const listener: RequestListener = (request, response) => {
        const url = requestUrl(request.url);
        if (url === undefined) {
          response.writeHead(400).end();
          return;
        }
        const reply = async (): Promise<{ status: number; type: string; body: string }> => {
          if (PATHS.includes(url.pathname)) {
            const verbose = url.searchParams.has('verbose');
            const report = await healthReport(options.checks, verbose, url.pathname.slice(1));
            return { status: report.ok ? 200 : 500, type: 'text/plain; charset=utf-8', body: report.text };
          }
          if (url.pathname === '/metrics')
            return { status: 200, type: options.registry.contentType, body: await options.registry.metrics() };
          return { status: 404, type: 'text/plain; charset=utf-8', body: '404 page not found\n' };
        };
        reply().then(
          ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
          error => response.writeHead(500, { 'content-type': 'text/plain' }).end(`${errorMessage(error)}\n`),
        );
      };
      const server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener);
      const port = await listen(server, options.port, options.host);
      options.onListening?.(port);
      ready();
      await aborted(signal);
      server.closeAllConnections();
      await new Promise<void>(resolve => server.close(() => resolve()));
    },
  };
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

/** The component as it is, and a check that fails until it has called `ready`: what it serves is not served before. */
export function withReadiness(component: Component): { readonly component: Component; readonly check: HealthCheck } {
  let isReady = false;
  return {
    component: {
      name: component.name,
      run: (signal, ready) =>
        component.run(signal, () => {
          isReady = true;
          ready();
        }),
    },
    check: {
      name: component.name,
      check() {
        if (!isReady) throw new Error('it is still starting');
      },
    },
  };
}
