import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { endStream } from './end-stream.ts';
import { type PortForwardOptions, type PortTarget, passPort } from './port-forward-target.ts';
import { WebSocketChannels } from './websocket/channels.ts';

/** Subprotocols of port-forward over WebSocket without SPDY in it. */
export const WEBSOCKET_PORT_PROTOCOLS = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io', ''];

/**
 * Serves the ports of a WebSocket client: channel 2i is the data of the i-th port, 2i+1 its errors, each begun by the port in two bytes, the low one first. Each port
 * is one connection. Resolves when all have ended or the client is gone.
 */
export async function servePortForwardChannels(
  ws: WebSocket,
  socket: Duplex,
  { protocol, ports }: { readonly protocol: string; readonly ports: readonly number[] },
  target: PortTarget,
  options: PortForwardOptions,
): Promise<void> {
  const channels = new WebSocketChannels(ws, socket, {
    count: ports.length * 2,
    reads: channel => channel % 2 === 0,
    base64: protocol.includes('base64.'),
    closes: false,
    sendsCloses: false,
    limits: options,
  });
  const serve = async (port: number, index: number): Promise<void> => {
    const data = channels.stream(index * 2);
    const error = channels.stream(index * 2 + 1);
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16LE(port);
    data.write(bytes);
    error.write(bytes);
    const failure = await passPort(target, options, { port, data, signal: channels.signal });
    if (failure !== undefined) error.write(failure);
    await endStream(error);
  };
  await Promise.all(ports.map(serve));
  await channels.close();
}
