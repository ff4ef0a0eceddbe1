import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { requestUrl } from '../../daemon/request-url.ts';

export type HttpHandler = (path: string, response: ServerResponse, request: IncomingMessage) => void;

/** A plain HTTP server that listens. Rejects where it cannot, EADDRINUSE say. */
export function listenHttp(host: string, port: number, handler: HttpHandler): Promise<Server> {
  const server = createServer((request, response) => {
    const url = requestUrl(request.url);
    if (url === undefined) response.writeHead(400).end();
    else handler(url.pathname, response, request);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, ipv6Only: true }, () => {
      server.off('error', reject);
      resolve(server);
    });
  });
}

/** Ends it with all connections. */
export function closeHttp(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise(resolve => server.close(() => resolve()));
}

/** `0.0.0.0:10256`, `[::]:10256`. */
export function hostAndPort(address: string): { readonly host: string; readonly port: number } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(at + 1)) };
}

export function notFound(response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('404 page not found\n');
}
