import { once } from 'node:events';
import * as http2 from 'node:http2';
import * as tls from 'node:tls';
import pino from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import type { ApiRequest, ApiResponse } from '../../src/apiserver/http.ts';
import { ApiServer, type ServerLimits } from '../../src/apiserver/server.ts';
import { systemClock } from '../../src/base/clock.ts';
import { TestAuthority } from '../harness/test-authority.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Answers to clients that read slowly or not at all; the server alone, with a handler that answers what each test needs. */

const MIB = 1024 * 1024;
const LARGE = Buffer.alloc(20 * MIB, 'x');
const ca = new TestAuthority();
const serving = ca.issue('kube-apiserver', [], 'serverAuth');

interface Seen {
  readonly path: string;
  readonly signal: AbortSignal;
}

const running: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});

async function start(limits: Partial<ServerLimits> = {}) {
  const seen: Seen[] = [];
  const stopping = new AbortController();
  let port = 0;
  const respond = async (request: ApiRequest): Promise<ApiResponse> => {
    seen.push(request);
    return answerTo(request, stopping.signal);
  };
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) });
  const server = new ApiServer({
    host: '127.0.0.1',
    port: 0,
    tls: { certificate: serving.cert, key: serving.key },
    respond,
    limits: { drainMs: 100, ...limits },
    onListening: bound => {
      port = bound;
    },
    clock: systemClock,
    log,
  });
  let ended: Promise<void> | undefined;
  await new Promise<void>(resolve => {
    ended = server.run(stopping.signal, resolve);
  });
  running.push(async () => {
    stopping.abort();
    await ended;
  });
  return { port, seen, lines };
}

function answerTo({ path }: ApiRequest, stopping: AbortSignal): ApiResponse {
  const headers = { 'content-type': 'application/json' };
  if (path === '/large') return { status: 200, headers, body: LARGE };
  if (path === '/list')
    return { status: 200, headers, body: Array.from({ length: 5000 }, () => LARGE.subarray(0, 4096)) };
  if (path === '/broken') {
    const stream = async () => Promise.reject(new TypeError('x is undefined'));
    return { status: 200, headers, body: { stream } };
  }
  if (path !== '/watch') return { status: 200, headers, body: '{}' };
  return {
    status: 200,
    headers,
    body: {
      async stream(sink, gone) {
        const signal = AbortSignal.any([gone, stopping]);
        // the state at the beginning is as large as a list
        await sink.write([LARGE, Buffer.from('\n')], signal);
        for (let i = 0; !signal.aborted; i++) {
          await sink.write([Buffer.from(`${i}\n`)], signal);
          await new Promise(resolve => setTimeout(resolve, 20));
        }
      },
    },
  };
}

function connect2(port: number): http2.ClientHttp2Session {
  const session = http2.connect(`https://127.0.0.1:${port}`, { ca: ca.pem });
  session.on('error', () => {});
  running.unshift(async () => session.destroy());
  return session;
}

/** `once` would take the error that comes with it for its own. */
function closed(stream: http2.ClientHttp2Stream): Promise<void> {
  return new Promise(resolve => stream.once('close', resolve));
}

/** Asks, and reads nothing of the body yet. */
async function open(session: http2.ClientHttp2Session, path: string): Promise<http2.ClientHttp2Stream> {
  const stream = session.request({ ':path': path });
  stream.on('error', () => {});
  await once(stream, 'response');
  return stream;
}

async function bytesOf(stream: http2.ClientHttp2Stream): Promise<number> {
  let bytes = 0;
  stream.on('data', (piece: Buffer) => {
    bytes += piece.length;
  });
  await closed(stream);
  return bytes;
}

async function connect1(port: number, ...paths: string[]): Promise<tls.TLSSocket> {
  const socket = tls.connect({ host: '127.0.0.1', port, ca: ca.pem, ALPNProtocols: ['http/1.1'] });
  socket.on('error', () => {});
  running.unshift(async () => {
    socket.destroy();
  });
  await once(socket, 'secureConnect');
  socket.pause();
  socket.write(paths.map(path => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`).join(''));
  return socket;
}

const rss = (): number => process.memoryUsage().rss / MIB;

describe('one HTTP/2 connection', () => {
  it('carries a hundred large lists that nobody reads, a watch and other requests beside them', async () => {
    const { port } = await start();
    const session = connect2(port);
    const before = rss();
    const lists = [];
    for (let i = 0; i < 90; i++) lists.push(await open(session, '/list'));
    const watch = await open(session, '/watch');
    let last = '';
    watch.on('data', (piece: Buffer) => {
      last = (last + piece.toString()).slice(-20);
    });
    await waitFor('events behind a large beginning', () => /\n\d\d+\n$/.test(last));
    const small = await open(session, '/small');
    expect(await bytesOf(small)).toBe(2);
    const held = rss() - before;
    console.log(`90 unread lists of 20 MiB on one connection: ${held.toFixed(0)} MiB in client and server`);
    expect(held).toBeLessThan(200);
    const read = await Promise.all(lists.map(bytesOf));
    expect(new Set(read)).toEqual(new Set([5000 * 4096]));
    watch.close();
  });
});

describe('an answer that its client does not take in time', () => {
  it('is cut off over HTTP/2, and the other requests of the connection go on', async () => {
    const { port, seen } = await start({ answerMs: 300, lateAnswerMs: 100 });
    const session = connect2(port);
    const list = await open(session, '/large');
    await closed(list);
    expect(list.rstCode).toBe(http2.constants.NGHTTP2_INTERNAL_ERROR);
    expect(seen[0]?.signal.aborted).toBe(true);
    expect(await bytesOf(await open(session, '/small'))).toBe(2);
  });

  it('is cut off over HTTP/2 where the connection itself is not read', async () => {
    const { port, seen } = await start({ answerMs: 300, lateAnswerMs: 100 });
    const socket = tls.connect({ host: '127.0.0.1', port, ca: ca.pem, ALPNProtocols: ['h2'] });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    const session = http2.connect('https://127.0.0.1', {
      createConnection: () => socket,
      settings: { initialWindowSize: 2 ** 31 - 1 },
    });
    session.on('error', () => {});
    await once(session, 'remoteSettings');
    session.setLocalWindowSize(2 ** 31 - 1);
    for (let i = 0; i < 10; i++) session.request({ ':path': '/large' }).on('error', () => {});
    socket.pause();
    await waitFor('the requests to end', saw => {
      saw(seen.map(each => each.signal.aborted));
      return seen.length === 10 && seen.every(each => each.signal.aborted);
    });
    session.destroy();
  });

  it('is cut off with its connection over HTTP/1.1, and so are those that wait behind it', async () => {
    const { port, seen } = await start({ answerMs: 300, lateAnswerMs: 100 });
    const socket = await connect1(port, '/large', '/large', '/small');
    await waitFor('the requests to end', () => seen.length === 3 && seen.every(each => each.signal.aborted));
    socket.resume();
    await once(socket, 'close');
  });

  it('does not hold for a stream', async () => {
    const { port, seen } = await start({ answerMs: 100, lateAnswerMs: 50 });
    const watch = await open(connect2(port), '/watch');
    const quick = await connect1(port, '/large');
    await waitFor('the answer beside it to be cut off', () => seen[1]?.signal.aborted === true);
    expect(seen[0]?.signal.aborted).toBe(false);
    quick.destroy();
    watch.close();
  });
});

describe('who leaves', () => {
  it('frees every request of an HTTP/1.1 connection, also those that wait for their turn', async () => {
    const { port, seen } = await start();
    const socket = await connect1(port, '/large', '/large', '/small');
    await waitFor('the requests to come in', () => seen.length === 3);
    socket.destroy();
    await waitFor('the requests to end', () => seen.every(each => each.signal.aborted));
  });
});

describe('memory', () => {
  it('is bounded: a list that nobody reads gives way to one that is read', async () => {
    const { port, seen } = await start({ maxUnreadBytes: 50 * MIB });
    const session = connect2(port);
    const lists = [await open(session, '/large'), await open(session, '/large')];
    await waitFor('the first to have stalled long enough', async () => {
      const third = await open(session, '/large');
      return (await bytesOf(third)) === LARGE.length;
    });
    expect(seen.slice(0, 2).map(each => each.signal.aborted)).toEqual([true, false]);
    for (const list of lists) list.close();
  });

  it('is refused with 429 where clients read on', async () => {
    const { port } = await start({ maxUnreadBytes: 30 * MIB });
    const session = connect2(port);
    const first = await open(session, '/large');
    const refused = session.request({ ':path': '/large' });
    const [headers] = await once(refused, 'response');
    expect(headers).toMatchObject({ ':status': 429, 'retry-after': '1' });
    expect(await bytesOf(first)).toBe(LARGE.length);
  });
});

it('a stream that fails is logged, and cut so that nobody takes half for the whole', async () => {
  const { port, lines } = await start();
  const broken = await open(connect2(port), '/broken');
  await closed(broken);
  expect(broken.rstCode).toBe(http2.constants.NGHTTP2_INTERNAL_ERROR);
  expect(lines.join('')).toContain('x is undefined');
});
