import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';

export type OnUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** A server on loopback whose upgrades a test takes. Closing it ends every connection. */
export interface StreamServer extends AsyncDisposable {
  readonly server: Server;
  readonly port: number;
  readonly url: URL;
  /** Sockets that still stand. */
  readonly sockets: ReadonlySet<Socket>;
}

export async function streamServer(onUpgrade: OnUpgrade): Promise<StreamServer> {
  const server = createServer((_, response) => response.writeHead(404).end('no upgrade'));
  const sockets = new Set<Socket>();
  server.on('connection', socket => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('upgrade', onUpgrade);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    server,
    port,
    url: new URL(`http://127.0.0.1:${port}/`),
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** All that comes until the peer ends its half; ours stays open. */
export async function readAll(stream: Readable): Promise<Buffer> {
  const pieces: Buffer[] = [];
  stream.on('data', piece => pieces.push(piece));
  await once(stream, 'end');
  return Buffer.concat(pieces);
}

export interface Upgraded {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** With 101. */
  readonly socket: Socket;
  readonly head: Buffer;
  /** Of a refusal. */
  readonly body: string;
}

/** Asks for an upgrade as a client would, and gives what the server answered. */
export function askUpgrade(
  port: number,
  headers: Readonly<Record<string, string | string[]>>,
  asked: { readonly path?: string; readonly method?: string } = {},
): Promise<Upgraded> {
  return new Promise((resolve, reject) => {
    const sent = request({
      createConnection: () => connect({ port, host: '127.0.0.1', allowHalfOpen: true }),
      host: '127.0.0.1',
      port,
      path: asked.path ?? '/',
      method: asked.method ?? 'POST',
      headers: { connection: 'Upgrade', ...headers },
    });
    sent.once('upgrade', (response, socket, head) =>
      resolve({ status: 101, headers: response.headers, socket: socket as Socket, head, body: '' }),
    );
    sent.once('response', async response => {
      const pieces: Buffer[] = [];
      for await (const piece of response) pieces.push(piece);
      const { statusCode = 0, headers: answered, socket } = response;
      resolve({
        status: statusCode,
        headers: answered,
        socket,
        head: Buffer.alloc(0),
        body: Buffer.concat(pieces).toString(),
      });
    });
    sent.once('error', reject);
    sent.end();
  });
}
