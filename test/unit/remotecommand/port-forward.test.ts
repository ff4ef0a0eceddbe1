import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { errorCode, unavailable } from '../../../src/base/errors.ts';
import type { PortForwardOptions } from '../../../src/remotecommand/port-forward-target.ts';
import { servePortForward } from '../../../src/remotecommand/serve-port-forward.ts';
import { FakeClock } from '../../harness/fake-clock.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { control, data, numbers, RawSpdy } from './raw-spdy.ts';
import { askUpgrade, readAll, streamServer } from './stream-server.ts';

const FIN = 1;
const UNIDIRECTIONAL = 2;
const PROTOCOL = 'portforward.k8s.io';
const POD = { pod: { name: 'web_default', uid: 'u1' } };
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** What listens in the pod: `serve` by port; any other port refuses. */
async function podWith(serve: (socket: Socket) => void) {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {});
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    serve(socket);
  });
  const open = new Set<Socket>();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    open,
    target: async (asked: number, signal: AbortSignal): Promise<Duplex> => {
      if (asked !== 80) throw unavailable(`dial tcp 127.0.0.1:${asked}: connect: connection refused`);
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      await once(socket, 'connect', { signal });
      return socket;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function forwarding(
  serve: (socket: Socket) => void,
  ports: readonly number[] = [],
  limits: Omit<PortForwardOptions, 'pod'> = {},
) {
  const pod = await podWith(serve);
  const refusals: unknown[] = [];
  let ends = 0;
  const server = await streamServer((request, socket, head) => {
    servePortForward(request, socket, head, ports, pod.target, { ...POD, ...limits }).then(
      () => {
        ends += 1;
      },
      error => refusals.push(error),
    );
  });
  return {
    port: server.port,
    sockets: server.sockets,
    open: pod.open,
    refusals,
    ended: () => ends,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await pod[Symbol.asyncDispose]();
    },
  };
}

const echo = (socket: Socket): void => void socket.pipe(socket);

async function openPair(client: RawSpdy, id: number, requestid: string, port = '80'): Promise<void> {
  await client.open(id, { streamtype: 'error', port, requestid });
  client.socket.write(data(id, '', FIN));
  await client.open(id + 2, { streamtype: 'data', port, requestid });
  await client.frame('the reply', frame => frame.type === 2 && frame.id === id + 2);
}

describe('port-forward over SPDY', () => {
  it('connects a pair of streams, passes both ways and ends both', async () => {
    await using world = await forwarding(echo);
    const client = await RawSpdy.connect(world.port, PROTOCOL);
    await openPair(client, 1, '0');
    client.socket.write(Buffer.concat([data(3, 'hello '), data(3, 'there', FIN)]));
    expect(await client.finished(3)).toBe('hello there');
    expect(await client.finished(1)).toBe('');
    await client.close();
    await waitFor('the end', () => world.ended() === 1);
  });

  it('goes on reading from the pod after the client has ended its half', async () => {
    await using world = await forwarding(async socket => {
      const asked = await readAll(socket);
      socket.end(`you said ${asked}`);
    });
    const client = await RawSpdy.connect(world.port, PROTOCOL);
    await openPair(client, 1, '0');
    client.socket.write(data(3, 'hi', FIN));
    expect(await client.finished(3)).toBe('you said hi');
    await client.close();
  });

  it('keeps pairs apart, also those without request ids', async () => {
    await using world = await forwarding(echo);
    const client = await RawSpdy.connect(world.port, PROTOCOL);
    await client.open(1, { streamtype: 'error', port: '80' });
    await client.open(3, { streamtype: 'data', port: '80' });
    await client.open(5, { streamtype: 'data', port: '80', requestid: 'b' });
    await client.open(7, { streamtype: 'error', port: '80', requestid: 'b' });
    await client.frame('the reply', frame => frame.type === 2 && frame.id === 7);
    client.socket.write(Buffer.concat([data(5, 'b', FIN), data(3, 'a', FIN)]));
    expect([await client.finished(3), await client.finished(5)]).toEqual(['a', 'b']);
    await client.close();
  });

  it('tells on the error stream what cannot be connected, and resets the data', async () => {
    await using world = await forwarding(echo);
    const client = await RawSpdy.connect(world.port, PROTOCOL);
    await openPair(client, 1, '0', '81');
    expect(await client.finished(1)).toBe(
      'error forwarding port 81 to pod web_default, uid u1: dial tcp 127.0.0.1:81: connect: connection refused',
    );
    await client.reset(3);
    await openPair(client, 5, '1');
    client.socket.write(data(7, 'still here', FIN));
    expect(await client.finished(7)).toBe('still here');
    await client.close();
  });

  it.each<[string, Record<string, string>]>([
    ['no port', { streamtype: 'data' }],
    ['port 0', { streamtype: 'data', port: '0' }],
    ['port 65536', { streamtype: 'data', port: '65536' }],
    ['a port that is no number', { streamtype: 'data', port: '8o' }],
    ['no type', { port: '80' }],
    ['another type', { streamtype: 'stdin', port: '80' }],
  ])('resets a stream with %s', async (_, headers) => {
    await using world = await forwarding(echo);
    const client = await RawSpdy.connect(world.port, PROTOCOL);
    await client.open(1, headers);
    expect((await client.reset(1)).payload.readUInt32BE(4)).toBe(5);
    await client.close();
  });

  it('resets a second data stream of a request and says so', async () => {
    await using world = await forwarding(echo);
    const client = await RawSpdy.connect(world.port, PROTOCOL);
    await client.open(1, { streamtype: 'error', port: '80', requestid: '0' });
    await client.open(3, { streamtype: 'error', port: '80', requestid: '0' });
    await client.reset(3);
    await waitFor(
      'the message',
      () => client.received(1).toString() === 'error processing stream for request 0: error stream already assigned',
    );
    await client.close();
  });

  it('keeps little of what it says to a client that repeats itself and does not read', async () => {
    const clock = new FakeClock();
    await using world = await forwarding(echo, [], { clock });
    const client = await RawSpdy.connect(world.port, PROTOCOL);
    const headers = { streamtype: 'error', port: '80', requestid: 'x'.repeat(30_000) };
    await client.open(1, headers);
    await client.frame('the reply', frame => frame.type === 2 && frame.id === 1);
    client.socket.pause();
    const before = clock.pending;
    const repeats = 2000;
    for (let i = 1; i <= repeats; i++) await client.open(1 + 2 * i, headers);
    // taken behind all that, and a second timer shows it
    await client.open(3 + 2 * repeats, { streamtype: 'error', port: '80', requestid: 'last' });
    await waitFor('the last stream', () => clock.pending === before + 1);
    client.socket.resume();
    await clock.advance(30_000);
    // the socket's buffers are full of it, nothing else
    expect((await client.finished(1)).length).toBeLessThan(30_000 * (repeats / 2));
    await client.close();
  });

  it('gives a request 30 s for its second stream', async () => {
    const clock = new FakeClock();
    await using world = await forwarding(echo, [], { clock });
    const client = await RawSpdy.connect(world.port, PROTOCOL);
    await client.open(1, { streamtype: 'error', port: '80', requestid: '0' });
    await client.open(3, { streamtype: 'data', port: '80', requestid: '1' });
    await client.frame('the reply', frame => frame.type === 2 && frame.id === 3);
    await clock.advance(30_000);
    expect(await client.finished(1)).toBe('(request=0) timed out waiting for streams');
    await client.reset(3);
    await client.close();
    await waitFor('the end', () => world.ended() === 1);
    expect(clock.pending).toBe(0);
  });

  it.each<[string, string, number, Buffer]>([
    ['an error stream that is reset', 'error', 0, control(3, numbers(1, 5))],
    ['a data stream that is reset', 'data', 0, control(3, numbers(1, 5))],
    ['an error stream that both sides have ended', 'error', UNIDIRECTIONAL, data(1, '', FIN)],
  ])('waits no longer for the other half of %s', async (_, streamtype, flags, end) => {
    const clock = new FakeClock();
    await using world = await forwarding(echo, [], { clock, idleMs: 0 });
    const client = await RawSpdy.connect(world.port, PROTOCOL);
    await client.open(1, { streamtype, port: '80', requestid: '0' }, flags);
    await client.frame('the reply', frame => frame.type === 2 && frame.id === 1);
    expect(clock.pending).toBe(1);
    client.socket.write(end);
    await waitFor('the timer to be gone', () => clock.pending === 0);
    await openPair(client, 3, '0');
    client.socket.write(data(5, 'anew', FIN));
    expect(await client.finished(5)).toBe('anew');
    await client.close();
  });

  it('lets go of the pod when the client resets its data stream, and when the connection is cut', async () => {
    await using world = await forwarding(echo);
    const client = await RawSpdy.connect(world.port, PROTOCOL);
    for (const [i, requestid] of ['a', 'b', 'c'].entries()) await openPair(client, 1 + 4 * i, requestid);
    await waitFor('three connections', () => world.open.size === 3);
    client.socket.write(control(3, numbers(3, 5)));
    await waitFor('two connections', () => world.open.size === 2);
    client.socket.resetAndDestroy();
    await waitFor('no connection', () => world.open.size === 0 && world.sockets.size === 0 && world.ended() === 1);
  });

  it('resets the data and tells why when the connection of the pod breaks', async () => {
    await using world = await forwarding(socket => void socket.once('data', () => socket.resetAndDestroy()));
    const client = await RawSpdy.connect(world.port, PROTOCOL);
    await openPair(client, 1, '0');
    client.socket.write(data(3, 'x'));
    expect(await client.finished(1)).toMatch(/^error forwarding port 80 to pod web_default, uid u1: .*ECONNRESET/);
    await client.reset(3);
    await client.close();
  });

  it('ends the connection when a client that said goodbye has no stream left', async () => {
    await using world = await forwarding(echo);
    const client = await RawSpdy.connect(world.port, PROTOCOL);
    await openPair(client, 1, '0');
    client.socket.write(Buffer.concat([control(7, numbers(0, 0)), data(3, 'bye', FIN)]));
    expect(await client.finished(3)).toBe('bye');
    await waitFor('the end', () => client.ended);
    await client.close();
    await waitFor('all to be let go', () => world.open.size === 0 && world.ended() === 1);
  });

  it('passes 24 MiB each way unchanged on four connections at once', async () => {
    await using world = await forwarding(echo);
    const client = await RawSpdy.connect(world.port, PROTOCOL);
    const ids = [1, 5, 9, 13];
    for (const id of ids) await openPair(client, id, String(id));
    const sent = ids.map(() => randomBytes(6 << 20));
    for (let at = 0; at < 6 << 20; at += 32 << 10)
      for (const [i, id] of ids.entries())
        client.socket.write(data(id + 2, sent[i]?.subarray(at, at + (32 << 10)) ?? ''));
    for (const id of ids) client.socket.write(data(id + 2, '', FIN));
    for (const [i, id] of ids.entries()) {
      await client.finished(id);
      expect(sha256(client.received(id + 2))).toBe(sha256(sent[i] ?? Buffer.alloc(0)));
    }
    await client.close();
  });

  it('answers a client that asks for another subprotocol', async () => {
    await using world = await forwarding(echo);
    const answer = await askUpgrade(world.port, {
      upgrade: 'SPDY/3.1',
      'x-stream-protocol-version': 'v4.channel.k8s.io',
    });
    expect([answer.status, answer.headers['x-accepted-stream-protocol-versions']]).toEqual([403, PROTOCOL]);
    expect(world.refusals.map(errorCode)).toEqual(['failed-precondition']);
  });
});

/** A client of the channels that keeps what comes on each. */
async function channelClient(port: number, protocol: string) {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/`, protocol === '' ? [] : [protocol], { perMessageDeflate: false });
  const messages: Buffer[] = [];
  let closed = 0;
  ws.on('message', bytes => messages.push(bytes as Buffer));
  ws.on('error', () => {});
  ws.on('close', code => {
    closed = code;
  });
  await once(ws, 'open');
  const received = (channel: number): Buffer =>
    Buffer.concat(messages.filter(([first]) => first === channel).map(bytes => bytes.subarray(1)));
  return { ws, messages, received, end: () => waitFor('the close', () => closed !== 0 && closed) };
}

describe('port-forward over WebSocket channels', () => {
  it.each(['v4.channel.k8s.io', ''])('begins each channel by its port and passes both ways (%j)', async protocol => {
    await using world = await forwarding(
      socket => void socket.once('data', piece => socket.end(`got ${piece}`)),
      [80, 80],
    );
    const client = await channelClient(world.port, protocol);
    client.ws.send(Buffer.from('\0first'));
    client.ws.send(Buffer.from('\x02second'));
    await waitFor('both answers', () => client.received(0).length > 8 && client.received(2).length > 8);
    expect([0, 1, 2, 3].map(channel => client.received(channel).toString('latin1'))).toEqual([
      'P\0got first',
      'P\0',
      'P\0got second',
      'P\0',
    ]);
    client.ws.close();
    await waitFor('all to be let go', () => world.open.size === 0 && world.sockets.size === 0 && world.ended() === 1);
  });

  it('tells a port that cannot be connected on its error channel and closes when no port is left', async () => {
    await using world = await forwarding(echo, [8081]);
    const client = await channelClient(world.port, 'v4.base64.channel.k8s.io');
    expect(await client.end()).toBe(1000);
    const texts = client.messages.map(
      bytes => `${bytes}`[0] + Buffer.from(`${bytes}`.slice(1), 'base64').toString('latin1'),
    );
    expect(texts).toEqual([
      '0\x91\x1f',
      '1\x91\x1f',
      '1error forwarding port 8081 to pod web_default, uid u1: dial tcp 127.0.0.1:8081: connect: connection refused',
    ]);
    await waitFor('the end', () => world.ended() === 1);
  });

  it('needs a port', async () => {
    await using world = await forwarding(echo);
    const headers = {
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'x3JJHMbDL1EzLkh9GBhXDw==',
    };
    const answer = await askUpgrade(world.port, headers, { method: 'GET' });
    expect([answer.status, answer.body]).toEqual([400, 'query parameter "port" is required\n']);
  });

  it('lets go of the pod when the client leaves, and does not keep what the pod writes for one that does not read', async () => {
    let written = 0;
    await using world = await forwarding(
      socket => {
        const more = (): void => {
          while (written < 256 << 20 && socket.write(Buffer.alloc(64 << 10))) written += 64 << 10;
        };
        socket.on('drain', more);
        more();
      },
      [80],
    );
    const client = await channelClient(world.port, 'v4.channel.k8s.io');
    client.ws.pause();
    let last = -1;
    await waitFor('the pod to stand still', async () => {
      const still = written === last;
      last = written;
      await pause(50);
      return still;
    });
    expect(written).toBeLessThan(64 << 20);
    client.ws.terminate();
    await waitFor('all to be let go', () => world.open.size === 0 && world.sockets.size === 0 && world.ended() === 1);
  });
});
