import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import { failedPrecondition } from '../base/errors.ts';
import type { Transport } from './forward/forwarder.ts';
import { MessageReader, withLength } from './wire/stream.ts';

/** The answer to a message of `client`, as `Resolver.answer` gives it. */
export type Answerer = (message: Buffer, transport: Transport, client: string) => Buffer | Promise<Buffer> | undefined;

export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}

export interface Listener {
  close(): void;
}

/** How long a connection may say nothing, and how many there may be: RFC 7766 leaves both to the server. */
const IDLE_MS = 10_000;
const MAX_CONNECTIONS = 1_000;
/** Queries of one connection that are under way; more wait in its receive buffer. */
const MAX_PIPELINED = 100;

/** Serves datagrams and connections on one address. Fails as `failed-precondition` where somebody else does. */
export async function listen(at: ListenAddress, answer: Answerer): Promise<Listener> {
  const datagrams = await listenDatagrams(at, answer);
  try {
    const server = await listenStreams(at, answer);
    return {
      close() {
        datagrams.close();
        server.close();
      },
    };
  } catch (error) {
    datagrams.close();
    throw error;
  }
}

async function listenDatagrams({ address, port }: ListenAddress, answer: Answerer): Promise<DatagramSocket> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  answerDatagrams(socket, answer);
  socket.bind({ address, port });
  await bound(socket, address, port);
  // what a client or its network does wrong is told here as well
  socket.on('error', ignore);
  return socket;
}

/** Answers what comes, from whatever address and port it says it comes. */
export function answerDatagrams(socket: DatagramSocket, answer: Answerer): void {
  socket.on('message', (message, client) => {
    const due = answer(message, 'udp', client.address);
    if (due === undefined) return;
    if (Buffer.isBuffer(due)) send(socket, due, client.port, client.address);
    else void due.then(later => send(socket, later, client.port, client.address));
  });
}

async function listenStreams({ address, port }: ListenAddress, answer: Answerer): Promise<{ close(): void }> {
  const connections = new Set<Socket>();
  const server = createServer({ noDelay: true }, socket => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    serveConnection(socket, answer);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen({ host: address, port });
  await bound(server, address, port);
  server.on('error', ignore);
  return {
    close() {
      server.close();
      for (const socket of connections) socket.destroy();
    },
  };
}

function serveConnection(socket: Socket, answer: Answerer): void {
  const reader = new MessageReader();
  const client = socket.remoteAddress ?? '';
  let underWay = 0;
  const write = (message: Buffer): void => {
    underWay -= 1;
    if (socket.writable) socket.write(withLength(message));
    if (underWay < MAX_PIPELINED && !socket.writableNeedDrain) socket.resume();
  };
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on('error', ignore);
  socket.on('drain', () => socket.resume());
  socket.on('data', piece => {
    for (const message of reader.push(piece)) {
      const due = answer(message, 'tcp', client);
      if (due === undefined) {
        socket.destroy();
        return;
      }
      underWay += 1;
      if (Buffer.isBuffer(due)) write(due);
      else void due.then(write);
    }
    // who asks faster than it reads has to wait
    if (underWay >= MAX_PIPELINED || socket.writableNeedDrain) socket.pause();
  });
}

function send(socket: DatagramSocket, message: Buffer, port: number, address: string): void {
  try {
    socket.send(message, port, address, ignore);
  } catch {
    // closed meanwhile: the client asks again. Or it says that it has port 0, which nobody has
  }
}

async function bound(socket: DatagramSocket | Server, address: string, port: number): Promise<void> {
  try {
    await once(socket, 'listening');
  } catch (error) {
    socket.close();
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const where = `${isIPv6(address) ? `[${address}]` : address}:${port}`;
    const advice =
      code === 'EADDRINUSE' ? 'another DNS server has it: end that, or choose another address by --listen' : code;
    throw failedPrecondition(`cannot serve DNS on ${where}: ${advice}`);
  }
}

const ignore = (): void => {};
