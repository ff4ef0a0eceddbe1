import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type * as http from 'node:http';
import * as http2 from 'node:http2';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ApiServer } from '../../src/apiserver/server.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/daemon/logger.ts';
import { serveRemoteCommand } from '../../src/remotecommand/serve-remote-command.ts';
import { MemoryApi } from '../harness/memory-api.ts';
import { TestAuthority } from '../harness/test-authority.ts';

const log = createLogger({ daemon: 'test', level: 'silent' });
const ca = new TestAuthority();
const serving = ca.issue('kube-apiserver', [], 'serverAuth');
const kubeletServing = ca.issue('node', [], 'serverAuth');
const shown = ca.issue('kube-apiserver-kubelet-client', ['system:masters'], 'clientAuth');
const EXEC = '/api/v1/namespaces/a/pods/web/exec';

/** A kubelet as far as the API server sees it: echoes what is upgraded, and says what it was asked. */
const kubelet = https.createServer(
  { ...kubeletServing, ca: ca.pem, requestCert: true, rejectUnauthorized: true },
  (_request, response) => response.writeHead(200).end('no upgrade'),
);
const seen: http.IncomingMessage[] = [];
const open = new Set<Duplex>();
kubelet.on('upgrade', (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
  seen.push(request);
  open.add(socket);
  socket.once('close', () => open.delete(socket));
  socket.on('error', () => {});
  if (request.url?.includes('refused')) {
    socket.end(
      'HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 18\r\nConnection: close\r\n\r\npod does not exist',
    );
    return;
  }
  if (request.url?.includes('plain')) {
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok');
    return;
  }
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n\r\n');
  socket.write(head);
  socket.pipe(socket);
});

/** A kubelet of an older release: speaks SPDY alone, sends its input back and ends with 3. */
const old = https.createServer(kubeletServing);
old.on('upgrade', async (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
  seen.push(request);
  const wanted = { stdin: true, stdout: true, stderr: false, tty: false };
  const command = await serveRemoteCommand(request, socket, head, wanted);
  for await (const piece of command.stdin ?? []) command.stdout?.write(piece);
  await command.finish({ exitCode: 3 });
});

let api: MemoryApi;
let port = 0;
let ended: Promise<void>;
const stopping = new AbortController();

async function serve(signal: AbortSignal): Promise<{ port: number; ended: Promise<void> }> {
  let bound = 0;
  let done: Promise<void> = Promise.resolve();
  const server = new ApiServer({
    host: '127.0.0.1',
    port: 0,
    tls: { certificate: serving.cert, key: serving.key },
    respond: api.handle,
    onListening: number => {
      bound = number;
    },
    clock: systemClock,
    log,
  });
  await new Promise<void>(ready => {
    done = server.run(signal, ready);
  });
  return { port: bound, ended: done };
}

function pod(name: string, nodeName: string | undefined, containers = ['main']) {
  return api.put(`/registry/pods/a/${name}`, {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name, namespace: 'a' },
    spec: {
      ...(nodeName === undefined ? {} : { nodeName }),
      containers: containers.map(each => ({ name: each, image: 'x' })),
      ephemeralContainers: [{ name: 'debug', image: 'x' }],
    },
  });
}

function node(name: string, kubeletPort: number, declaredFeatures = ['ExtendWebSocketsToKubelet']) {
  return api.put(`/registry/minions/${name}`, {
    kind: 'Node',
    apiVersion: 'v1',
    metadata: { name },
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
      declaredFeatures,
    },
  });
}

beforeAll(async () => {
  api = await MemoryApi.start({ certificate: shown, ca: ca.pem });
  await new Promise<void>(resolve => kubelet.listen(0, '127.0.0.1', resolve));
  await node('n1', (kubelet.address() as AddressInfo).port);
  await node('away', 1);
  await new Promise<void>(resolve => old.listen(0, '127.0.0.1', resolve));
  await node('older', (old.address() as AddressInfo).port, []);
  await pod('aged', 'older');
  await pod('web', 'n1');
  await pod('two', 'n1', ['one', 'other']);
  await pod('nowhere', undefined);
  await pod('lost', 'away');
  await pod('orphan', 'n9');
  ({ port, ended } = await serve(stopping.signal));
});
afterAll(async () => {
  stopping.abort();
  await ended;
  await api.stop();
  for (const server of [kubelet, old]) server.closeAllConnections();
  for (const socket of open) socket.destroy();
  for (const server of [kubelet, old]) await new Promise(resolve => server.close(resolve));
});

interface Answer {
  readonly status: number | undefined;
  readonly text: string;
}

/** Asks for SPDY: the stream, or the answer of plain HTTP. */
function upgrade(path: string, options: https.RequestOptions = {}): Promise<TLSSocket | Answer> {
  return new Promise((resolve, reject) => {
    const headers = { connection: 'Upgrade', upgrade: 'SPDY/3.1', ...options.headers };
    const method = options.method ?? 'POST';
    const request = https.request({
      host: '127.0.0.1',
      port,
      ca: ca.pem,
      agent: false,
      path,
      ...options,
      method,
      headers,
    });
    request.on('upgrade', (_answer, socket) => resolve(socket as TLSSocket));
    request.on('response', async answer => {
      const chunks: Buffer[] = [];
      for await (const chunk of answer) chunks.push(chunk as Buffer);
      resolve({ status: answer.statusCode, text: Buffer.concat(chunks).toString() });
    });
    request.on('error', reject);
    request.end();
  });
}
const stream = (path: string, options?: https.RequestOptions) => upgrade(path, options) as Promise<TLSSocket>;
const message = ({ text }: Answer) => JSON.parse(text).message;

describe('a stream to a kubelet', () => {
  it.each([
    [
      `${EXEC}?command=sh&command=-c&command=a%20b&stdin=true&stdout=1&stderr=false&tty=true`,
      '/exec/a/web/main?command=sh&command=-c&command=a+b&input=1&output=1&tty=1',
    ],
    [
      '/api/v1/namespaces/a/pods/two/attach?container=other&stdout=true&stderr=true',
      '/attach/a/two/other?error=1&output=1',
    ],
    ['/api/v1/namespaces/a/pods/web/attach?container=debug&stdin=true', '/attach/a/web/debug?input=1'],
    ['/api/v1/namespaces/a/pods/web/portforward', '/portForward/a/web'],
    ['/api/v1/namespaces/a/pods/web/portforward?ports=80&ports=8080', '/portForward/a/web?port=80%2C8080'],
  ])('%s asks it for %s, with the certificate of the API server', async (path, asked) => {
    const socket = await stream(path, {
      headers: { 'x-stream-protocol-version': 'v4.channel.k8s.io', authorization: 'Bearer secret' },
    });
    const request = seen.at(-1);
    expect(request?.url).toBe(asked);
    expect(request?.headers).toMatchObject({
      upgrade: 'SPDY/3.1',
      'x-stream-protocol-version': 'v4.channel.k8s.io',
      'x-forwarded-for': '127.0.0.1',
    });
    expect(request?.headers).not.toHaveProperty('authorization');
    expect((request?.socket as TLSSocket | undefined)?.getPeerCertificate().subject.CN).toBe(
      'kube-apiserver-kubelet-client',
    );
    socket.destroy();
  });

  it('passes every byte both ways', async () => {
    const socket = await stream(EXEC);
    const sent = randomBytes(8 * 1024 * 1024);
    const hash = createHash('sha256');
    let length = 0;
    socket.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      length += chunk.length;
    });
    socket.write(sent);
    await expect.poll(() => length, { timeout: 20_000 }).toBe(sent.length);
    expect(hash.digest('hex')).toBe(createHash('sha256').update(sent).digest('hex'));
    socket.destroy();
  });

  it('goes no faster than its reader, who gets all of it in the end', async () => {
    const socket = await stream(EXEC);
    socket.pause();
    const piece = randomBytes(1024 * 1024);
    const total = 96;
    const hash = createHash('sha256');
    let written = 0;
    let blocked = false;
    const write = (): void => {
      blocked = false;
      while (written < total && !blocked) {
        hash.update(piece);
        blocked = !socket.write(piece);
        written++;
      }
    };
    socket.on('drain', write);
    write();
    // every socket between the two is in this process: what moves at all moves within a few turns
    let still = 0;
    let before = -1;
    await expect
      .poll(
        async () => {
          for (let i = 0; i < 20; i++) await turn();
          still = blocked && socket.bytesWritten === before ? still + 1 : 0;
          before = socket.bytesWritten;
          return still;
        },
        { timeout: 20_000 },
      )
      .toBeGreaterThanOrEqual(5);
    // three connections with the buffers of the kernel each way, and the echo
    expect(written).toBeLessThan(total / 2);
    let length = 0;
    const back = createHash('sha256');
    socket.on('data', (chunk: Buffer) => {
      back.update(chunk);
      length += chunk.length;
    });
    socket.resume();
    await expect.poll(() => length, { timeout: 20_000 }).toBe(total * piece.length);
    expect(back.digest('hex')).toBe(hash.digest('hex'));
    socket.destroy();
  }, 60_000);

  it.each([
    [
      'of a container that is not clear',
      '/api/v1/namespaces/a/pods/two/exec',
      400,
      'a container name must be specified for pod two, choose one of: [one other debug]',
    ],
    ['of a container that is not there', `${EXEC}?container=x`, 400, 'container x is not valid for pod web'],
    [
      'of a pod without a node',
      '/api/v1/namespaces/a/pods/nowhere/exec',
      400,
      'pod nowhere does not have a host assigned',
    ],
    ['of a pod that is not there', '/api/v1/namespaces/a/pods/none/exec', 404, 'pods "none" not found'],
    ['of a pod whose node is gone', '/api/v1/namespaces/a/pods/orphan/exec', 404, 'nodes "n9" not found'],
    [
      'to a kubelet that is away',
      '/api/v1/namespaces/a/pods/lost/exec',
      500,
      'error dialing backend: dial tcp 127.0.0.1:1: connect: connection refused',
    ],
    ['that is only tried', `${EXEC}?dryRun=All`, 400, 'dryRun is not supported'],
    [
      'to a port that is none',
      '/api/v1/namespaces/a/pods/web/portforward?ports=x',
      400,
      'strconv.ParseInt: parsing "x": invalid syntax',
    ],
    ['that the kubelet answers without one', `${EXEC}?command=plain`, 500, 'invalid upgrade response: status code 200'],
  ])('%s is refused with a Status', async (_sentence, path, status, words) => {
    const answer = (await upgrade(path)) as Answer;
    expect(message(answer)).toBe(words);
    expect(answer.status).toBe(status);
  });

  it('hands on what the kubelet refuses, as it is', async () => {
    expect(await upgrade(`${EXEC}?command=refused`)).toEqual({ status: 404, text: 'pod does not exist' });
  });

  it('needs an upgrade, which HTTP/2 has not got', async () => {
    const plain = (await upgrade(EXEC, { headers: { connection: 'close' } })) as Answer;
    expect(plain.status).toBe(400);
    expect(message(plain)).toBe('Upgrade request required');
    const session = http2.connect(`https://127.0.0.1:${port}`, { ca: ca.pem });
    const request = session.request({ ':method': 'POST', ':path': EXEC });
    request.end();
    const [headers] = await once(request, 'response');
    expect(headers[':status']).toBe(400);
    session.destroy();
  });

  it('has no other verbs', async () => {
    expect(await upgrade(EXEC, { method: 'PUT' })).toMatchObject({ status: 405 });
  });

  it('ends at the kubelet when the client leaves, and at the client when the kubelet does', async () => {
    const leaving = await stream(EXEC);
    expect(open.size).toBe(1);
    leaving.destroy();
    await expect.poll(() => open.size).toBe(0);
    const left = await stream(EXEC);
    left.resume();
    const closed = once(left, 'close');
    for (const socket of open) socket.destroy();
    await closed;
  });

  it('may be one of 200, of which nothing is left', async () => {
    const sockets = await Promise.all(Array.from({ length: 200 }, () => stream(EXEC)));
    const echoes = sockets.map(async (socket, i) => {
      socket.write(`stream ${i}`);
      return String((await once(socket, 'data'))[0]);
    });
    expect(await Promise.all(echoes)).toEqual(sockets.map((_, i) => `stream ${i}`));
    expect(open.size).toBe(200);
    for (const socket of sockets) socket.end();
    await expect.poll(() => open.size).toBe(0);
  });

  it('over WebSocket goes on as it is to a kubelet that takes it', async () => {
    const headers = {
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      'sec-websocket-protocol': 'v5.channel.k8s.io',
    };
    const socket = await stream(EXEC, { method: 'GET', headers });
    expect(seen.at(-1)).toMatchObject({ method: 'GET', headers });
    socket.destroy();
  });

  it('over WebSocket becomes SPDY for an older kubelet', async () => {
    const path = '/api/v1/namespaces/a/pods/aged/exec?stdin=true&stdout=true';
    const ws = new WebSocket(`wss://127.0.0.1:${port}${path}`, 'v5.channel.k8s.io', { ca: ca.pem });
    const read = ['', '', '', '', ''];
    ws.on('message', (message: Buffer) => {
      read[message[0] ?? 0] += message.subarray(1).toString();
    });
    await once(ws, 'open');
    ws.send(Buffer.concat([Buffer.of(0), Buffer.from('hello')]));
    ws.send(Buffer.of(255, 0));
    await once(ws, 'close');
    expect(seen.at(-1)).toMatchObject({
      method: 'POST',
      headers: { upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'v4.channel.k8s.io' },
    });
    expect(seen.at(-1)?.headers).not.toHaveProperty('sec-websocket-key');
    expect(read[1]).toBe('hello');
    expect(JSON.parse(read[3] ?? '')).toMatchObject({
      reason: 'NonZeroExitCode',
      details: { causes: [{ message: '3' }] },
    });
  });

  it.each([
    [[], ['', 'no upgrade']],
    [['binary.k8s.io'], ['', 'no upgrade']],
    [['base64.binary.k8s.io'], ['', Buffer.from('no upgrade').toString('base64')]],
  ])('brings logs over WebSocket too, with the subprotocols %j', async (protocols, messages) => {
    const ws = new WebSocket(`wss://127.0.0.1:${port}/api/v1/namespaces/a/pods/web/log`, protocols, { ca: ca.pem });
    const read: string[] = [];
    ws.on('message', message => read.push(String(message)));
    const [code] = await once(ws, 'close');
    expect([code, read]).toEqual([1000, messages]);
  });

  it('brings the events of a watch over WebSocket, one a message', async () => {
    const ws = new WebSocket(`wss://127.0.0.1:${port}/api/v1/namespaces/a/pods?watch=true`, { ca: ca.pem });
    const read: string[] = [];
    ws.on('message', (message, isBinary) => {
      const { type, object } = JSON.parse(String(message));
      read.push(`${isBinary ? 'bytes' : 'text'} ${type} ${object.metadata.name}`);
    });
    const names = ['aged', 'lost', 'nowhere', 'orphan', 'two', 'web'];
    await expect.poll(() => read.toSorted()).toEqual(names.map(name => `text ADDED ${name}`));
    ws.close();
    expect((await once(ws, 'close'))[0]).toBe(1005);
  });

  it('brings no logs to who wants another subprotocol', async () => {
    const headers = {
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      'sec-websocket-protocol': 'v4.channel.k8s.io',
    };
    const answer = (await upgrade('/api/v1/namespaces/a/pods/web/log', { method: 'GET', headers })) as Answer;
    expect(answer.status).toBe(403);
  });

  it('ends when the server stops', async () => {
    const leave = new AbortController();
    const other = await serve(leave.signal);
    const socket = await stream(EXEC, { port: other.port });
    socket.resume();
    const closed = once(socket, 'close');
    leave.abort();
    await api.stop();
    await Promise.all([closed, other.ended]);
  });
});
