import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import packet from 'dns-packet';
import { MessageReader, withLength } from '../../src/dns/wire/stream.ts';

/** A name server of the world outside, on an address of loopback: another implementation's codec over UDP and TCP. It counts what it is asked. */
export class OutsideDns {
  readonly #datagrams: Socket;
  readonly #streams: Server;
  readonly asked: string[] = [];
  /** Says nothing while true. */
  silent = false;

  private constructor(datagrams: Socket, streams: Server) {
    this.#datagrams = datagrams;
    this.#streams = streams;
  }

  /** Every name below `test` has the address 192.0.2.1, `many.test` 100 of them, `none.test` does not exist. */
  static async start(address: string): Promise<OutsideDns> {
    const datagrams = createSocket('udp4');
    const streams = createServer(socket => {
      const reader = new MessageReader();
      socket.on('error', () => {});
      socket.on('data', piece => {
        for (const message of reader.push(piece)) socket.write(withLength(server.#answer(message, 'tcp')));
      });
    });
    const server = new OutsideDns(datagrams, streams);
    datagrams.on('message', (message, from) => {
      if (!server.silent) datagrams.send(server.#answer(message, 'udp'), from.port, from.address);
    });
    datagrams.bind(53, address);
    await once(datagrams, 'listening');
    streams.listen(53, address);
    await once(streams, 'listening');
    return server;
  }

  close(): void {
    this.#datagrams.close();
    this.#streams.close();
  }

  #answer(message: Buffer, transport: 'udp' | 'tcp'): Buffer {
    const { id = 0, questions = [] } = packet.decode(message);
    const name = questions[0]?.name ?? '';
    this.asked.push(`${transport} ${name} ${questions[0]?.type}`);
    const count = name === 'many.test' ? 100 : 1;
    const isCut = count > 1 && transport === 'udp';
    const isThere = name !== 'none.test' && questions[0]?.type === 'A';
    const answers = Array.from(
      { length: isThere && !isCut ? count : 0 },
      (_, i): packet.Answer => ({
        type: 'A',
        name,
        ttl: 60,
        data: `192.0.2.${i + 1}`,
      }),
    );
    const flags = (name === 'none.test' ? 3 : 0) | (isCut ? packet.TRUNCATED_RESPONSE : 0) | packet.RECURSION_AVAILABLE;
    return packet.encode({ type: 'response', id, flags, questions, answers });
  }
}
