import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect, createServer, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { errorCode } from '../../../src/base/errors.ts';
import { requestUpgrade } from '../../../src/remotecommand/backend.ts';
import { adoptSocket, refuseUpgrade } from '../../../src/remotecommand/refuse-upgrade.ts';
import { forwardedHeaders, passUpgrade } from '../../../src/remotecommand/upgrade-proxy.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { askUpgrade, type OnUpgrade, readAll, streamServer } from './stream-server.ts';

const SPDY = { upgrade: 'SPDY/3.1' };
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const switching =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Odd-Name: kept\r\n\r\n';

/** What a proxy does: asks a backend as the client asked it, and passes its answer. */
async function upgradeProxy(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  { url }: { url: URL },
  { signal, headers = {} }: { signal: AbortSignal; headers?: Record<string, string | undefined> },
) {
  const gone = new AbortController();
  adoptSocket(socket);
  socket.once('close', () => gone.abort(new Error('the client is gone')));
  const asked = { method: request.method ?? '', headers: forwardedHeaders(request, headers) };
  const answer = await requestUpgrade({ url }, asked, gone.signal);
  return { status: answer.response.statusCode ?? 0, ended: passUpgrade(answer, { socket, head }, signal) };
}

/** A proxy before a backend that takes upgrades by `onUpgrade`. */
async function proxied(onUpgrade: OnUpgrade, headers: Record<string, string | undefined> = {}, stop?: AbortSignal) {
  const signal = stop ?? new AbortController().signal;
  const backend = await streamServer(onUpgrade);
  const statuses: number[] = [];
  let ends = 0;
  const front = await streamServer(async (request, socket, head) => {
    const url = new URL('/exec/there?command=a%20b', backend.url);
    const { status, ended } = await upgradeProxy(request, socket, head, { url }, { signal, headers });
    statuses.push(status);
    await ended;
    ends += 1;
  });
  return {
    front,
    backend,
    statuses,
    ended: () => ends,
    async [Symbol.asyncDispose]() {
      await front[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
    },
  };
}

const echo: OnUpgrade = (_, socket) => {
  socket.write(switching);
  socket.pipe(socket);
};

describe('an upgrade that is handed on', () => {
  it('hands the request on with its query and headers, those that were to change changed', async () => {
    let seen: unknown;
    await using world = await proxied(
      (request, socket) => {
        const { authorization, 'x-stream-protocol-version': versions, 'x-added': added } = request.headers;
        const { host, 'x-forwarded-for': via, upgrade } = request.headers;
        seen = { url: request.url, method: request.method, host, authorization, versions, added, via, upgrade };
        socket.end(switching);
      },
      { authorization: undefined, 'x-added': 'yes' },
    );
    const answer = await askUpgrade(world.front.port, {
      ...SPDY,
      authorization: 'Bearer secret',
      'x-stream-protocol-version': ['v4.channel.k8s.io', 'v3.channel.k8s.io'],
    });
    answer.socket.destroy();
    expect(answer.headers['x-odd-name']).toBe('kept');
    expect(seen).toEqual({
      url: '/exec/there?command=a%20b',
      method: 'POST',
      host: world.backend.url.host,
      authorization: undefined,
      versions: 'v4.channel.k8s.io, v3.channel.k8s.io',
      added: 'yes',
      via: '127.0.0.1',
      upgrade: 'SPDY/3.1',
    });
    expect(world.statuses).toEqual([101]);
  });

  it('passes 32 MiB both ways unchanged and ends each way on its own', async () => {
    await using world = await proxied(echo);
    const { socket } = await askUpgrade(world.front.port, SPDY);
    const sent = randomBytes(32 << 20);
    socket.end(sent);
    expect(sha256(await readAll(socket))).toBe(sha256(sent));
    await waitFor('the proxy to be done', () => world.ended() === 1);
  });

  it('passes what the backend sends in one piece with its 101, and what the client sends in one piece with its request', async () => {
    await using world = await proxied((_, socket, head) => {
      socket.write(`${switching}first`);
      socket.end(`/${head}`);
    });
    const raw = connect(world.front.port, '127.0.0.1');
    raw.write('POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nearly');
    raw.end();
    const answer = await text(raw);
    expect(answer.slice(answer.indexOf('\r\n\r\n') + 4)).toMatch(/^first\//);
  });

  it('goes on reading one way after the other has ended', async () => {
    await using world = await proxied(async (_, socket) => {
      socket.write(switching);
      const asked = await readAll(socket);
      socket.end(`you said ${asked}`);
    });
    const { socket } = await askUpgrade(world.front.port, SPDY);
    socket.end('hello');
    expect((await readAll(socket)).toString()).toBe('you said hello');
  });

  it('slows the backend to the pace of a client that does not read, and keeps no more than its buffers', async () => {
    let written = 0;
    let blocked = false;
    await using world = await proxied((_, socket) => {
      socket.write(switching);
      const piece = Buffer.alloc(64 << 10);
      const more = (): void => {
        while (written < 256 << 20 && socket.write(piece)) written += piece.length;
        blocked = written < 256 << 20;
        socket.once('drain', () => {
          blocked = false;
          more();
        });
      };
      more();
    });
    const { socket } = await askUpgrade(world.front.port, SPDY);
    socket.pause();
    let last = -1;
    await waitFor('the writer to stand still', async () => {
      const still = blocked && written === last;
      last = written;
      await pause(50);
      return still;
    });
    expect(written).toBeLessThan(64 << 20);
    socket.destroy();
    await waitFor('the proxy to be done', () => world.ended() === 1);
  });

  it('gives a refusal back with its status, headers and body, and closes', async () => {
    await using world = await proxied((_, socket) =>
      refuseUpgrade(socket, {
        status: 403,
        body: '{"kind":"Status"}',
        contentType: 'application/json',
        headers: { 'X-Accepted-Stream-Protocol-Versions': 'v4.channel.k8s.io' },
      }),
    );
    const answer = await askUpgrade(world.front.port, SPDY);
    expect({ ...answer, socket: undefined, headers: undefined }).toMatchObject({
      status: 403,
      body: '{"kind":"Status"}',
    });
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.headers['x-accepted-stream-protocol-versions']).toBe('v4.channel.k8s.io');
    await waitFor('all connections to end', () => world.front.sockets.size + world.backend.sockets.size === 0);
    expect(world.statuses).toEqual([403]);
  });

  it.each<[string, (socket: Duplex) => void]>([
    ['refuses connections', () => {}],
    ['closes before it answers', socket => socket.destroy()],
    ['answers with what is no HTTP', socket => socket.end('SSH-2.0-x\r\n')],
  ])('tells its caller, and the client nothing, where the backend %s', async (what, serve) => {
    const backend = createServer(serve);
    backend.listen(0, '127.0.0.1');
    await once(backend, 'listening');
    const { port } = backend.address() as { port: number };
    const closing = what === 'refuses connections' ? once(backend.close(), 'close') : undefined;
    await closing;
    let failure: unknown;
    await using front = await streamServer(async (request, socket, head) => {
      const url = new URL(`http://127.0.0.1:${port}/`);
      const { signal } = new AbortController();
      try {
        await upgradeProxy(request, socket, head, { url }, { signal });
      } catch (error) {
        failure = error;
        refuseUpgrade(socket, { status: 500, body: `error dialing backend: ${(error as Error).message}` });
      }
    });
    const answer = await askUpgrade(front.port, SPDY);
    expect(answer.status).toBe(500);
    expect(errorCode(failure)).toBe('unavailable');
    expect(answer.body).toMatch(/^error dialing backend: (dial tcp 127.0.0.1:\d+: connect: connection refused$|127)/);
    backend.close();
  });

  it.each(['front', 'backend'] as const)('ends the other side when the connection of the %s is cut', async side => {
    await using world = await proxied(echo);
    const { socket } = await askUpgrade(world.front.port, SPDY);
    socket.on('error', () => {});
    socket.once('end', () => socket.end());
    let echoed = '';
    socket.on('data', piece => {
      echoed += piece;
    });
    socket.write('x');
    await waitFor('the echo', () => echoed === 'x');
    for (const each of world[side].sockets) each.resetAndDestroy();
    await waitFor('the client to be closed', () => socket.closed);
    await waitFor('all connections to end', () => world.front.sockets.size + world.backend.sockets.size === 0);
    expect(world.ended()).toBe(1);
  });

  it('ends both sides when its signal aborts', async () => {
    const stop = new AbortController();
    await using world = await proxied(echo, {}, stop.signal);
    const { socket } = await askUpgrade(world.front.port, SPDY);
    socket.on('error', () => {});
    stop.abort();
    await waitFor('all connections to end', () => world.front.sockets.size + world.backend.sockets.size === 0);
    expect(world.ended()).toBe(1);
  });

  it('lets the backend go when the client leaves before there is an answer', async () => {
    const backend = createServer(() => {});
    const held = new Set<unknown>();
    backend.on('connection', socket => {
      held.add(socket);
      socket.on('error', () => {});
      socket.resume();
      socket.once('close', () => held.delete(socket));
    });
    backend.listen(0, '127.0.0.1');
    await once(backend, 'listening');
    const { port } = backend.address() as { port: number };
    let failure: unknown;
    await using front = await streamServer(async (request, socket, head) => {
      const { signal } = new AbortController();
      const url = new URL(`http://127.0.0.1:${port}/`);
      failure = await upgradeProxy(request, socket, head, { url }, { signal }).catch((error: unknown) => error);
    });
    const asked = askUpgrade(front.port, SPDY).catch(() => {});
    await waitFor('the backend to be asked', () => held.size === 1);
    for (const socket of front.sockets) socket.destroy();
    await waitFor('the backend to be let go', () => held.size === 0 && failure !== undefined);
    await asked;
    expect((failure as Error).message).toBe('the client is gone');
    backend.close();
  });
});

it('looks after a connection that was taken over: no time-out of HTTP, probes of TCP, errors are its end', async () => {
  const calls: unknown[] = [];
  class Recorded extends Socket {
    override setTimeout(ms: number): this {
      calls.push(['timeout', ms]);
      return this;
    }
    override setKeepAlive(on?: boolean, ms?: number): this {
      calls.push(['keep-alive', on, ms]);
      return this;
    }
    override setNoDelay(on?: boolean): this {
      calls.push(['no-delay', on]);
      return this;
    }
  }
  const socket = new Recorded();
  adoptSocket(socket);
  socket.destroy(new Error('cut'));
  await waitFor('the end', () => socket.closed);
  expect(calls).toEqual([
    ['timeout', 0],
    ['no-delay', true],
    ['keep-alive', true, 30_000],
  ]);
});
