import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import * as tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestApiServer } from '../harness/api-server.ts';
import { connectFrames, FRAME, field, frame, getFields, headers } from '../harness/http2-frames.ts';
import { overHttp1, overHttp2, type RawClient } from '../harness/raw-request.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Connections that are slow, broken or meant to hurt: the built server answers others beside them, and its memory stays what it was. */

const MAPS = '/api/v1/namespaces/default/configmaps';
const SOAK = process.env['GANTRY_SOAK'] === '1';

let server: TestApiServer;
let admin: RawClient;
const undo: (() => void)[] = [];

beforeAll(async () => {
  server = await TestApiServer.start();
  admin = { port: server.port, ...server.credentials('admin', ['system:masters']) };
});
afterAll(() => server.remove());
afterEach(() => {
  for (const each of undo.splice(0)) each();
});

/** What belongs to the server alone, in MiB. */
const memory = (): number =>
  Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.pid}/smaps_rollup`, 'utf8'))?.[1]) / 1024;

/** Milliseconds until another client has its answer. */
async function answerTime(): Promise<number> {
  const began = performance.now();
  const { status } = await overHttp2(admin, { path: MAPS });
  expect(status).toBe(200);
  return performance.now() - began;
}

async function connectTls(protocol: 'http/1.1' | 'h2', client: Partial<RawClient> = {}): Promise<tls.TLSSocket> {
  const socket = tls.connect({
    host: '127.0.0.1',
    port: server.port,
    ca: server.authority.pem,
    ...client,
    ALPNProtocols: [protocol],
  });
  socket.on('error', () => {});
  undo.push(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

const closed = (socket: net.Socket): Promise<void> => new Promise(resolve => socket.once('close', () => resolve()));

function textOf(socket: net.Socket): () => string {
  let text = '';
  socket.on('data', piece => {
    text += piece;
  });
  return () => text;
}

async function openWatches(): Promise<string | undefined> {
  const { text } = await overHttp2(admin, { path: '/metrics' });
  return /^apiserver_longrunning_requests\{verb="WATCH".*resource="configmaps".*\} (\d+)$/m.exec(text)?.[1];
}

describe('what is no request', () => {
  it('ends its connection and no other: garbage, plain HTTP, garbage within TLS', async () => {
    for (const garbage of [
      'GET / HTTP/1.1\r\nhost: x\r\n\r\n',
      '\0'.repeat(1000),
      `\x16\x03\x01\xff\xff${'x'.repeat(20_000)}`,
    ]) {
      const socket = net.connect(server.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume();
      socket.write(garbage, 'latin1');
      await closed(socket);
    }
    const inside = await connectTls('http/1.1');
    const text = textOf(inside);
    inside.write('\x00\x01\x02 nothing\r\n\r\n');
    await closed(inside);
    expect(text()).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    const preface = await connectTls('h2');
    preface.resume();
    preface.write('GET / HTTP/1.1\r\n\r\n'.repeat(100));
    await closed(preface);
    expect(await answerTime()).toBeLessThan(1000);
  });

  it('is told that this is the port of TLS where it is plain HTTP', async () => {
    const socket = net.connect(server.port, '127.0.0.1');
    const text = textOf(socket);
    socket.write('GET /version HTTP/1.1\r\nhost: x\r\n\r\n');
    await closed(socket);
    expect(text()).toBe('HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n');
  });

  it('is answered with 431 where its headers are too large, over HTTP/1.1', async () => {
    const socket = await connectTls('http/1.1');
    const text = textOf(socket);
    socket.write(`GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(500_000)}`);
    await closed(socket);
    expect(text()).toMatch(/^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/);
  });
});

describe('a body that comes a byte at a time', () => {
  const slow = {
    ':method': 'POST',
    ':path': `${MAPS}?timeout=1s`,
    'content-type': 'application/json',
    'content-length': '1000',
  };

  it('is waited for until the deadline, and no longer, over HTTP/2', async () => {
    const session = http2.connect(server.url, admin as http2.SecureClientSessionOptions);
    undo.push(() => session.destroy());
    const stream = session.request(slow, { endStream: false });
    const drip = setInterval(() => stream.write('{'), 50);
    undo.push(() => clearInterval(drip));
    const [response] = await once(stream, 'response');
    expect(response[':status']).toBe(504);
  });

  it('is waited for until the deadline, and no longer, over HTTP/1.1, and ends the connection', async () => {
    const socket = await connectTls('http/1.1', admin);
    const text = textOf(socket);
    socket.write(
      `POST ${MAPS}?timeout=1s HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n`,
    );
    const drip = setInterval(() => socket.write('{'), 50);
    undo.push(() => clearInterval(drip));
    await closed(socket);
    expect(text()).toMatch(/^HTTP\/1\.1 504 Gateway Timeout\r\n/);
    expect(text()).toContain('request did not complete within the allotted timeout');
  });
});

describe('a client that goes half away', () => {
  it('leaves no connection behind', async () => {
    const socket = await connectTls('http/1.1', admin);
    socket.resume();
    socket.end('GET /version HTTP/1.1\r\nhost: x\r\n\r\n');
    await closed(socket);
  });

  it.each(['http/1.1', 'h2'] as const)('ends its watch over %s', async protocol => {
    const socket = await connectTls(protocol, admin);
    socket.resume();
    await startWatch[protocol](socket);
    await waitFor('the watch to be open', async () => (await openWatches()) === '1');
    socket.end();
    await waitFor('the watch to be over', async () => (await openWatches()) === '0');
  });

  const startWatch = {
    'http/1.1': async (socket: tls.TLSSocket) => {
      socket.write(`GET ${MAPS}?watch=1 HTTP/1.1\r\nhost: x\r\n\r\n`);
    },
    h2: async (socket: tls.TLSSocket) => {
      socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(FRAME.settings, 0, 0)]));
      socket.write(headers(1, getFields(`${MAPS}?watch=1`)));
    },
  };
});

describe('floods of HTTP/2 frames', () => {
  /** A server that reads no more of a connection has had enough of it. */
  const stuck = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 1000).unref());

  /** Writes as fast as the server takes it, until it ends the connection or this much is written. */
  async function flood(make: (i: number) => Buffer, count: number): Promise<void> {
    const socket = await connectFrames(server.port, server.authority.pem);
    undo.push(() => socket.destroy());
    socket.resume();
    const gone = closed(socket);
    for (let i = 0; i < count && !socket.destroyed; i++) {
      if (!socket.write(make(i)))
        await Promise.race([new Promise(resolve => socket.once('drain', resolve)), gone, stuck()]);
    }
    socket.destroy();
  }

  it.each([
    [
      'streams that are reset at once',
      (i: number) =>
        Buffer.concat([
          headers(2 * i + 1, getFields(MAPS)),
          frame(FRAME.reset, 0, 2 * i + 1, Buffer.from([0, 0, 0, 8])),
        ]),
      50_000,
    ],
    ['settings', () => frame(FRAME.settings, 0, 0, Buffer.from([0, 3, 0, 0, 0, 100])), 100_000],
    ['pings', () => frame(FRAME.ping, 0, 0, Buffer.alloc(8)), 100_000],
    [
      'empty data',
      (i: number) => (i === 0 ? frame(FRAME.headers, 4, 1, getFields(MAPS)) : frame(FRAME.data, 0, 1)),
      100_000,
    ],
    [
      'headers that never end',
      (i: number) =>
        i === 0 ? headers(1, getFields('/'), false) : frame(FRAME.continuation, 0, 1, field(`x${i}`, 'y'.repeat(1000))),
      50_000,
    ],
    [
      'header fields that are short on the wire and long in memory',
      (i: number) =>
        headers(
          2 * i + 1,
          Buffer.concat([getFields('/'), i === 0 ? field('x', 'y'.repeat(4000), true) : Buffer.alloc(4000, 0xbe)]),
        ),
      5_000,
    ],
  ])('%s', async (name, make, count) => {
    await answerTime();
    const before = memory();
    const cpu = cpuSeconds();
    const others = [answerTime()];
    await flood(make, count);
    others.push(answerTime());
    const times = await Promise.all(others);
    const after = memory();
    console.log(
      `flood of ${name}: others had their answers in ${times.map(Math.round).join(' and ')} ms, ${(cpuSeconds() - cpu).toFixed(1)} CPU s, ${before.toFixed(0)} -> ${after.toFixed(0)} MiB`,
    );
    expect(Math.max(...times)).toBeLessThan(3000);
    expect(after - before).toBeLessThan(60);
  });

  function cpuSeconds(): number {
    const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }
});

describe('idle connections', () => {
  const fds = (): number => readdirSync(`/proc/${server.pid}/fd`).length;
  const script = fileURLToPath(new URL('../harness/idle-connections.mjs', import.meta.url));

  /** Opens that many, looks, and closes them again. */
  async function hold(count: number): Promise<{ readonly held: number; readonly time: number }> {
    const before = fds();
    const client = spawn(process.execPath, [script, String(server.port), String(count)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    undo.push(() => client.kill('SIGKILL'));
    const [line] = await once(client.stdout, 'data');
    expect(JSON.parse(String(line))).toEqual({ open: count, failed: 0 });
    const time = await answerTime();
    const held = memory();
    client.stdin.end();
    await once(client, 'exit');
    await waitFor('the connections to be closed', () => fds() <= before + 5);
    return { held, time };
  }

  /** What the server has when most of what it had more than before is back, which a minute is enough for. */
  function givenBack(before: number, held: number): Promise<number> {
    return waitFor(
      'two thirds of the memory to come back',
      saw => {
        const now = memory();
        saw(now);
        return now < before + (held - before) / 3 && now;
      },
      { timeoutMs: 60_000 },
    );
  }

  it('cost their memory and nothing else, no more the second time, and give it back', async () => {
    const limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${server.pid}/limits`, 'utf8'))?.[1]);
    const count = SOAK ? Math.min(10_000, limit - 200) : 1000;
    const before = memory();
    const first = await hold(count);
    const between = await givenBack(before, first.held);
    const second = await hold(count);
    const after = await givenBack(before, second.held);
    const each = ((first.held - before) * 1024) / count;
    console.log(
      `${count} idle connections (limit of open files ${limit}): ${[before, first.held, between, second.held, after].map(Math.round).join(' -> ')} MiB, ` +
        `${each.toFixed(0)} KiB each, answers beside them in ${first.time.toFixed(0)} and ${second.time.toFixed(0)} ms`,
    );
    expect(Math.max(first.time, second.time)).toBeLessThan(2000);
    expect(each).toBeLessThan(150);
    expect(second.held).toBeLessThan(first.held * 1.1);
  }, 400_000);
});

it('the server is well after all this, and found no defect in itself', async () => {
  expect(server.log).not.toMatch(/by a defect|"level":"(error|fatal)"/);
  expect((await overHttp1(admin, { path: '/readyz' })).text).toBe('ok');
});
