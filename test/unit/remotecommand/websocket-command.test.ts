import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { errorCode } from '../../../src/base/errors.ts';
import type { RemoteCommand } from '../../../src/remotecommand/remote-command.ts';
import { FakeClock } from '../../harness/fake-clock.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { ALL, cat, commandServer, sizesOf, TTY } from './command-server.ts';
import { askUpgrade } from './stream-server.ts';

const V5 = 'v5.channel.k8s.io';
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const idle = (): void => {};
const message = (channel: number, text: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from([channel]), Buffer.from(text as Buffer)]);

/** A client that keeps all messages. */
class Client {
  readonly ws: WebSocket;
  readonly messages: { readonly text: boolean; readonly bytes: Buffer }[] = [];
  closed: number | undefined;

  constructor(port: number, protocols: string[]) {
    this.ws = new WebSocket(`ws://127.0.0.1:${port}/`, protocols, { perMessageDeflate: false });
    this.ws.on('message', (bytes, isBinary) => this.messages.push({ text: !isBinary, bytes: bytes as Buffer }));
    this.ws.on('error', () => {});
    this.ws.on('close', code => {
      this.closed = code;
    });
  }

  static async connect(port: number, ...protocols: string[]): Promise<Client> {
    const client = new Client(port, protocols);
    await once(client.ws, 'open');
    return client;
  }

  /** What has come on a channel of a binary subprotocol. */
  received(channel: number): Buffer {
    return Buffer.concat(
      this.messages.filter(({ bytes }) => bytes[0] === channel).map(({ bytes }) => bytes.subarray(1)),
    );
  }

  end(): Promise<number> {
    return waitFor('the connection to be closed', () => this.closed);
  }
}

describe('agreeing on a WebSocket subprotocol', () => {
  it.each<[string[], string]>([
    [['v5.channel.k8s.io', 'v4.channel.k8s.io'], 'v5.channel.k8s.io'],
    [['v9.channel.k8s.io', 'base64.channel.k8s.io'], 'base64.channel.k8s.io'],
    [['v4.base64.channel.k8s.io'], 'v4.base64.channel.k8s.io'],
    [['channel.k8s.io'], 'channel.k8s.io'],
    [[], ''],
  ])('takes of %j the first that it knows: %s', async (asked, agreed) => {
    await using server = await commandServer(ALL, idle);
    const client = await Client.connect(server.port, ...asked);
    expect(client.ws.protocol).toBe(agreed);
    client.ws.terminate();
  });

  const handshake = {
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'x3JJHMbDL1EzLkh9GBhXDw==',
  };
  it.each<[string, string, Record<string, string>, number, RegExp]>([
    [
      'an unknown one',
      'GET',
      { ...handshake, 'sec-websocket-protocol': 'v9.channel.k8s.io' },
      403,
      /not supported: \[v9/,
    ],
    ['version 7', 'GET', { ...handshake, 'sec-websocket-version': '7' }, 400, /Sec-WebSocket-Version/],
    ['no key', 'GET', { ...handshake, 'sec-websocket-key': '' }, 400, /Sec-WebSocket-Key/],
    ['another method', 'POST', handshake, 405, /method/],
  ])('refuses %s and closes', async (_, method, headers, status, body) => {
    await using server = await commandServer(ALL, idle);
    const answer = await askUpgrade(server.port, headers, { method });
    expect(answer.status).toBe(status);
    expect(answer.body).toMatch(body);
    await waitFor('the connection to end', () => server.sockets.size === 0);
    expect(server.refusals.map(errorCode)).toEqual(['failed-precondition']);
  });
});

describe('a command over WebSocket', () => {
  it('says at once that it stands, passes its streams, half-closes stdin by v5 and ends with a status and 1000', async () => {
    await using server = await commandServer(ALL, cat);
    const client = await Client.connect(server.port, V5);
    await waitFor('the first message', () => client.messages.length === 1);
    expect(client.messages[0]).toEqual({ text: false, bytes: Buffer.from([1]) });
    client.ws.send(message(0, 'hello '));
    client.ws.send(message(0, 'world'));
    client.ws.send(Buffer.from([255, 0]));
    expect(await client.end()).toBe(1000);
    expect([1, 2, 3].map(channel => client.received(channel).toString())).toEqual([
      'hello world',
      '11 bytes',
      '{"status":"Success"}',
    ]);
    await waitFor('the connection to end', () => server.sockets.size === 0);
  });

  it.each<[string, string, Parameters<RemoteCommand['finish']>[0], string]>([
    ['v4.channel.k8s.io', 'success', { exitCode: 0 }, '{"status":"Success"}'],
    ['v4.channel.k8s.io', 'an exit code', { exitCode: 7 }, '"message":"7"'],
    ['channel.k8s.io', 'an exit code', { exitCode: 7 }, 'command terminated with non-zero exit code: exit status 7'],
    ['channel.k8s.io', 'success', { exitCode: 0 }, ''],
  ])('in %s tells %s', async (protocol, _, end, text) => {
    await using server = await commandServer({ ...ALL, stdin: false }, command => command.finish(end));
    const client = await Client.connect(server.port, protocol);
    await client.end();
    expect(client.received(3).toString()).toContain(text);
  });

  it.each(['base64.channel.k8s.io', 'v4.base64.channel.k8s.io'])('in %s sends and takes text', async protocol => {
    await using server = await commandServer(ALL, async command => {
      command.stdout?.write(Buffer.from([0xff, 0x00]));
      const [input] = await once(command.stdin ?? process.stdin, 'data');
      command.stderr?.write(input);
      await command.finish({ exitCode: 0 });
    });
    const client = await Client.connect(server.port, protocol);
    client.ws.send('0not base64!');
    client.ws.send(`0${Buffer.from([0xfe]).toString('base64')}`);
    await client.end();
    expect(client.messages.every(each => each.text)).toBe(true);
    expect(client.messages.slice(0, 3).map(({ bytes }) => bytes.toString())).toEqual(['1', '1/wA=', '2/g==']);
  });

  it('tells sizes of the terminal', async () => {
    await using server = await commandServer(TTY, idle);
    const client = await Client.connect(server.port, V5);
    client.ws.send(message(4, '{"Width":80,"Height":24}\n'));
    const [command] = await waitFor('the command', () => server.commands.length === 1 && server.commands);
    const sizes = sizesOf(command as RemoteCommand);
    await waitFor('the size', () => sizes.length === 1);
    expect(sizes).toEqual([{ width: 80, height: 24 }]);
    client.ws.terminate();
  });

  it('passes 24 MiB each way unchanged', async () => {
    await using server = await commandServer(ALL, cat);
    const client = await Client.connect(server.port, V5);
    const sent = randomBytes(24 << 20);
    for (let at = 0; at < sent.length; at += 48 << 10) client.ws.send(message(0, sent.subarray(at, at + (48 << 10))));
    client.ws.send(Buffer.from([255, 0]));
    expect(await client.end()).toBe(1000);
    expect(sha256(client.received(1))).toBe(sha256(sent));
  });

  it('holds a client up whose stdin is not read, and tells it meanwhile that it lives', async () => {
    const clock = new FakeClock();
    await using server = await commandServer(ALL, idle, { clock });
    const client = await Client.connect(server.port, V5);
    let pongs = 0;
    client.ws.on('pong', () => {
      pongs += 1;
    });
    const piece = message(0, Buffer.alloc(64 << 10));
    const count = 1024;
    for (let i = 0; i < count; i++) client.ws.send(piece);
    client.ws.send(Buffer.from([255, 0]));
    let before = -1;
    await waitFor('the client to be held up', async () => {
      const same = client.ws.bufferedAmount === before;
      before = client.ws.bufferedAmount;
      await pause(50);
      return same;
    });
    expect(client.ws.bufferedAmount).toBeGreaterThan((count << 16) - (24 << 20));
    await clock.advance(15_000);
    await waitFor('a pong', () => pongs === 1);
    let read = 0;
    for await (const bytes of server.commands[0]?.stdin ?? []) read += bytes.length;
    expect(read).toBe(count << 16);
    expect(clock.pending).toBe(1);
    client.ws.terminate();
    await waitFor('the end', () => clock.pending === 0);
  });

  it('gives a slow client all of its output before it closes', async () => {
    const output = randomBytes(8 << 20);
    await using server = await commandServer({ ...ALL, stdin: false }, async command => {
      command.stdout?.write(output);
      await command.finish({ exitCode: 0 });
    });
    const client = await Client.connect(server.port, V5);
    client.ws.pause();
    await waitFor('the command', () => server.commands.length === 1);
    await pause(100);
    client.ws.resume();
    expect(await client.end()).toBe(1000);
    expect(sha256(client.received(1))).toBe(sha256(output));
    expect(client.received(3).toString()).toBe('{"status":"Success"}');
  });

  it('answers pings', async () => {
    await using server = await commandServer(ALL, idle);
    const client = await Client.connect(server.port, V5);
    const pong = once(client.ws, 'pong');
    client.ws.ping('there?');
    expect(String((await pong)[0])).toBe('there?');
    client.ws.terminate();
  });
});

describe('a client over WebSocket that does what it should not', () => {
  it('has what is for no channel, for one that cannot be written, and for stdin that was not asked for dropped', async () => {
    await using server = await commandServer({ ...ALL, stdin: false }, idle);
    const client = await Client.connect(server.port, V5);
    for (const channel of [0, 1, 2, 3, 5, 77, 254]) client.ws.send(message(channel, 'x'));
    client.ws.send(Buffer.alloc(0));
    const pong = once(client.ws, 'pong');
    client.ws.ping();
    await pong;
    await server.commands[0]?.finish({ exitCode: 0 });
    expect(await client.end()).toBe(1000);
  });

  it.each<[string, (client: Client) => void, number]>([
    ['closes a channel that is not there', client => client.ws.send(Buffer.from([255, 5])), 1002],
    ['closes no channel', client => client.ws.send(Buffer.from([255])), 1002],
    ['sends a message of 33 MiB', client => client.ws.send(Buffer.alloc(33 << 20)), 1009],
    ['sends a frame that is not masked', client => client.ws.emit('raw'), 1002],
  ])('that %s is closed, and the command told', async (what, misbehave, code) => {
    await using server = await commandServer(ALL, idle);
    const client = await Client.connect(server.port, V5);
    const socket = (client.ws as unknown as { _socket: { write(bytes: Buffer): void } })._socket;
    client.ws.on('raw', () => socket.write(Buffer.from([0x82, 0x01, 0x00])));
    misbehave(client);
    expect([what, await client.end()]).toEqual([what, code]);
    await waitFor('the command to be told', () => server.commands[0]?.signal.aborted);
    expect(errorCode(server.commands[0]?.signal.reason)).toBe('invalid-argument');
    await waitFor('the connection to end', () => server.sockets.size === 0);
    await server.commands[0]?.finish({ exitCode: 0 });
  });

  it.each<[string, (ws: WebSocket) => void]>([
    ['closes', ws => ws.close(1000)],
    ['is cut off', ws => ws.terminate()],
  ])('that %s is gone: stdin ends, writes are dropped, finish resolves', async (_, leave) => {
    let input = '';
    await using server = await commandServer(ALL, async command => {
      for await (const piece of command.stdin ?? []) input += piece;
      command.stdout?.write('for nobody');
      await command.finish({ exitCode: 0 });
      input += '.';
    });
    const client = await Client.connect(server.port, V5);
    client.ws.send(message(0, 'last words'));
    await waitFor('them to come', () => input === 'last words');
    leave(client.ws);
    await waitFor('the command to end', () => input === 'last words.');
    expect(errorCode(server.commands[0]?.signal.reason)).toBe('unavailable');
    await waitFor('the connection to end', () => server.sockets.size === 0);
  });

  it('that is silent for the idle time is gone, whatever it pings', async () => {
    const clock = new FakeClock();
    await using server = await commandServer(ALL, idle, { clock, idleMs: 60_000 });
    const client = await Client.connect(server.port, V5);
    await clock.advance(59_000);
    const pong = once(client.ws, 'pong');
    client.ws.ping();
    await pong;
    await clock.advance(1_000);
    expect(await client.end()).toBe(1001);
    expect(errorCode(server.commands[0]?.signal.reason)).toBe('deadline-exceeded');
    expect(clock.pending).toBe(0);
  });
});
