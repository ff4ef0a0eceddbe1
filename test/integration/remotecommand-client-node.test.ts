import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { Exec, KubeConfig, PortForward, type V1Status } from '@kubernetes/client-node';
import { expect, it } from 'vitest';
import { servePortForward } from '../../src/remotecommand/serve-port-forward.ts';
import { serveRemoteCommand } from '../../src/remotecommand/serve-remote-command.ts';
import { streamApiServer } from '../harness/stream-api-server.ts';
import { waitFor } from '../harness/wait-for.ts';

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

function configOf(folder: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(join(folder, 'kubeconfig'));
  return config;
}

it('serves exec to the JavaScript client: 8 MiB back as they came, both outputs, the exit code', async () => {
  await using server = await streamApiServer(async (request, socket, head) => {
    const command = await serveRemoteCommand(request, socket, head, {
      stdin: true,
      stdout: true,
      stderr: true,
      tty: false,
    });
    let bytes = 0;
    for await (const piece of command.stdin ?? []) {
      bytes += piece.length;
      command.stdout?.write(piece);
    }
    command.stderr?.write(`${bytes} bytes`);
    await command.finish({ exitCode: 4 });
  });
  const sent = randomBytes(8 << 20);
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const status = new Promise<V1Status>((resolve, reject) => {
    new Exec(configOf(server.folder))
      .exec('default', 'p', 'c', ['cat'], stdout, stderr, stdin, false, resolve)
      .then(() => stdin.end(sent), reject);
  });
  const [out, err, end] = await Promise.all([buffer(stdout), buffer(stderr), status]);
  expect([sha256(out), `${err}`]).toEqual([sha256(sent), `${sent.length} bytes`]);
  expect(end.details?.causes).toEqual([{ reason: 'ExitCode', message: '4' }]);
  await waitFor('all connections to end', () => server.sockets.size === 0);
});

it('serves port-forward to the JavaScript client over WebSocket channels', async () => {
  const echo = createServer(socket => void socket.pipe(socket));
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const { port } = echo.address() as AddressInfo;
  await using server = await streamApiServer((request, socket, head) => {
    const ports = new URL(request.url ?? '', 'https://x').searchParams.getAll('ports').map(Number);
    const target = async () => connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    void servePortForward(request, socket, head, ports, target, { pod: { name: 'p', uid: 'u' } });
  });
  const sent = randomBytes(4 << 20);
  const [input, output, errors] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const pieces: Buffer[] = [];
  output.on('data', piece => pieces.push(piece));
  const forward = await new PortForward(configOf(server.folder), true).portForward(
    'default',
    'p',
    [80],
    output,
    errors,
    input,
  );
  input.write(sent);
  await waitFor('all to come back', () => pieces.reduce((sum, piece) => sum + piece.length, 0) === sent.length);
  expect(sha256(Buffer.concat(pieces))).toBe(sha256(sent));
  (forward as { close(): void }).close();
  await waitFor('all connections to end', () => server.sockets.size === 0);
  const connections = (): Promise<number> => new Promise(resolve => echo.getConnections((_, count) => resolve(count)));
  await waitFor('the connection of the pod to be let go', async () => (await connections()) === 0);
  echo.close();
});
