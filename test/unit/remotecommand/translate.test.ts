import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { requestUpgrade } from '../../../src/remotecommand/backend.ts';
import type { RemoteCommandClient } from '../../../src/remotecommand/command-client.ts';
import { commandStatus, exitCodeOf } from '../../../src/remotecommand/command-status.ts';
import { dialRemoteCommand, UpgradeRefused } from '../../../src/remotecommand/dial-remote-command.ts';
import { passTunnel, tunnelledProtocols } from '../../../src/remotecommand/port-forward-tunnel.ts';
import { refuseUpgrade } from '../../../src/remotecommand/refuse-upgrade.ts';
import type { RemoteCommand, WantedStreams } from '../../../src/remotecommand/remote-command.ts';
import { servePortForward } from '../../../src/remotecommand/serve-port-forward.ts';
import { spdyHeaders } from '../../../src/remotecommand/spdy-headers.ts';
import { translateRemoteCommand } from '../../../src/remotecommand/translate-remote-command.ts';
import { forwardedHeaders } from '../../../src/remotecommand/upgrade-proxy.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { ALL, cat, commandServer, sizesOf, TTY } from './command-server.ts';
import { data, RawSpdy } from './raw-spdy.ts';
import { askUpgrade, streamServer } from './stream-server.ts';
import { websocketBytes } from './websocket-bytes.ts';

const { signal } = new AbortController();
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** A server that translates for a backend of SPDY. */
async function translator(wanted: WantedStreams, backend: URL) {
  let ends = 0;
  const server = await streamServer(async (request, socket, head) => {
    const headers = spdyHeaders(forwardedHeaders(request, { host: undefined }), ['v4.channel.k8s.io']);
    const answer = await requestUpgrade({ url: backend }, { method: 'POST', headers }, signal);
    await translateRemoteCommand(answer, { request, socket, head }, wanted, signal);
    ends += 1;
  });
  return { ...server, ended: () => ends };
}

/** How a client reaches the command: by itself, or over a translation. */
const WAYS: [string, 'spdy' | 'websocket', boolean][] = [
  ['SPDY', 'spdy', false],
  ['WebSocket', 'websocket', false],
  ['WebSocket translated to SPDY', 'websocket', true],
  ['SPDY translated to SPDY', 'spdy', true],
];

describe.each(WAYS)('the client of a command over %s', (_, protocol, translated) => {
  async function world(wanted: WantedStreams, run: (command: RemoteCommand) => void | Promise<void>) {
    const server = await commandServer(wanted, run);
    const front = translated ? await translator(wanted, server.url) : server;
    return {
      server,
      front,
      dial: (): Promise<RemoteCommandClient> => dialRemoteCommand({ url: front.url }, wanted, { protocol, signal }),
      async [Symbol.asyncDispose]() {
        await waitFor('all connections to end', () => server.sockets.size + front.sockets.size === 0);
        await server[Symbol.asyncDispose]();
        await (translated ? front[Symbol.asyncDispose]() : undefined);
      },
    };
  }

  it('passes 16 MiB each way unchanged, both outputs and the status', async () => {
    await using w = await world(ALL, cat);
    const client = await w.dial();
    if (client.stdin === undefined || client.stdout === undefined || client.stderr === undefined)
      throw new Error('streams are missing');
    const sent = randomBytes(16 << 20);
    client.stdin.end(sent);
    const [out, err] = await Promise.all([buffer(client.stdout), buffer(client.stderr)]);
    expect([sha256(out), `${err}`, await client.ended]).toEqual([
      sha256(sent),
      `${sent.length} bytes`,
      { status: 'Success' },
    ]);
    await client.close();
  });

  it.each([1, 137])('tells exit code %i', async exitCode => {
    await using w = await world({ ...ALL, stdin: false }, command => command.finish({ exitCode }));
    const client = await w.dial();
    const status = await client.ended;
    expect([exitCodeOf(status), status]).toEqual([exitCode, commandStatus({ exitCode })]);
    await client.close();
  });

  it('tells an error', async () => {
    await using w = await world({ ...ALL, stdin: false }, command => command.finish({ error: 'boom' }));
    const client = await w.dial();
    expect(await client.ended).toMatchObject({ status: 'Failure', message: 'Internal error occurred: boom' });
    await client.close();
  });

  it('passes sizes of the terminal', async () => {
    await using w = await world(TTY, () => {});
    const client = await w.dial();
    client.resize({ width: 132, height: 50 });
    const [command] = await waitFor('the command', () => w.server.commands.length === 1 && w.server.commands);
    const sizes = sizesOf(command as RemoteCommand);
    await waitFor('the size', () => sizes.length === 1);
    expect(sizes).toEqual([{ width: 132, height: 50 }]);
    expect(client.stderr).toBeUndefined();
    await client.close();
    await waitFor('the command to be told', () => command?.signal.aborted);
  });

  it('is slowed down on both sides by who does not read, and neither loses a byte', async () => {
    await using w = await world({ ...ALL, stderr: false }, async ({ stdin, stdout }) => {
      if (stdin !== undefined && stdout !== undefined) await pipeline(stdin, stdout);
    });
    const client = await w.dial();
    if (client.stdin === undefined || client.stdout === undefined) throw new Error('streams are missing');
    const sent = randomBytes(64 << 20);
    let taken = 0;
    const piece = 64 << 10;
    const { stdin } = client;
    const more = (): void => {
      while (taken < sent.length && stdin.write(sent.subarray(taken, taken + piece))) taken += piece;
    };
    stdin.on('drain', () => {
      taken += piece;
      more();
    });
    more();
    let before = -1;
    await waitFor('the writer to stand still', async () => {
      const same = taken === before;
      before = taken;
      await pause(50);
      return same;
    });
    expect(taken).toBeLessThan(60 << 20);
    const hash = createHash('sha256');
    let read = 0;
    client.stdout.on('data', bytes => {
      read += bytes.length;
      hash.update(bytes);
    });
    await waitFor('all to come back', () => read === sent.length);
    expect(hash.digest('hex')).toBe(sha256(sent));
    await client.close();
    await waitFor('the command to be told', () => w.server.commands[0]?.signal.aborted);
  });

  it('learns that the connection was cut', async () => {
    await using w = await world(ALL, () => {});
    const client = await w.dial();
    for (const stream of [client.stdout, client.stderr]) stream?.resume();
    await waitFor('the command', () => w.server.commands.length === 1);
    for (const socket of w.server.sockets) socket.resetAndDestroy();
    expect(await client.ended).toMatchObject({ status: 'Failure', reason: 'InternalError' });
    await client.close();
  });
});

describe('dialling a command', () => {
  const statusBody = JSON.stringify({ kind: 'Status', message: 'pods "p" not found', code: 404 });
  it.each<['spdy' | 'websocket', string, string]>([
    ['spdy', statusBody, 'unable to upgrade connection: pods "p" not found'],
    ['websocket', statusBody, 'unable to upgrade connection: pods "p" not found'],
    ['spdy', 'no such token\n', 'unable to upgrade connection: no such token'],
    ['spdy', '', 'unable to upgrade connection: empty server response'],
  ])('over %s gives a refusal with its status: %j', async (protocol, body, message) => {
    await using server = await streamServer((_, socket) => refuseUpgrade(socket, { status: 404, body }));
    const failure = await dialRemoteCommand({ url: server.url }, ALL, { protocol, signal }).catch(error => error);
    expect(failure).toBeInstanceOf(UpgradeRefused);
    expect(failure).toMatchObject({ status: 404, body, message });
    await waitFor('all connections to end', () => server.sockets.size === 0);
  });

  it.each(['spdy', 'websocket'] as const)('over %s ends when its signal aborts', async protocol => {
    const stop = new AbortController();
    await using server = await streamServer((_, socket) => socket.resume().once('end', () => socket.end()));
    const dialled = dialRemoteCommand({ url: server.url }, ALL, { protocol, signal: stop.signal }).catch(
      error => error,
    );
    await waitFor('the connection', () => server.sockets.size === 1);
    stop.abort(new Error('enough'));
    expect(await dialled).toMatchObject({ message: 'enough' });
    await waitFor('all connections to end', () => server.sockets.size === 0);
  });
});

it('dialling over SPDY ends when its signal aborts while the backend does not take the streams', async () => {
  const stop = new AbortController();
  let asked = 0;
  await using server = await streamServer((_, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n');
    socket.on('data', piece => {
      asked += piece.length;
    });
    socket.once('end', () => socket.end());
  });
  const dialled = dialRemoteCommand({ url: server.url }, ALL, { protocol: 'spdy', signal: stop.signal }).catch(
    error => error,
  );
  await waitFor('the streams to be asked for', () => asked > 100);
  stop.abort(new Error('enough'));
  expect(await dialled).toMatchObject({ message: 'enough' });
  await waitFor('all connections to end', () => server.sockets.size === 0);
});

describe('a translated command', () => {
  it('passes the refusal of its backend on', async () => {
    await using backend = await streamServer((_, socket) =>
      refuseUpgrade(socket, { status: 404, body: 'no such token' }),
    );
    await using front = await translator(ALL, backend.url);
    const answer = await askUpgrade(front.port, {
      upgrade: 'SPDY/3.1',
      'x-stream-protocol-version': 'v4.channel.k8s.io',
    });
    expect([answer.status, answer.body]).toEqual([404, 'no such token']);
  });

  it('ends with an error where its backend does not take the streams', async () => {
    await using backend = await streamServer((_, socket) => {
      socket.resume().end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n');
    });
    await using front = await translator(ALL, backend.url);
    const client = await dialRemoteCommand({ url: front.url }, ALL, { protocol: 'websocket', signal });
    expect(await client.ended).toMatchObject({
      status: 'Failure',
      message: 'Internal error occurred: the peer closed the connection',
    });
    await client.close();
    await waitFor('all to be let go', () => backend.sockets.size + front.sockets.size === 0 && front.ended() === 1);
  });

  it('lets its backend go when the client is refused', async () => {
    await using backend = await commandServer(ALL, () => {});
    await using front = await translator(ALL, backend.url);
    const headers = {
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'x3JJHMbDL1EzLkh9GBhXDw==',
      'sec-websocket-protocol': 'v9.channel.k8s.io',
    };
    expect((await askUpgrade(front.port, headers, { method: 'GET' })).status).toBe(403);
    await waitFor('all to be let go', () => backend.sockets.size + front.sockets.size === 0 && front.ended() === 1);
  });
});

describe('port-forward through a tunnel', () => {
  const TUNNEL = {
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'x3JJHMbDL1EzLkh9GBhXDw==',
    'sec-websocket-protocol': 'SPDY/3.1+portforward.k8s.io',
  };

  async function world(serveBackend?: Parameters<typeof streamServer>[0]) {
    const echo = createServer({ allowHalfOpen: true }, socket => {
      socket.on('error', () => {});
      socket.pipe(socket);
    });
    echo.listen(0, '127.0.0.1');
    await once(echo, 'listening');
    const { port } = echo.address() as { port: number };
    const target = async () => connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const backend = await streamServer(
      serveBackend ??
        ((request, socket, head) => {
          void servePortForward(request, socket, head, [], target, { pod: { name: 'p', uid: 'u' } }).catch(() => {});
        }),
    );
    const front = await streamServer(async (request, socket, head) => {
      const headers = spdyHeaders(forwardedHeaders(request, { host: undefined }), tunnelledProtocols(request));
      const answer = await requestUpgrade({ url: backend.url }, { method: 'POST', headers }, signal);
      await passTunnel(answer, { request, socket, head }, signal);
    });
    return {
      front,
      async [Symbol.asyncDispose]() {
        await waitFor('all connections to end', () => front.sockets.size + backend.sockets.size === 0);
        await front[Symbol.asyncDispose]();
        await backend[Symbol.asyncDispose]();
        echo.close();
      },
    };
  }

  it.each([1, 7, 65_536])('passes 4 MiB both ways unchanged, cut into messages of %i bytes and more', async size => {
    await using w = await world();
    const answer = await askUpgrade(w.front.port, TUNNEL, { method: 'GET' });
    expect(answer.headers['sec-websocket-protocol']).toBe('SPDY/3.1+portforward.k8s.io');
    const client = new RawSpdy(websocketBytes(answer.socket, answer.head, size), Buffer.alloc(0));
    await client.open(1, { streamtype: 'error', port: '80', requestid: '0' });
    await client.open(3, { streamtype: 'data', port: '80', requestid: '0' });
    await client.frame('the reply', frame => frame.type === 2 && frame.id === 3);
    const sent = randomBytes(size === 65_536 ? 4 << 20 : 4 << 10);
    for (let at = 0; at < sent.length; at += 32 << 10) client.socket.write(data(3, sent.subarray(at, at + (32 << 10))));
    client.socket.write(data(3, '', 1));
    await client.finished(3);
    expect(sha256(client.received(3))).toBe(sha256(sent));
    client.socket.destroy();
  });

  it('passes the refusal of its backend on', async () => {
    await using w = await world((_, socket) => refuseUpgrade(socket, { status: 403, body: 'not you' }));
    const answer = await askUpgrade(w.front.port, TUNNEL, { method: 'GET' });
    expect([answer.status, answer.body]).toEqual([403, 'not you']);
  });

  it('refuses a client whose backend has upgraded to something else', async () => {
    await using w = await world((_, socket) => {
      socket.on('end', () => socket.end());
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
      socket.resume();
    });
    const answer = await askUpgrade(w.front.port, TUNNEL, { method: 'GET' });
    expect([answer.status, answer.body]).toEqual([500, 'unable to upgrade: missing upgrade headers in response\n']);
  });
});
