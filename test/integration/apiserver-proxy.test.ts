import { once } from 'node:events';
import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as https from 'node:https';
import type * as net from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compose, newContext } from '../../src/apiserver/pipeline/context.ts';
import { recoverFilter } from '../../src/apiserver/pipeline/recover.ts';
import { requestInfoFilter } from '../../src/apiserver/pipeline/request-headers.ts';
import { forwardRequest } from '../../src/apiserver/proxy/forward-request.ts';
import { proxiedPath } from '../../src/apiserver/proxy/proxied-path.ts';
import { ProxyAgents } from '../../src/apiserver/proxy/proxy-agents.ts';
import { ApiServer } from '../../src/apiserver/server.ts';
import { jsonWriter } from '../../src/apiserver/status/status-response.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/daemon/logger.ts';
import { certificatePem, selfSignedCertificate } from '../../src/pki/certificate.ts';
import { generateKey, privateKeyPem } from '../../src/pki/keys.ts';

const PROXY = '/api/v1/namespaces/a/pods/web:80/proxy';
const log = createLogger({ daemon: 'test', level: 'silent' });
const key = generateKey();
const certificate = certificatePem(
  selfSignedCertificate(
    {
      subject: { commonName: 'localhost', organizations: [] },
      publicKey: key,
      notBefore: new Date(Date.now() - 300_000),
      notAfter: new Date(Date.now() + 3_600_000),
      keyUsages: ['digitalSignature'],
      subjectAltNames: { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] },
    },
    key,
  ),
);
const PAGE = '<a href="/next">next</a>';
/** What the backend has seen leave before its answer was whole. */
let left = 0;

const used = new WeakSet<net.Socket>();

const backend = http.createServer((request, response) => {
  const url = request.url ?? '';
  switch (url.split('?')[0]) {
    case '/html':
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-length': PAGE.length }).end(PAGE);
      return;
    case '/html.gz':
      response.writeHead(200, { 'content-type': 'text/html', 'content-encoding': 'gzip' }).end(gzipSync(PAGE));
      return;
    case '/moved':
      response.writeHead(302, { location: '/there', 'access-control-allow-origin': '*' }).end();
      return;
    case '/cut':
      response.writeHead(200, { 'content-length': 100 });
      response.write('half', () => response.destroy());
      return;
    case '/bare':
      request.socket.end('HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok');
      return;
    case '/eof':
      request.resume().once('end', () => request.socket.end(`HTTP/1.0 200 OK\r\n\r\n${'x'.repeat(1_000_000)}`));
      return;
    case '/once':
      // as a server that closes its idle connections just then
      if (used.has(request.socket)) request.socket.destroy();
      else response.end('once');
      used.add(request.socket);
      return;
    case '/hangup':
      request.socket.destroy();
      return;
    case '/forever':
      response.once('close', () => left++);
      response.write('begin');
      return;
    case '/echo':
      response.flushHeaders();
      request.pipe(response);
      return;
    default:
      response.writeHead(207, {
        'content-type': 'application/json',
        'x-many': ['1', '2'],
        connection: 'x-private',
        'x-private': 'y',
      });
      response.end(JSON.stringify({ method: request.method, url, headers: request.headers }));
  }
});
const agents = new ProxyAgents();
const stopping = new AbortController();
let port = 0;
let target = { scheme: 'http' as const, host: '127.0.0.1', port: 0, agent: agents.http };
let ended: Promise<void>;

beforeAll(async () => {
  await new Promise<void>(resolve => backend.listen(0, '127.0.0.1', resolve));
  target = { ...target, port: (backend.address() as net.AddressInfo).port };
  const handle = compose([requestInfoFilter, recoverFilter(log, [jsonWriter])], context =>
    forwardRequest(
      context.info.name === 'web:81' ? { ...target, port: 1 } : target,
      proxiedPath(context.info),
      context,
    ),
  );
  const server = new ApiServer({
    host: '127.0.0.1',
    port: 0,
    tls: { certificate, key: privateKeyPem(key) },
    respond: request => handle(newContext(request)),
    onListening: bound => {
      port = bound;
    },
    clock: systemClock,
    log,
  });
  await new Promise<void>(resolve => {
    ended = server.run(stopping.signal, resolve);
  });
});
afterAll(async () => {
  stopping.abort();
  await ended;
  agents.close();
  backend.closeAllConnections();
  await new Promise(resolve => backend.close(resolve));
});

function open(path: string, options: https.RequestOptions = {}): http.ClientRequest {
  return https.request({
    host: '127.0.0.1',
    port,
    ca: certificate,
    servername: 'localhost',
    agent: false,
    path,
    ...options,
  });
}

async function ask(path: string, options: https.RequestOptions = {}, body?: string) {
  const request = open(path, options);
  request.end(body);
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) };
}

const seen = (answer: { body: Buffer }) => JSON.parse(answer.body.toString());

describe('a proxied request', () => {
  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
    'is handed on with its path and query: %s',
    async method => {
      const answer = await ask(`${PROXY}/a%20b/c?d=e%2Ff&g`, { method });
      expect(answer.status).toBe(207);
      expect(seen(answer)).toMatchObject({ method, url: '/a%20b/c?d=e%2Ff&g' });
    },
  );

  it('carries the headers of the client but for those of its connection, and tells whence it came', async () => {
    const headers = {
      host: 'gantry.test',
      'x-own': '1',
      'x-gone': '2',
      connection: 'x-gone',
      'x-forwarded-for': '192.0.2.9',
    };
    const answer = await ask(`${PROXY}/a/`, { headers });
    expect(seen(answer).headers).toEqual({
      host: 'gantry.test',
      'x-own': '1',
      'x-forwarded-for': '192.0.2.9, 127.0.0.1',
      'x-forwarded-uri': `${PROXY}/a/`,
      connection: 'keep-alive',
    });
    expect(answer.headers).toMatchObject({ 'x-many': '1, 2' });
    expect(answer.headers).not.toHaveProperty('x-private');
  });

  it('has a body that goes out while it comes in, and so has its answer', async () => {
    const request = open(`${PROXY}/echo`, { method: 'POST' });
    request.write('one');
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
    expect(String((await once(answer, 'data'))[0])).toBe('one');
    request.write('two');
    expect(String((await once(answer, 'data'))[0])).toBe('two');
    request.end();
    await once(answer, 'end');
  });

  it('has a body in a DELETE too', async () => {
    expect(
      String(
        (await ask(`${PROXY}/echo`, { method: 'DELETE', headers: { 'transfer-encoding': 'chunked' } }, 'gone')).body,
      ),
    ).toBe('gone');
  });

  it('over HTTP/2 is the same', async () => {
    const session = http2.connect(`https://127.0.0.1:${port}`, { ca: certificate });
    const stream = session.request({ ':path': `${PROXY}/echo`, ':method': 'POST' });
    stream.end('x'.repeat(200_000));
    let length = 0;
    for await (const chunk of stream) length += (chunk as Buffer).length;
    expect(length).toBe(200_000);
    const plain = session.request({ ':path': `${PROXY}/a`, ':authority': 'gantry.test' });
    const chunks: Buffer[] = [];
    for await (const chunk of plain) chunks.push(chunk as Buffer);
    expect(seen({ body: Buffer.concat(chunks) })).toMatchObject({ method: 'GET', headers: { host: 'gantry.test' } });
    session.close();
  });

  it('without a path is asked again with a slash', async () => {
    expect(await ask(`${PROXY}?a=b`)).toMatchObject({ status: 301, headers: { location: `${PROXY}/?a=b` } });
    expect(seen(await ask(PROXY, { method: 'POST' }))).toMatchObject({ url: '/' });
  });

  it('gets links that lead through the proxy again', async () => {
    const answer = await ask(`${PROXY}/moved`);
    expect(answer).toMatchObject({ status: 302, headers: { location: `${PROXY}/there` } });
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    const page = `<a href="${PROXY}/next">next</a>`;
    expect(String((await ask(`${PROXY}/html`)).body)).toBe(page);
    expect(String(gunzipSync((await ask(`${PROXY}/html.gz`)).body))).toBe(page);
  });

  it('does not fail by a connection that was kept and is closed by now', async () => {
    for (let i = 0; i < 5; i++) expect(await ask(`${PROXY}/once`)).toMatchObject({ status: 200 });
  });

  it('reaches servers whose lines end without a carriage return', async () => {
    expect(await ask(`${PROXY}/bare`)).toMatchObject({ status: 200, body: Buffer.from('ok') });
  });

  it.each(['GET', 'POST'])('gets all of an answer that ends with its connection: %s', async method => {
    const session = http2.connect(`https://127.0.0.1:${port}`, { ca: certificate });
    const stream = session.request({ ':path': `${PROXY}/eof`, ':method': method }, { endStream: method === 'GET' });
    if (method === 'POST') stream.end('x'.repeat(200_000));
    let length = 0;
    for await (const chunk of stream) {
      length += (chunk as Buffer).length;
      await setTimeout(1);
    }
    expect(length).toBe(1_000_000);
    session.close();
  });

  it('for the head of a document alone gets no body', async () => {
    expect(await ask(`${PROXY}/a`, { method: 'HEAD' })).toMatchObject({ status: 207, body: Buffer.alloc(0) });
  });

  it.each([
    ['is not there', '/api/v1/namespaces/a/pods/web:81/proxy/', 'dial tcp 127.0.0.1:1: connect: connection refused'],
    ['hangs up', `${PROXY}/hangup`, 'EOF'],
  ])('gets 503 where the backend %s', async (_sentence, path, why) => {
    const answer = await ask(path);
    expect(answer.status).toBe(503);
    expect(seen(answer)).toMatchObject({
      kind: 'Status',
      reason: 'ServiceUnavailable',
      message: `error trying to reach service: ${why}`,
    });
  });

  it('is cut where the backend cuts its answer', async () => {
    await expect(ask(`${PROXY}/cut`)).rejects.toThrow('aborted');
  });

  it('ends at the backend when its client leaves', async () => {
    const before = left;
    const request = open(`${PROXY}/forever`);
    request.on('error', () => {});
    request.end();
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
    answer.on('error', () => {});
    await once(answer, 'data');
    request.destroy();
    await expect.poll(() => left).toBe(before + 1);
  });
});
