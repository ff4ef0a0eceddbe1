import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Random } from './random.ts';

/**
 * A TCP proxy on loopback that holds back what the far side answers, each connection by times of its own: what one connection tells can so be
 * older than what another one told before. Order within a connection stays.
 */
export class SlowLink {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async to(port: number, random: Random, maxDelayMs: number): Promise<SlowLink> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const link = new SlowLink(server, typeof address === 'object' && address !== null ? address.port : 0);
    server.on('connection', near => link.#join(near, connect(port, '127.0.0.1'), random, maxDelayMs));
    return link;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(near: Socket, far: Socket, random: Random, maxDelayMs: number): void {
    const due: { readonly at: number; readonly act: () => void }[] = [];
    let timer: NodeJS.Timeout | undefined;
    // one timer for the first in the queue: timers of their own may fire in another order
    const next = (): void => {
      timer = undefined;
      for (let first = due[0]; first !== undefined; first = due[0]) {
        const waitMs = first.at - performance.now();
        if (waitMs > 0) {
          timer = setTimeout(next, waitMs);
          return;
        }
        due.shift();
        first.act();
      }
    };
    const later = (act: () => void): void => {
      due.push({ at: performance.now() + random.next() * maxDelayMs, act });
      if (timer === undefined) next();
    };
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => this.#sockets.delete(socket));
    }
    near.pipe(far);
    far.on('data', piece => later(() => near.write(piece)));
    far.once('close', () => later(() => near.destroy()));
    near.once('close', () => far.destroy());
  }
}
