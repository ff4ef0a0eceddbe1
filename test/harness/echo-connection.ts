import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';

const PAUSE_MS = 20;

/** A connection to a server that sends back what it gets, which is used without a break. */
export class EchoConnection {
  readonly #socket: Socket;
  readonly #over = new AbortController();
  readonly #talk: Promise<void>;
  /** Why it broke; undefined while it holds. */
  broken: string | undefined;
  echoes = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay();
    socket.on('error', error => {
      this.broken ??= error.message;
    });
    socket.on('close', () => {
      if (!this.#over.signal.aborted) this.broken ??= 'it was closed';
    });
    this.#talk = this.#echo();
  }

  /** To `ADDRESS:PORT`. */
  static async open(address: string): Promise<EchoConnection> {
    const [host = '', port = ''] = address.split(':');
    const socket = connect({ host, port: Number(port) });
    await once(socket, 'connect');
    return new EchoConnection(socket);
  }

  /** Ends it. Safe to repeat. */
  async stop(): Promise<void> {
    this.#over.abort();
    await this.#talk;
    this.#socket.destroy();
  }

  async #echo(): Promise<void> {
    const closed = new Promise<string[]>(resolve => this.#socket.once('close', () => resolve([''])));
    for (let n = 0; !this.#over.signal.aborted && this.broken === undefined; n += 1) {
      const sent = `${n}\n`;
      this.#socket.write(sent);
      const [got] = await Promise.race([once(this.#socket, 'data').catch(() => ['']), closed]);
      if (String(got) === sent) this.echoes += 1;
      else this.broken ??= `${JSON.stringify(sent)} came back as ${JSON.stringify(String(got))}`;
      await setTimeout(PAUSE_MS);
    }
  }
}
