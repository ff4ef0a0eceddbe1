import { createServer, connect as netConnect, type Server } from 'node:net';

/** Connections to a port of this machine come out at a socket inside the host, which has no link to the machine. The caller closes it. */
export async function relayTo(socket: string): Promise<Server> {
  const server = createServer(near => {
    const far = netConnect(socket);
    near.pipe(far).pipe(near);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return server;
}
