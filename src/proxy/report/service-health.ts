import type { Server, ServerResponse } from 'node:http';
import { errnoName, errorMessage } from '../../base/errors.ts';
import { closeHttp, listenHttp } from './http-server.ts';

/** A service whose load balancer asks whether this node has endpoints of it. */
export interface HealthCheckedService {
  /** `namespace/name` */
  readonly key: string;
  readonly port: number;
  /** Ready endpoints on this node. */
  readonly localEndpoints: number;
}

export interface ServiceHealthOptions {
  /** Addresses to listen on; `0.0.0.0` and `::` for all of a family. */
  readonly hosts: () => readonly string[];
  readonly isProxyHealthy: () => boolean;
  /** Told where a port cannot be listened on. */
  readonly onFailure: (key: string, port: number, message: string) => void;
}

interface Listening {
  readonly port: number;
  readonly hosts: string;
  servers: readonly Server[];
  localEndpoints: number;
}

/** Answers on the healthCheckNodePort of each service that has one. */
export class ServiceHealth {
  readonly #options: ServiceHealthOptions;
  readonly #listening = new Map<string, Listening>();

  constructor(options: ServiceHealthOptions) {
    this.#options = options;
  }

  /** These are all from now on. A port that cannot be listened on is told, and tried again at the next call. */
  async update(services: readonly HealthCheckedService[]): Promise<void> {
    const hosts = this.#options.hosts();
    const wanted = new Map(services.map(service => [service.key, service]));
    for (const [key, { port, hosts: at }] of this.#listening)
      if (wanted.get(key)?.port !== port || at !== hosts.join()) await this.#stop(key);
    for (const { key, port, localEndpoints } of services) {
      const known = this.#listening.get(key);
      if (known === undefined) await this.#start(key, port, localEndpoints, hosts);
      else known.localEndpoints = localEndpoints;
    }
  }

  async close(): Promise<void> {
    for (const key of [...this.#listening.keys()]) await this.#stop(key);
  }

  async #start(key: string, port: number, localEndpoints: number, hosts: readonly string[]): Promise<void> {
    const servers: Server[] = [];
    const listening: Listening = { port, hosts: hosts.join(), servers, localEndpoints };
    try {
      for (const host of hosts) {
        const server = await listenHttp(host, port, (_, response) => this.#answer(key, listening, response)).catch(
          error => {
            // a machine without IPv6 answers on the addresses that it has
            if (errnoName(error) !== 'EAFNOSUPPORT') throw error;
          },
        );
        if (server !== undefined) servers.push(server);
      }
      this.#listening.set(key, listening);
    } catch (error) {
      for (const server of servers) await closeHttp(server);
      this.#options.onFailure(key, port, errorMessage(error));
    }
  }

  async #stop(key: string): Promise<void> {
    const listening = this.#listening.get(key);
    this.#listening.delete(key);
    for (const server of listening?.servers ?? []) await closeHttp(server);
  }

  #answer(key: string, { localEndpoints }: Listening, response: ServerResponse): void {
    const [namespace = '', name = ''] = key.split('/');
    const isHealthy = this.#options.isProxyHealthy();
    const body = { service: { namespace, name }, localEndpoints, serviceProxyHealthy: isHealthy };
    response
      .writeHead(localEndpoints > 0 && isHealthy ? 200 : 503, {
        'content-type': 'application/json',
        'x-content-type-options': 'nosniff',
        'x-load-balancing-endpoint-weight': String(localEndpoints),
      })
      .end(JSON.stringify(body, undefined, '\t'));
  }
}
