import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { Server as GrpcServer, ServerCredentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grpcHealth } from '../../src/kubelet/probes/grpc-health.ts';
import { httpGet } from '../../src/kubelet/probes/http-get.ts';
import { tcpConnect } from '../../src/kubelet/probes/tcp-connect.ts';
import { freePorts } from '../harness/etcd.ts';

const signal = new AbortController().signal;

describe('a GET', () => {
  let server: Server;
  let base: string;
  const seen: IncomingMessage['headers'][] = [];
  const answers: { readonly [path: string]: (response: ServerResponse) => void } = {
    '/ok': response => response.end('fine'),
    '/moved': response => response.writeHead(302, { location: '/ok' }).end(),
    '/moved-to-bad': response => response.writeHead(302, { location: '/bad' }).end(),
    '/away': response => response.writeHead(302, { location: 'http://elsewhere.invalid/' }).end('gone'),
    '/round': response => response.writeHead(302, { location: '/round' }).end(),
    '/bad': response => response.writeHead(500).end(),
    '/cut': response => response.destroy(),
    '/endless': response => {
      response.writeHead(200);
      response.write('x'.repeat(20_000));
    },
    '/silent': () => {},
  };

  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push(request.headers);
      answers[request.url ?? '']?.(response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  const get = (path: string, timeoutMs = 2_000) =>
    httpGet({ url: `${base}${path}`, headers: [['Host', 'me']] }, timeoutMs, signal);

  it.each([
    ['an answer', '/ok', { result: 'success', output: 'fine' }],
    ['a redirect on the same host is followed', '/moved', { result: 'success', output: 'fine' }],
    [
      'and judged by what it leads to',
      '/moved-to-bad',
      { result: 'failure', output: 'HTTP probe failed with statuscode: 500' },
    ],
    [
      'a redirect elsewhere is a success that is told',
      '/away',
      { result: 'success', warning: true, output: 'Probe terminated redirects, Response body: gone' },
    ],
    [
      'no redirect is followed for ever',
      '/round',
      { result: 'failure', output: expect.stringContaining('stopped after 10 redirects') },
    ],
    ['a failure', '/bad', { result: 'failure', output: 'HTTP probe failed with statuscode: 500' }],
    ['a cut answer', '/cut', { result: 'failure', output: expect.stringMatching(/^Get "http:.*\/cut": EOF$/) }],
    ['of a long answer 10 KiB are read', '/endless', { result: 'success', output: 'x'.repeat(10_240) }],
  ])('%s', async (_, path, expected) => {
    expect(await get(path)).toEqual(expected);
    expect(seen.at(-1)).toMatchObject({ host: 'me', connection: 'close' });
  });

  it('is given up after its time', async () => {
    expect((await get('/silent', 100)).output).toMatch(
      /: context deadline exceeded \(Client.Timeout exceeded while awaiting headers\)$/,
    );
  });

  it('says that nobody listens', async () => {
    const [port] = await freePorts();
    const url = `http://127.0.0.1:${port}/`;
    expect(await httpGet({ url, headers: [] }, 1_000, signal)).toEqual({
      result: 'failure',
      output: `Get "${url}": dial tcp 127.0.0.1:${port}: connect: connection refused`,
    });
  });
});

describe('a connection', () => {
  it('is success, refused is failure', async () => {
    const server = createTcpServer(socket => socket.on('error', () => {})).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await tcpConnect('127.0.0.1', port, 1_000, signal)).toEqual({ result: 'success', output: '' });
    server.close();
    await once(server, 'close');
    expect(await tcpConnect('127.0.0.1', port, 1_000, signal)).toEqual({
      result: 'failure',
      output: `dial tcp 127.0.0.1:${port}: connect: connection refused`,
    });
  });
});

describe('a health check over gRPC', () => {
  let server: GrpcServer;
  let port: number;
  const asked: string[] = [];

  beforeAll(async () => {
    server = new GrpcServer();
    const bytes = (value: Buffer): Buffer => value;
    const method = {
      path: '/grpc.health.v1.Health/Check',
      requestStream: false,
      responseStream: false,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    } as const;
    server.addService(
      { check: method },
      {
        check: (call: { request: Buffer }, answer: (error: object | null, value?: Buffer) => void) => {
          const service = call.request.subarray(2).toString();
          asked.push(service);
          if (service === 'silent') return;
          if (service === 'missing') answer({ code: status.NOT_FOUND, details: 'unknown service' });
          else answer(null, Buffer.from([0x08, service === 'down' ? 2 : 1]));
        },
      },
    );
    port = await new Promise((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
  });
  afterAll(() => server.forceShutdown());

  it.each([
    ['', { result: 'success', output: 'service healthy' }],
    ['x'.repeat(100), { result: 'success', output: 'service healthy' }],
    ['down', { result: 'failure', output: 'service unhealthy (responded with "NOT_SERVING")' }],
    ['missing', { result: 'failure', output: 'error: health rpc probe failed: unknown service' }],
    ['silent', { result: 'failure', output: 'timeout: health rpc did not complete within 0.5s' }],
  ])('of service "%s"', async (service, expected) => {
    expect(await grpcHealth('127.0.0.1', port, service, 500, signal)).toEqual(expected);
    expect(asked.at(-1)).toBe(service);
  });

  it('says that nobody listens', async () => {
    const [free = 0] = await freePorts();
    expect(await grpcHealth('127.0.0.1', free, '', 1_000, signal)).toEqual({
      result: 'failure',
      output: `timeout: failed to connect service "127.0.0.1:${free}" within 1s: context deadline exceeded`,
    });
  });
});
