import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, isIPv6 } from 'node:net';
import type { Duplex } from 'node:stream';
import { errorMessage, invalidArgument, unavailable } from '../../base/errors.ts';
import { sleep } from '../../base/signals.ts';
import type { Logger } from '../../daemon/logger.ts';
import { refuseUpgrade } from '../../remotecommand/refuse-upgrade.ts';
import type { CriConfig } from '../config.ts';
import { hostAndPort } from '../host-and-port.ts';
import type { StreamRequest, StreamRequests } from './stream-requests.ts';

/** What comes with the upgrade of a connection. */
export interface StreamConnection {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

export interface StreamingServerOptions {
  readonly config: CriConfig['streaming'];
  readonly requests: StreamRequests;
  readonly log: Logger;
  /** Serves one stream to its end. Owns the connection. `stopping` aborts when the server closes: clients are to be told then. */
  serve(request: StreamRequest, connection: StreamConnection, stopping: AbortSignal): Promise<void>;
}

export interface StreamingServer {
  /** Tells the clients of all streams that it stops, and lets their connections end. */
  close(): Promise<void>;
}

const NOT_FOUND = '404 page not found\n';
/** How long clients may take to hear that the server stops. */
const GOODBYE_MS = 3_000;

/**
 * Serves the streams that were told to clients by their URLs. Who knows a URL may open its stream: that is all of its protection, so it listens on loopback
 * unless it is told otherwise. Throws `invalid-argument` or `unavailable` when it cannot listen.
 */
export async function openStreamingServer(options: StreamingServerOptions): Promise<StreamingServer> {
  const { config, requests, log } = options;
  if (config.address === undefined) return { close: async () => {} };
  const stopping = new AbortController();
  const streams = new Set<Promise<void>>();
  const sockets = new Set<Duplex>();
  const { server, scheme } = makeServer(config);

  server.on('request', (request, response) => {
    const known = requests.take(pathOf(request)) !== undefined;
    const body = known ? 'unable to upgrade: missing upgrade headers in request\n' : NOT_FOUND;
    response.writeHead(known ? 400 : 404, { 'content-type': 'text/plain; charset=utf-8' }).end(body);
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.method !== 'GET' && request.method !== 'POST')
      return refuseUpgrade(socket, { status: 405, body: '405: Method Not Allowed' });
    const wanted = requests.take(pathOf(request));
    if (wanted === undefined) return refuseUpgrade(socket, { status: 404, body: NOT_FOUND });
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    const stream = options
      .serve(wanted, { request, socket, head }, stopping.signal)
      .catch(error => {
        log.warn({ kind: wanted.kind }, `a stream could not be served: ${errorMessage(error)}`);
        socket.destroy();
      })
      .finally(() => streams.delete(stream));
    streams.add(stream);
  });

  const { host, port } = hostAndPort(config.address);
  const bound = await listen(server, host, port);
  const name = isIPv6(bound.address) ? `[${bound.address}]` : bound.address;
  requests.servedAt(`${scheme}://${name}:${bound.port}`);
  return {
    async close() {
      requests.servedAt(undefined);
      server.close();
      server.closeAllConnections();
      stopping.abort(unavailable('the container runtime is stopping'));
      const late = new AbortController();
      await Promise.race([Promise.all(streams), sleep(GOODBYE_MS, late.signal).catch(() => undefined)]);
      late.abort();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

function makeServer(config: CriConfig['streaming']): { server: Server; scheme: string } {
  const { tlsCertFile, tlsKeyFile } = config;
  if (tlsCertFile === '' && tlsKeyFile === '') return { server: createServer(), scheme: 'http' };
  if (tlsCertFile === '' || tlsKeyFile === '')
    throw invalidArgument('streaming.tlsCertFile and streaming.tlsKeyFile must be set together');
  const read = (name: string, path: string): Buffer => {
    try {
      return readFileSync(path);
    } catch (cause) {
      throw invalidArgument(`cannot read streaming.${name} ${path}: ${errorMessage(cause)}`, { cause });
    }
  };
  const pair = { cert: read('tlsCertFile', tlsCertFile), key: read('tlsKeyFile', tlsKeyFile) };
  return { server: createTlsServer(pair), scheme: 'https' };
}

function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', cause =>
      reject(unavailable(`the streaming server cannot listen on ${host}:${port}: ${errorMessage(cause)}`, { cause })),
    );
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}
