import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { unavailable } from '../../base/errors.ts';
import { MessageReader, withLength } from '../wire/stream.ts';

export interface Upstream {
  readonly address: string;
  readonly port: number;
}

/** Whether a message is the answer; what is not is waited past, for anybody can send a datagram. */
export type IsAnswer = (message: Buffer) => boolean;

/**
 * Sends one message to one server and gives its answer. Each goes from a socket of its own, so from a port that nobody can guess. Fails as `unavailable`
 * when nobody listens there or nothing comes in time.
 */
export function askByDatagram(to: Upstream, message: Buffer, isAnswer: IsAnswer, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(to.address) ? 'udp6' : 'udp4');
    const end = (act: () => void): void => {
      clearTimeout(timer);
      socket.close();
      act();
    };
    const timer = setTimeout(
      () => end(() => reject(unavailable(`${nameOf(to)} did not answer in ${timeoutMs} ms`))),
      timeoutMs,
    );
    socket.on('error', error => end(() => reject(unavailable(`${nameOf(to)}: ${error.message}`))));
    socket.on('message', answer => {
      if (isAnswer(answer)) end(() => resolve(answer));
    });
    socket.connect(to.port, to.address, () => socket.send(message));
  });
}

/** The same over TCP, for who asked over TCP. */
export function askByStream(to: Upstream, message: Buffer, isAnswer: IsAnswer, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: to.address, port: to.port });
    const reader = new MessageReader();
    const end = (act: () => void): void => {
      clearTimeout(timer);
      socket.destroy();
      act();
    };
    const timer = setTimeout(
      () => end(() => reject(unavailable(`${nameOf(to)} did not answer in ${timeoutMs} ms`))),
      timeoutMs,
    );
    socket.on('error', error => end(() => reject(unavailable(`${nameOf(to)}: ${error.message}`))));
    socket.on('close', () => end(() => reject(unavailable(`${nameOf(to)} closed the connection`))));
    socket.on('data', piece => {
      const answer = reader.push(piece).find(isAnswer);
      if (answer !== undefined) end(() => resolve(answer));
    });
    socket.write(withLength(message));
  });
}

function nameOf({ address, port }: Upstream): string {
  return `the name server ${isIPv6(address) ? `[${address}]` : address}:${port}`;
}
