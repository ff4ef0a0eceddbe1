import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { errorCode } from '../../../src/base/errors.ts';
import type { RemoteCommand } from '../../../src/remotecommand/remote-command.ts';
import { FakeClock } from '../../harness/fake-clock.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { ALL, cat, commandServer, sizesOf, TTY } from './command-server.ts';
import { Compressor, control, data, numbers, RawSpdy } from './raw-spdy.ts';
import { askUpgrade } from './stream-server.ts';

const FIN = 1;
const V4 = 'v4.channel.k8s.io';
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const idle = (): void => {};

describe('agreeing on a SPDY subprotocol', () => {
  it.each<[string[] | undefined, string]>([
    [['v4.channel.k8s.io', 'v3.channel.k8s.io'], 'v4.channel.k8s.io'],
    [['v9.channel.k8s.io', 'v2.channel.k8s.io, channel.k8s.io'], 'v2.channel.k8s.io'],
    [['channel.k8s.io'], 'channel.k8s.io'],
  ])('takes of %j the first that it knows: %s', async (asked, agreed) => {
    await using server = await commandServer(ALL, idle);
    const answer = await askUpgrade(server.port, { upgrade: 'SPDY/3.1', 'x-stream-protocol-version': asked ?? [] });
    answer.socket.destroy();
    expect([answer.status, answer.headers.upgrade, answer.headers['x-stream-protocol-version']]).toEqual([
      101,
      'SPDY/3.1',
      agreed,
    ]);
  });

  it.each<[string, Record<string, string>, number, string]>([
    [
      'no subprotocol',
      { upgrade: 'SPDY/3.1' },
      400,
      'unable to upgrade: header X-Stream-Protocol-Version does not exist in request with 3 headers\n',
    ],
    [
      'an empty one',
      { upgrade: 'SPDY/3.1', 'x-stream-protocol-version': ' , ' },
      400,
      'unable to upgrade: header X-Stream-Protocol-Version contains [,], but no valid protocols\n',
    ],
    [
      'an unknown one',
      { upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'v9.channel.k8s.io' },
      403,
      'unable to upgrade: unable to negotiate protocol: client supports [v9.channel.k8s.io], server accepts [v4.channel.k8s.io v3.channel.k8s.io v2.channel.k8s.io channel.k8s.io]\n',
    ],
    [
      'another protocol than SPDY',
      { upgrade: 'h2c', 'x-stream-protocol-version': V4 },
      400,
      'unable to upgrade: missing upgrade headers in request\n',
    ],
  ])('answers %s as upstream and closes', async (_, headers, status, body) => {
    await using server = await commandServer(ALL, idle);
    const answer = await askUpgrade(server.port, headers);
    expect([answer.status, answer.body]).toEqual([status, body]);
    await waitFor('the connection to end', () => server.sockets.size === 0);
    expect(server.refusals.map(errorCode)).toEqual(['failed-precondition']);
  });
});

describe('a command over SPDY', () => {
  it('has its streams once the client has opened them all, gives what is written, and ends with a status', async () => {
    await using server = await commandServer(ALL, cat);
    const client = await RawSpdy.connect(server.port, V4);
    await client.openAll('error', 'stdin', 'stdout', 'stderr');
    await client.frame('the last reply', frame => frame.type === 2 && frame.id === 7);
    client.socket.write(Buffer.concat([data(3, 'hello '), data(3, 'world', FIN)]));
    expect(await client.finished(5)).toBe('hello world');
    expect(await client.finished(7)).toBe('11 bytes');
    expect(await client.finished(1)).toBe('{"status":"Success"}');
    await client.frame('GOAWAY', frame => frame.type === 7);
    await client.close();
    await waitFor('the connection to end', () => server.sockets.size === 0);
  });

  it.each<[string, string, Parameters<RemoteCommand['finish']>[0], string]>([
    [
      V4,
      'an exit code',
      { exitCode: 3 },
      '{"status":"Failure","message":"command terminated with non-zero exit code: exit status 3","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}',
    ],
    ['v3.channel.k8s.io', 'an exit code', { exitCode: 3 }, 'command terminated with non-zero exit code: exit status 3'],
    ['v2.channel.k8s.io', 'an error', { error: 'boom' }, 'Internal error occurred: boom'],
    ['v2.channel.k8s.io', 'success', { exitCode: 0 }, ''],
  ])('in %s tells %s', async (protocol, _, end, text) => {
    await using server = await commandServer({ ...ALL, stdin: false, stderr: false }, command => command.finish(end));
    const client = await RawSpdy.connect(server.port, protocol);
    await client.openAll('error', 'stdout');
    expect(await client.finished(1)).toBe(text);
    await client.close();
  });

  it('in its first version resets the error stream and ends its half of stdin, as kubelets of then', async () => {
    await using server = await commandServer(ALL, cat);
    const client = await RawSpdy.connect(server.port, 'channel.k8s.io');
    await client.openAll('error', 'stdin', 'stdout', 'stderr');
    await client.reset(1);
    expect(await client.finished(3)).toBe('');
    client.socket.write(data(3, 'x', FIN));
    expect(await client.finished(5)).toBe('x');
    await client.close();
  });

  it.each([
    [V4, true],
    ['v3.channel.k8s.io', true],
    ['v2.channel.k8s.io', false],
  ])('in %s waits for the resize stream of a terminal: %s', async (protocol, resizes) => {
    await using server = await commandServer(TTY, idle);
    const client = await RawSpdy.connect(server.port, protocol);
    await client.openAll('error', 'stdin', 'stdout');
    await client.frame('a reply', frame => frame.type === 2 && frame.id === 5);
    expect(server.commands.length).toBe(resizes ? 0 : 1);
    await client.open(7, { streamtype: 'resize' });
    await (resizes ? waitFor('the command', () => server.commands.length === 1) : client.reset(7));
    await client.close();
  });

  it('tells sizes of the terminal to a listener, the last at once', async () => {
    await using server = await commandServer(TTY, idle);
    const client = await RawSpdy.connect(server.port, V4);
    await client.openAll('error', 'stdin', 'stdout', 'resize');
    client.socket.write(Buffer.concat([data(7, '{"Width":80,"He'), data(7, 'ight":24}\n')]));
    const [command] = await waitFor('the command', () => server.commands.length === 1 && server.commands);
    const sizes = sizesOf(command as RemoteCommand);
    await waitFor('the first size', () => sizes.length === 1);
    client.socket.write(data(7, '{"Width":81,"Height":25}\n{"Width":82,"Height":26}\n'));
    await waitFor('the others', () => sizes.length === 3);
    expect(sizes.map(size => size.width)).toEqual([80, 81, 82]);
    await client.close();
  });

  it('passes 24 MiB each way unchanged to a client that looks at no window', async () => {
    await using server = await commandServer(ALL, cat);
    const client = await RawSpdy.connect(server.port, V4);
    await client.openAll('error', 'stdin', 'stdout', 'stderr');
    await client.frame('the last reply', frame => frame.type === 2 && frame.id === 7);
    const sent = randomBytes(24 << 20);
    for (let at = 0; at < sent.length; at += 32 << 10) client.socket.write(data(3, sent.subarray(at, at + (32 << 10))));
    client.socket.write(data(3, '', FIN));
    await client.finished(1);
    expect(sha256(client.received(5))).toBe(sha256(sent));
    await client.close();
  });

  it('does not hold more of stdin than its bound when the command does not read, and goes on when it does', async () => {
    await using server = await commandServer(ALL, idle);
    const client = await RawSpdy.connect(server.port, V4);
    await client.openAll('error', 'stdin', 'stdout', 'stderr');
    const [command] = await waitFor('the command', () => server.commands.length === 1 && server.commands);
    const total = 64 << 20;
    const piece = data(3, Buffer.alloc(64 << 10));
    for (let sent = 0; sent < total; sent += 64 << 10) client.socket.write(piece);
    client.socket.write(data(3, '', FIN));
    let before = -1;
    await waitFor('the client to be held up', async () => {
      const same = client.socket.writableLength === before;
      before = client.socket.writableLength;
      await pause(50);
      return same;
    });
    // what is not with the client is in the buffers of two sockets and of the stream
    expect(client.socket.writableLength).toBeGreaterThan(total - (24 << 20));
    let read = 0;
    for await (const bytes of command?.stdin ?? []) read += bytes.length;
    expect(read).toBe(total);
    await client.close();
  });

  it('slows what writes stdout to the pace of a client that does not read', async () => {
    let written = 0;
    await using server = await commandServer(ALL, async command => {
      const piece = Buffer.alloc(64 << 10);
      while (written < 256 << 20 && !command.signal.aborted) {
        written += piece.length;
        if (command.stdout?.write(piece) === false)
          await new Promise(resolve => command.stdout?.once('drain', resolve));
      }
    });
    const client = await RawSpdy.connect(server.port, V4);
    await client.openAll('error', 'stdin', 'stdout', 'stderr');
    await client.frame('output', frame => frame.type === undefined);
    client.socket.pause();
    let last = -1;
    await waitFor('the command to stand still', async () => {
      const still = written === last;
      last = written;
      await pause(50);
      return still;
    });
    expect(written).toBeLessThan(64 << 20);
    await client.close();
    await waitFor('the command to be told', () => server.commands[0]?.signal.aborted === true);
  });

  it('does not wait for a client that still sends when the command has ended', async () => {
    await using server = await commandServer(ALL, command => command.finish({ exitCode: 0 }));
    const client = await RawSpdy.connect(server.port, V4);
    await client.openAll('error', 'stdin', 'stdout', 'stderr');
    const piece = data(3, Buffer.alloc(1 << 20));
    for (let i = 0; i < 16; i++) client.socket.write(piece);
    expect(await client.finished(1)).toBe('{"status":"Success"}');
    await client.close();
  });
});

describe('a client over SPDY that does what it should not', () => {
  it.each<[string, string, string]>([
    ['a stream of no known type', 'sideband', 'type'],
    ['a second stdout', 'stdout', 'second'],
    ['stdin that was not asked for', 'stdin', 'stdin'],
  ])('has %s reset, and the others go on', async (_, type) => {
    await using server = await commandServer({ ...ALL, stdin: false }, command => command.finish({ exitCode: 0 }));
    const client = await RawSpdy.connect(server.port, V4);
    await client.openAll('error', 'stdout', type);
    await client.reset(5);
    client.socket.write(data(5, 'for nobody'));
    await client.open(7, { streamtype: 'stderr' });
    expect(await client.finished(1)).toBe('{"status":"Success"}');
    await client.close();
  });

  const bad: [string, (client: RawSpdy) => Promise<Buffer> | Buffer][] = [
    ['SPDY of version 2', () => control(6, numbers(1), 0, 2)],
    ['a control frame of 65 KiB', () => control(6, Buffer.alloc(65 << 10))],
    ['a control frame that is too short', () => control(3, numbers(1))],
    ['data of stream 0', () => data(0, 'x')],
    ['a stream with an even id', client => client.compressor.synStream(8, { streamtype: 'x' })],
    ['a stream with id 0', client => client.compressor.synStream(0, { streamtype: 'x' })],
    ['an id again', client => client.compressor.synStream(1, { streamtype: 'stdin' })],
    ['an id below one that was there', client => client.compressor.synStream(3, { streamtype: 'stdin' })],
    [
      'headers that are no zlib',
      () => control(1, Buffer.concat([numbers(9, 0), Buffer.alloc(2), Buffer.from('plain text')])),
    ],
    [
      'headers that grow to 1 MiB',
      async client =>
        control(
          1,
          Buffer.concat([numbers(9, 0), Buffer.alloc(2), await client.compressor.compress(Buffer.alloc(1 << 20))]),
        ),
    ],
    ['settings that are cut off', () => control(4, numbers(2, 7, 1))],
    ['an initial window of 4 GiB', () => control(4, numbers(1, 7, 0xffffffff))],
    [
      'a window above 2 GiB',
      () => Buffer.concat([control(9, numbers(0, 0x7fffffff)), control(9, numbers(0, 0x7fffffff))]),
    ],
    ['bytes that are no SPDY at all', () => Buffer.from(`GET / HTTP/1.1\r\nHost: x\r\n\r\n${'x'.repeat(9 << 20)}`)],
  ];
  it.each(bad)('is told goodbye for %s, and the command that it is gone', async (_, bytes) => {
    await using server = await commandServer({ ...ALL, stdin: false }, idle);
    const client = await RawSpdy.connect(server.port, V4);
    await client.openAll('error', 'stdout', 'stderr');
    const [command] = await waitFor('the command', () => server.commands.length === 1 && server.commands);
    client.socket.write(await bytes(client));
    client.socket.end();
    await waitFor('the command to be told', () => command?.signal.aborted === true);
    await waitFor('the connection to end', () => server.sockets.size === 0);
    await command?.finish({ exitCode: 0 });
  });

  it('may send frames of no known type, and pings, which are answered', async () => {
    await using server = await commandServer(ALL, cat);
    const client = await RawSpdy.connect(server.port, V4);
    await client.openAll('error', 'stdin', 'stdout', 'stderr');
    client.socket.write(Buffer.concat([control(99, numbers(1, 2)), control(6, numbers(5)), control(6, numbers(4))]));
    await client.frame('the answer', frame => frame.type === 6 && frame.id === 5);
    client.socket.write(data(3, 'x', FIN));
    await client.finished(1);
    expect(client.frames.filter(frame => frame.type === 6).map(frame => frame.id)).toEqual([5]);
    await client.close();
  });

  it('cannot make us keep the answers that it does not read', async () => {
    await using server = await commandServer(ALL, idle);
    const client = await RawSpdy.connect(server.port, V4);
    client.socket.pause();
    const pings = Buffer.concat(Array.from({ length: 10_000 }, (_, i) => control(6, numbers(2 * i + 1))));
    for (let i = 0; i < 100; i++) client.socket.write(pings);
    await waitFor('all to be read', () => client.socket.writableLength === 0);
    const [served] = [...server.sockets];
    expect(served?.writableLength).toBeLessThan(256 << 10);
    await client.close();
  });

  it('that says goodbye is gone, and what it opens then is not taken', async () => {
    await using server = await commandServer(ALL, idle);
    const client = await RawSpdy.connect(server.port, V4);
    client.socket.write(control(7, numbers(0, 0)));
    await client.openAll('error', 'stdin', 'stdout', 'stderr');
    await waitFor('the connection to end', () => client.ended && server.refusals.length === 1);
    expect([server.commands.length, errorCode(server.refusals[0])]).toEqual([0, 'unavailable']);
    expect(client.frames.filter(frame => frame.type === 2)).toEqual([]);
    await client.close();
  });

  it('has 30 s for its streams, then the connection ends', async () => {
    const clock = new FakeClock();
    await using server = await commandServer(ALL, idle, { clock });
    const client = await RawSpdy.connect(server.port, V4);
    await client.openAll('error', 'stdin', 'stdout');
    await client.frame('a reply', frame => frame.type === 2 && frame.id === 5);
    await clock.advance(29_999);
    expect(server.refusals).toEqual([]);
    await clock.advance(1);
    await waitFor('the refusal', () => server.refusals.length === 1);
    expect([errorCode(server.refusals[0]), server.refusals[0]?.message]).toEqual([
      'deadline-exceeded',
      'timed out waiting for client to create streams',
    ]);
    await waitFor('the connection to end', () => client.ended);
    expect(clock.pending).toBe(0);
    await client.close();
  });

  it('that is silent for the idle time is gone', async () => {
    const clock = new FakeClock();
    await using server = await commandServer(ALL, idle, { clock, idleMs: 60_000 });
    const client = await RawSpdy.connect(server.port, V4);
    await client.openAll('error', 'stdin', 'stdout', 'stderr');
    const [command] = await waitFor('the command', () => server.commands.length === 1 && server.commands);
    await clock.advance(59_000);
    client.socket.write(data(3, 'still here'));
    await once(command?.stdin ?? client.socket, 'data');
    await clock.advance(59_000);
    expect(command?.signal.aborted).toBe(false);
    await clock.advance(1_000);
    expect(command?.signal.reason).toMatchObject({ code: 'deadline-exceeded', message: 'nothing was sent for 60 s' });
    await client.close();
    await waitFor('the connection to end', () => server.sockets.size === 0);
    expect(clock.pending).toBe(0);
  });

  it('may be cut off after any byte: the command is told, its stdin ends, its writes are dropped', async () => {
    const compressor = new Compressor();
    const pieces = [
      await compressor.synStream(1, { streamtype: 'error' }),
      await compressor.synStream(3, { streamtype: 'stdin' }),
      await compressor.synStream(5, { streamtype: 'stdout' }),
      data(3, 'some input'),
      control(6, numbers(1)),
    ];
    const whole = Buffer.concat(pieces);
    const streamsAt = pieces.slice(0, 3).reduce((sum, piece) => sum + piece.length, 0);
    let ends = 0;
    await using server = await commandServer({ ...ALL, stderr: false }, async command => {
      let input = '';
      for await (const piece of command.stdin ?? []) input += piece;
      expect('some input'.startsWith(input)).toBe(true);
      command.stdout?.write('for nobody');
      await command.finish({ exitCode: 0 });
      expect(command.signal.aborted).toBe(true);
      ends += 1;
    });
    for (let length = 0; length <= whole.length; length++) {
      const client = await RawSpdy.connect(server.port, V4);
      client.socket.end(whole.subarray(0, length));
      await waitFor(`the server to be done with ${length} bytes`, () => client.ended && server.sockets.size === 0);
      await client.close();
    }
    await waitFor('all commands to end', () => ends === whole.length - streamsAt + 1);
    expect(server.refusals.length).toBe(streamsAt);
  });
});
