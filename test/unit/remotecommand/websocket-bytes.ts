import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { WebSocket } from 'ws';

/**
 * The client's side of a tunnel over a socket whose handshake is done: bytes in messages of `size` at most. The library has no public way to it, and its own handshake does not
 * take the tunnel's subprotocol.
 */
export function websocketBytes(socket: Socket, head: Buffer, size: number): Socket {
  const ws = new (WebSocket as unknown as new (address: null, protocols: undefined, options: object) => WebSocket)(
    null,
    undefined,
    { autoPong: true, closeTimeout: 1000 },
  );
  const internal = ws as unknown as {
    _isServer: boolean;
    setSocket(socket: Socket, head: Buffer, options: object): void;
  };
  internal._isServer = false;
  internal.setSocket(socket, head, { maxPayload: 1 << 26, allowSynchronousEvents: true, skipUTF8Validation: true });
  const bytes = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      for (let at = 0; at < chunk.length; at += size) ws.send(chunk.subarray(at, at + size));
      done();
    },
    destroy(error, done) {
      ws.terminate();
      done(error);
    },
  });
  ws.on('message', message => bytes.push(message));
  ws.on('error', () => {});
  ws.on('close', () => bytes.push(null));
  return bytes as unknown as Socket;
}
