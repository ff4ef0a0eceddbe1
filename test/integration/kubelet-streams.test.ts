import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Pod } from '../../src/api/types/gen/core-v1.ts';
import { systemClock } from '../../src/base/clock.ts';
import { GantryError, notFound, unavailable } from '../../src/base/errors.ts';
import type { ApiCall, ApiConnection } from '../../src/client/connection.ts';
import { createLogger } from '../../src/daemon/logger.ts';
import { createRegistry } from '../../src/daemon/metrics.ts';
import { LABEL } from '../../src/kubelet/runtime/labels.ts';
import { Askers } from '../../src/kubelet/serve/asker.ts';
import { Checkpoints } from '../../src/kubelet/serve/checkpoints.ts';
import type { ContainerLogs } from '../../src/kubelet/serve/logs/container-logs.ts';
import { Rights } from '../../src/kubelet/serve/rights.ts';
import { type KubeletServerOptions, kubeletServer } from '../../src/kubelet/serve/server.ts';
import type { StatsAnswers } from '../../src/kubelet/serve/stats-answers.ts';
import { KubeletStreams } from '../../src/kubelet/serve/streams/kubelet-streams.ts';
import { serveRemoteCommand } from '../../src/remotecommand/serve-remote-command.ts';
import { ContainerConfig, PodSandboxConfig } from '../../src/rpc/cri-api.ts';
import { FakeRuntime } from '../unit/kubelet/fake-runtime.ts';

const log = createLogger({ daemon: 'test', level: 'silent' });
const runtime = new FakeRuntime();
const asked: string[] = [];
const seen: http.IncomingMessage[] = [];
const open = new Set<Duplex>();

/** A runtime's streaming server: echoes, or refuses what it is told to. */
const streaming = http.createServer((_request, response) => response.writeHead(404).end('unknown token'));
streaming.on('upgrade', (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
  seen.push(request);
  open.add(socket);
  socket.once('close', () => open.delete(socket));
  socket.on('error', () => {});
  if (request.url === '/old') {
    serveOld(request, socket, head);
    return;
  }
  if (request.url === '/new') {
    serveNew(request, socket);
    return;
  }
  if (request.url === '/expired') {
    socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\nConnection: close\r\n\r\nunknown token');
    return;
  }
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n\r\n');
  socket.write(head);
  socket.pipe(socket);
});

/** A runtime that knows the WebSocket protocol v5 refuses broken handshakes of it, as ours does. */
function serveNew(request: http.IncomingMessage, socket: Duplex): void {
  const refuse = (status: string): void => {
    socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  };
  if (request.headers['x-try'] === 'broken') refuse('503 Service Unavailable');
  else if (request.headers['sec-websocket-protocol'] !== 'v5.channel.k8s.io') refuse('403 Forbidden');
  else if (request.method !== 'GET') refuse('405 Method Not Allowed');
  else if ((request.headers['sec-websocket-key'] ?? '') === '') refuse('400 Bad Request');
  else if (request.headers['sec-websocket-version'] !== '13') refuse('400 Bad Request');
  else {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n');
    socket.write(`Sec-WebSocket-Protocol: ${request.headers['sec-websocket-protocol']}\r\n\r\n`);
  }
}

/** A runtime of SPDY and the older WebSocket protocols alone, as containerd is: sends input back and ends with 3. */
async function serveOld(request: http.IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  if (request.headers['sec-websocket-protocol'] !== undefined) {
    socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    return;
  }
  const wanted = { stdin: true, stdout: true, stderr: false, tty: false };
  const command = await serveRemoteCommand(request, socket, head, wanted);
  for await (const piece of command.stdin ?? []) command.stdout?.write(piece);
  await command.finish({ exitCode: 3 });
}

const pods = [
  {
    metadata: { name: 'web', namespace: 'a', uid: 'u-1' },
    spec: { containers: [{ name: 'main' }, { name: 'shell', tty: true }, { name: 'ended' }] },
  },
  { metadata: { name: 'ended', namespace: 'a', uid: 'u-2' }, spec: { containers: [{ name: 'main' }] } },
] as unknown as Pod[];

const ends: (() => Promise<void>)[] = [];

async function serve(changed: Partial<KubeletServerOptions> = {}): Promise<number> {
  const stop = new AbortController();
  let port = 0;
  const server = kubeletServer({
    host: '127.0.0.1',
    port: 0,
    tls: undefined,
    askers: undefined,
    rights: undefined,
    pods: () => pods,
    logs: undefined as unknown as ContainerLogs,
    stats: { answer: async () => undefined } as unknown as StatsAnswers,
    runtime,
    streams: new KubeletStreams({ pods: () => pods, runtime, log }),
    podsKnown: async () => {},
    checkpoints: new Checkpoints({ directory: '/checkpoints', pods: () => pods, runtime, clock: systemClock }),
    debugging: true,
    entersPods: true,
    registry: createRegistry(),
    log: Object.assign(Object.create(log), {
      info: (fields: { port?: number }) => {
        port = fields.port ?? port;
      },
    }),
    ...changed,
  });
  let ended: Promise<void> = Promise.resolve();
  await new Promise<void>(ready => {
    ended = server.run(stop.signal, ready);
  });
  ends.push(async () => {
    stop.abort();
    await ended;
  });
  return port;
}

let port = 0;
beforeAll(async () => {
  await new Promise<void>(resolve => streaming.listen(0, '127.0.0.1', resolve));
  const labels = { [LABEL.podUid]: 'u-1', [LABEL.podName]: 'web', [LABEL.podNamespace]: 'a' };
  const signal = new AbortController().signal;
  const sandbox = await runtime.runSandbox(PodSandboxConfig.fromPartial({ labels }));
  for (const name of ['main', 'shell', 'ended']) {
    const config = ContainerConfig.fromPartial({ metadata: { name }, labels, image: { image: 'busybox' } });
    const id = await runtime.createContainer(sandbox, config);
    if (name !== 'ended') await runtime.startContainer(id);
  }
  signal.throwIfAborted();
  port = await serve();
});
beforeEach(() => {
  asked.length = 0;
  const base = `http://127.0.0.1:${(streaming.address() as AddressInfo).port}`;
  runtime.streamUrl = async what => {
    asked.push(what);
    return `${base}/token`;
  };
});
afterAll(async () => {
  for (const end of ends) await end();
  for (const socket of open) socket.destroy();
  streaming.closeAllConnections();
  await new Promise(resolve => streaming.close(resolve));
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

function upgrade(path: string, options: http.RequestOptions = {}): Promise<Socket | Answer> {
  return new Promise((resolve, reject) => {
    const headers = { connection: 'Upgrade', upgrade: 'SPDY/3.1', ...options.headers };
    const request = http.request({ host: '127.0.0.1', port, agent: false, path, method: 'POST', ...options, headers });
    request.on('upgrade', (_answer, socket) => resolve(socket));
    request.on('response', async answer => {
      const chunks: Buffer[] = [];
      for await (const chunk of answer) chunks.push(chunk as Buffer);
      resolve({ status: answer.statusCode, headers: answer.headers, text: Buffer.concat(chunks).toString() });
    });
    request.on('error', reject);
    request.end();
  });
}
const stream = (path: string, options?: http.RequestOptions) => upgrade(path, options) as Promise<Socket>;
const refusal = (path: string, options?: http.RequestOptions) => upgrade(path, options) as Promise<Answer>;
const plain = { headers: { connection: 'close' } };

describe('a stream of the kubelet', () => {
  it.each([
    ['/exec/a/web/main?command=ls&command=-l&output=1', 'exec c2 ls -l'],
    ['/exec/a/web/u-1/main?command=ls&output=1', 'exec c2 ls'],
    ['/attach/a/web/shell?input=1', 'attach c3'],
    ['/portForward/a/web', 'portForward s1 '],
    ['/portForward/a/web/u-1', 'portForward s1 '],
  ])('%s is asked of the runtime as %j, and passes bytes', async (path, call) => {
    const socket = await stream(path, {
      headers: { authorization: 'Bearer secret', 'x-stream-protocol-version': 'v4.channel.k8s.io' },
    });
    expect(asked).toEqual([call]);
    expect(seen.at(-1)?.headers).toMatchObject({
      upgrade: 'SPDY/3.1',
      'x-stream-protocol-version': 'v4.channel.k8s.io',
    });
    expect(seen.at(-1)?.headers).not.toHaveProperty('authorization');
    socket.write('hello');
    expect(String((await once(socket, 'data'))[0])).toBe('hello');
    socket.destroy();
    await expect.poll(() => open.size).toBe(0);
  });

  it('may be of a command with long arguments', async () => {
    const argument = 'a'.repeat(120_000);
    const socket = await stream(`/exec/a/web/main?command=echo&command=${argument}&output=1`);
    expect(asked).toEqual([`exec c2 echo ${argument}`]);
    socket.destroy();
  });

  it('of WebSocket channels has its ports in the query', async () => {
    const headers = { upgrade: 'websocket', 'sec-websocket-protocol': 'v4.channel.k8s.io' };
    const socket = await stream('/portForward/a/web?port=80&port=81', { method: 'GET', headers });
    expect(asked).toEqual(['portForward s1 80,81']);
    socket.destroy();
  });

  it.each([
    ['of a pod that is not there', '/exec/a/none/main?output=1', 404, 'pod does not exist'],
    ['of a container that is not there', '/exec/a/web/none?output=1', 500, 'container not found ("none")'],
    ['of a container that does not run', '/exec/a/web/ended?output=1', 500, 'container not found ("ended")'],
    ['of another life of the pod', '/exec/a/web/u-9/main?output=1', 500, 'container not found ("main")'],
    ['to attach to what does not run', '/attach/a/web/ended?output=1', 500, 'container ended not found in pod web_a'],
    ['to ports of a pod that does not run', '/portForward/a/ended', 500, 'pod not found ("ended_a")'],
    ['to ports of another life of the pod', '/portForward/a/web/u-9', 404, 'pod not found'],
    ['without streams', '/exec/a/web/main?command=ls', 400, 'you must specify at least 1 of stdin, stdout, stderr'],
  ])('%s is refused in plain HTTP', async (_sentence, path, status, text) => {
    expect(await refusal(path)).toMatchObject({ status, text });
    expect(asked).toEqual([]);
  });

  it.each([
    ['has no such container', notFound('no container'), 404, 'no container', undefined],
    ['has too many waiting', new GantryError('resource-exhausted', 'too many'), 429, 'too many', '60'],
    ['fails', new Error('broken'), 500, 'broken', undefined],
  ])('is refused where the runtime %s', async (_sentence, error, status, text, retry) => {
    runtime.streamUrl = () => Promise.reject(error);
    const answer = await refusal('/exec/a/web/main?output=1');
    expect(answer).toMatchObject({ status, text });
    expect(answer.headers['retry-after']).toBe(retry);
  });

  it('is refused where nobody serves it, and where its token has expired', async () => {
    runtime.streamUrl = async () => 'http://127.0.0.1:1/token';
    expect(await refusal('/exec/a/web/main?output=1')).toMatchObject({
      status: 500,
      text: 'error dialing backend: dial tcp 127.0.0.1:1: connect: connection refused',
    });
    const base = `http://127.0.0.1:${(streaming.address() as AddressInfo).port}`;
    runtime.streamUrl = async () => `${base}/expired`;
    expect(await refusal('/exec/a/web/main?output=1')).toMatchObject({ status: 404, text: 'unknown token' });
  });

  it('over WebSocket becomes SPDY for a runtime that does not know its protocol, which is asked once', async () => {
    const aged = await serve();
    const base = `http://127.0.0.1:${(streaming.address() as AddressInfo).port}`;
    runtime.streamUrl = async what => {
      asked.push(what);
      return `${base}/old`;
    };
    const command = async (): Promise<string[]> => {
      const url = `ws://127.0.0.1:${aged}/exec/a/web/main?command=cat&input=1&output=1`;
      const ws = new WebSocket(url, 'v5.channel.k8s.io');
      const read = ['', '', '', '', ''];
      ws.on('message', (message: Buffer) => {
        read[message[0] ?? 0] += message.subarray(1).toString();
      });
      await once(ws, 'open');
      ws.send(Buffer.concat([Buffer.of(0), Buffer.from('hello')]));
      ws.send(Buffer.of(255, 0));
      await once(ws, 'close');
      return [read[1] ?? '', JSON.parse(read[3] ?? '').reason];
    };
    expect(await command()).toEqual(['hello', 'NonZeroExitCode']);
    expect(asked).toHaveLength(2);
    expect(await command()).toEqual(['hello', 'NonZeroExitCode']);
    expect(asked).toHaveLength(3);
  });

  const TUNNEL = 'SPDY/3.1+portforward.k8s.io';
  const handshake = {
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-protocol': 'v5.channel.k8s.io',
  };
  const without = (name: string) => Object.fromEntries(Object.entries(handshake).filter(([each]) => each !== name));
  it.each<[string, http.RequestOptions, number]>([
    ['a handshake without a key', { method: 'GET', headers: without('sec-websocket-key') }, 400],
    ['a handshake of no version', { method: 'GET', headers: without('sec-websocket-version') }, 400],
    ['a handshake of an empty key', { method: 'GET', headers: { ...handshake, 'sec-websocket-key': '' } }, 400],
    ['a handshake that posts', { method: 'POST', headers: handshake }, 405],
    ['another protocol', { method: 'GET', headers: { ...handshake, 'sec-websocket-protocol': TUNNEL } }, 403],
    ['a failure of the runtime', { method: 'GET', headers: { ...handshake, 'x-try': 'broken' } }, 503],
  ])('over WebSocket goes on to a runtime that knows its protocol after %s', async (_sentence, broken, status) => {
    const fresh = await serve();
    const base = `http://127.0.0.1:${(streaming.address() as AddressInfo).port}`;
    runtime.streamUrl = async () => `${base}/new`;
    const path = '/exec/a/web/main?command=cat&input=1&output=1';
    expect(await refusal(path, { ...broken, port: fresh })).toMatchObject({ status });
    const socket = await stream(path, { method: 'GET', headers: handshake, port: fresh });
    expect(seen.at(-1)?.headers).toMatchObject({ upgrade: 'websocket' });
    socket.destroy();
  });

  it('over WebSocket is refused where it is of another kind, and nothing is held against the runtime', async () => {
    const fresh = await serve();
    const base = `http://127.0.0.1:${(streaming.address() as AddressInfo).port}`;
    runtime.streamUrl = async () => `${base}/old`;
    const wrong = { method: 'GET', headers: handshake, port: fresh };
    expect(await refusal('/portForward/a/web?port=80', wrong)).toMatchObject({ status: 403 });
    runtime.streamUrl = async () => `${base}/new`;
    const socket = await stream('/exec/a/web/main?command=cat&output=1', wrong);
    expect(seen.at(-1)?.headers).toMatchObject({ upgrade: 'websocket' });
    socket.destroy();
  });

  it('needs an upgrade', async () => {
    expect(await refusal('/exec/a/web/main?output=1', plain)).toMatchObject({
      status: 500,
      text: 'Upgrade request required',
    });
    expect(await refusal('/exec/a/none/main?output=1', plain)).toMatchObject({ status: 404 });
    expect(await refusal('/exec/a/web/main?output=1', { method: 'PUT' })).toMatchObject({ status: 405 });
  });

  it('ends when the kubelet stops, and when the runtime does', async () => {
    const other = await serve();
    const socket = await stream('/exec/a/web/main?output=1', { port: other });
    socket.resume();
    const closed = once(socket, 'close');
    await Promise.all([ends.pop()?.(), closed]);
    const left = await stream('/exec/a/web/main?output=1');
    left.resume();
    const ended = once(left, 'close');
    for (const each of open) each.destroy();
    await ended;
  });
});

/** An API server that knows ann, who may do all, bob, who may read metrics, and cat, of whom it cannot tell. */
const judge = {
  async call({ body }: ApiCall) {
    const { spec } = JSON.parse(String(body));
    const { token, user, resourceAttributes } = spec;
    if (user === 'cat') throw unavailable('away');
    const status =
      user === undefined
        ? { authenticated: /^(ann|bob|cat)$/.test(token), user: { username: token } }
        : { allowed: user === 'ann' || resourceAttributes.subresource === 'metrics' };
    return { status: 201, body: Buffer.from(JSON.stringify({ metadata: {}, spec, status })) };
  },
} as unknown as ApiConnection;

describe('a stream of a kubelet that asks the API server who may do what', () => {
  let guarded = 0;
  beforeAll(async () => {
    const ttl = { clock: systemClock, allowedMs: 60_000, deniedMs: 60_000 };
    guarded = await serve({
      askers: new Askers({ connection: judge, tokenTtlMs: 60_000, anonymous: false, clock: systemClock, log }),
      rights: new Rights(judge, { nodeName: 'n1', ...ttl }),
    });
  });

  const spdy = { method: 'POST', headers: {} };
  const webSocket = {
    method: 'GET',
    headers: { upgrade: 'websocket', 'sec-websocket-protocol': 'v4.channel.k8s.io' },
  };
  describe.each([
    ['/exec/a/web/main?command=ls&output=1', 'create', spdy, 'exec c2 ls'],
    ['/exec/a/web/main?command=ls&output=1', 'get', webSocket, 'exec c2 ls'],
    ['/attach/a/web/shell?input=1', 'create', spdy, 'attach c3'],
    ['/attach/a/web/shell?input=1', 'get', webSocket, 'attach c3'],
    ['/portForward/a/web', 'create', spdy, 'portForward s1 '],
    ['/portForward/a/web?port=80', 'get', webSocket, 'portForward s1 80'],
  ])('%s (%s)', (path, verb, { method, headers }, call) => {
    const as = (authorization?: string): http.RequestOptions => ({
      port: guarded,
      method,
      headers: authorization === undefined ? headers : { ...headers, authorization },
    });

    it.each([
      ['without credentials', undefined, 401, 'Unauthorized'],
      ['with a token that nobody knows', 'Bearer eve', 401, 'Unauthorized'],
      ['with a password', 'Basic YW5uOmFubg==', 401, 'Unauthorized'],
      [
        'without the right',
        'Bearer bob',
        403,
        `Forbidden (user=bob, verb=${verb}, resource=nodes, subresource(s)=[proxy])`,
      ],
      [
        'where it cannot be told',
        'Bearer cat',
        500,
        `Authorization error (user=cat, verb=${verb}, resource=nodes, subresource(s)=[proxy])`,
      ],
    ])('is refused %s', async (_sentence, authorization, status, text) => {
      expect(await refusal(path, as(authorization))).toMatchObject({ status, text });
      expect(asked).toEqual([]);
    });

    it('begins with the right to it', async () => {
      const socket = await stream(path, as('Bearer ann'));
      expect(asked).toEqual([call]);
      socket.write('hello');
      expect(String((await once(socket, 'data'))[0])).toBe('hello');
      socket.destroy();
    });
  });

  it('is not the only thing that is guarded: a command and the list of what runs are too', async () => {
    const headers = { connection: 'close', authorization: 'Bearer bob' };
    expect(await refusal('/run/a/web/main?cmd=ls', { port: guarded, headers })).toMatchObject({
      status: 403,
      text: 'Forbidden (user=bob, verb=create, resource=nodes, subresource(s)=[proxy])',
    });
    expect(await refusal('/runningpods/', { port: guarded, headers, method: 'GET' })).toMatchObject({
      status: 403,
      text: 'Forbidden (user=bob, verb=get, resource=nodes, subresource(s)=[pods proxy])',
    });
    expect(await refusal('/metrics', { port: guarded, headers, method: 'GET' })).toMatchObject({ status: 200 });
  });
});

describe('the kubelet', () => {
  it('runs a command to its end', async () => {
    runtime.answerExec = async (_id, command) => (command.join('|') === 'sh|-c|x' ? 0 : 7);
    expect(await refusal('/run/a/web/main?cmd=sh%20-c%20x', plain)).toMatchObject({ status: 200, text: 'said 0' });
    expect(await refusal('/run/a/web/main?cmd=false', plain)).toMatchObject({
      status: 500,
      text: "command 'false' exited with 7:",
    });
    expect(await refusal('/run/a/web/main', { ...plain, method: 'GET' })).toMatchObject({ status: 405 });
  });

  it('has a container checkpointed, and names the archive', async () => {
    const { status, text } = await refusal('/checkpoint/a/web/main', plain);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual({
      items: [expect.stringMatching(/^\/checkpoints\/checkpoint-web_a-main-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\.tar$/)],
    });
    expect(await refusal('/checkpoint/a/web/none', plain)).toMatchObject({ status: 404 });
    expect(await refusal('/checkpoint/a/web/main', { ...plain, method: 'GET' })).toMatchObject({ status: 405 });
  });

  it('tells what runs', async () => {
    const { text } = await refusal('/runningpods/', { ...plain, method: 'GET' });
    expect(JSON.parse(text).items).toMatchObject([
      {
        metadata: { name: 'web', namespace: 'a', uid: 'u-1' },
        spec: { containers: [{ name: 'main' }, { name: 'shell' }] },
      },
    ]);
  });

  it('answers what asks for an upgrade and is no stream as ever', async () => {
    expect(await refusal('/healthz', { method: 'GET' })).toMatchObject({ status: 200, text: 'ok' });
  });

  it('looks into no container where debugging is off', async () => {
    const closed = await serve({ debugging: false });
    for (const path of ['/exec/a/web/main?output=1', '/portForward/a/web', '/run/a/web/main', '/runningpods/'])
      expect(await refusal(path, { port: closed })).toMatchObject({
        status: 405,
        text: 'Debug endpoints are disabled.',
      });
    expect(asked).toEqual([]);
    expect(await refusal('/healthz', { ...plain, port: closed, method: 'GET' })).toMatchObject({ status: 200 });
  });

  it.each([
    ['/exec/a/web/main?command=ls&output=1', 'POST'],
    ['/exec/a/web/main?command=ls&output=1', 'GET'],
    ['/attach/a/web/shell?input=1', 'POST'],
    ['/portForward/a/web', 'POST'],
    ['/run/a/web/main?cmd=ls', 'POST'],
    ['/ru%6e/a/web/main?cmd=ls', 'POST'],
    ['/checkpoint/a/web/main', 'POST'],
  ])('lets nobody into a pod where it cannot tell who asks: %s by %s', async (path, method) => {
    let ran = false;
    runtime.answerExec = async () => {
      ran = true;
      return 0;
    };
    const closed = await serve({ entersPods: false });
    for (const how of [{}, plain])
      expect(await refusal(path, { ...how, port: closed, method })).toMatchObject({ status: 405 });
    expect([ran, asked]).toEqual([false, []]);
    expect(await refusal('/runningpods/', { ...plain, port: closed, method: 'GET' })).toMatchObject({ status: 200 });
  });

  it('says how it may let into pods', async () => {
    const closed = await serve({ entersPods: false });
    const { status, text } = await refusal('/run/a/web/main?cmd=ls', { ...plain, port: closed });
    expect([status, text]).toEqual([
      405,
      expect.stringMatching(/closed.*authentication\.x509\.clientCAFile.*authorization\.mode: AlwaysAllow$/),
    ]);
  });
});
