import type { ServerResponse } from 'node:http';
import type { Node } from '../../api/types/gen/core-v1.ts';
import { errorMessage } from '../../base/errors.ts';
import { aborted } from '../../base/signals.ts';
import type { Component } from '../../daemon/component.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { Registry } from '../../daemon/metrics.ts';
import { closeHttp, type HttpHandler, hostAndPort, listenHttp, notFound } from './http-server.ts';
import { ProxyHealth } from './proxy-health.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';

export interface HealthServerOptions {
  /** `0.0.0.0:10256` */
  readonly address: string;
  readonly health: ProxyHealth;
  readonly metrics: ProxyMetrics;
  readonly node: () => Node | undefined;
  readonly log: Logger;
  /** An address that is taken ends the process; otherwise it is told and done without. */
  readonly mustListen: boolean;
}

/** /healthz for load balancers: whether to send to this node; /livez: whether the proxy works. Upstream's answers. */
export function proxyHealthServer(options: HealthServerOptions): Component {
  const { health, metrics, node } = options;
  const answer = (response: ServerResponse, eligible: boolean | undefined): number => {
    const { isOk, body } = health.answer(eligible);
    const status = isOk ? 200 : 503;
    response
      .writeHead(status, { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' })
      .end(JSON.stringify(body));
    return status;
  };
  return httpComponent('proxy-health', options, (path, response) => {
    if (path === '/healthz') metrics.healthz.inc({ code: answer(response, ProxyHealth.isEligible(node())) });
    else if (path === '/livez') metrics.livez.inc({ code: answer(response, undefined) });
    else notFound(response);
  });
}

export interface MetricsServerOptions {
  /** `127.0.0.1:10249` */
  readonly address: string;
  readonly registry: Registry;
  /** What /proxyMode says. */
  readonly mode: string;
  readonly log: Logger;
  readonly mustListen: boolean;
}

/** /metrics, and /proxyMode as upstream's tools ask for it. */
export function proxyMetricsServer(options: MetricsServerOptions): Component {
  const { registry, mode } = options;
  return httpComponent('proxy-metrics', options, (path, response) => {
    if (path === '/metrics')
      registry.metrics().then(
        text => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
        error => response.writeHead(500, { 'content-type': 'text/plain' }).end(`${errorMessage(error)}\n`),
      );
    else if (path === '/proxyMode')
      response
        .writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' })
        .end(mode);
    else if (path === '/healthz') response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end('ok');
    else notFound(response);
  });
}

function httpComponent(
  name: string,
  options: { readonly address: string; readonly log: Logger; readonly mustListen: boolean },
  handler: HttpHandler,
): Component {
  return {
    name,
    async run(signal, ready) {
      const { address, log, mustListen } = options;
      const { host, port } = hostAndPort(address);
      const server = await listenHttp(host, port, handler).catch(error => {
        if (mustListen) throw error;
        log.error(`${name}: cannot listen on ${address}: ${errorMessage(error)}`);
      });
      ready();
      await aborted(signal);
      if (server !== undefined) await closeHttp(server);
    },
  };
}
