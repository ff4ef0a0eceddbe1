import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { EtcdError } from '../../../src/etcd/errors.ts';
import { UnaryChannel } from '../../../src/etcd/unary-channel.ts';

/** A server of HTTP/2 that answers each call as the test says. */

let server: Http2Server;
let channel: UnaryChannel;
let answer: (stream: ServerHttp2Stream) => void = () => {};

beforeEach(async () => {
  server = createServer();
  server.on('stream', stream => answer(stream));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  channel = new UnaryChannel(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, undefined);
});
afterEach(async () => {
  channel.close();
  await new Promise(resolve => server.close(resolve));
});

const refusal = (): Promise<EtcdError> =>
  channel.call({ path: '/a/B', name: 'etcd Put', message: Buffer.alloc(0), timeoutMs: 5_000, signal: undefined }).then(
    () => Promise.reject(new Error('it was answered')),
    error => error as EtcdError,
  );

it.each([
  [
    'a member that has lost its leader, in its own words',
    { 'grpc-status': '14', 'grpc-message': 'etcdserver: leader changed' },
    'unavailable',
    'etcdserver: leader changed',
  ],
  [
    'a refusal with what was to be done',
    { 'grpc-status': '3', 'grpc-message': 'etcdserver: request is too large%21' },
    'invalid-argument',
    'etcd Put: etcdserver: request is too large!',
  ],
])('tells %s', async (_, trailers, code, message) => {
  answer = stream =>
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...trailers }, { endStream: true });
  expect(await refusal()).toMatchObject({ code, message });
});

it('tells a connection that ends before the answer', async () => {
  answer = stream => stream.session?.destroy();
  const { code, message, fault } = await refusal();
  expect([code, fault]).toEqual(['unavailable', 'other']);
  expect(message).toMatch(/^etcd Put: no answer from http:\/\/127\.0\.0\.1:\d+: Connection dropped: /);
});

it.each([
  ['nothing', Buffer.alloc(0)],
  ['half a message', Buffer.from([0, 0, 0, 0, 9, 1])],
  ['a compressed one', Buffer.from([1, 0, 0, 0, 1, 1])],
])('refuses an answer that is %s', async (_, body) => {
  answer = stream => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(body);
  };
  expect(await refusal()).toMatchObject({ code: 'internal', message: 'etcd Put: the answer is cut or compressed' });
});

const send = (bytes: number): Promise<Buffer> =>
  channel.call({
    path: '/a/B',
    name: 'etcd Put',
    message: Buffer.alloc(bytes),
    timeoutMs: 5_000,
    signal: undefined,
  });

it('does not send what is larger than etcd takes', async () => {
  let asked = 0;
  answer = () => {
    asked++;
  };
  expect(await send(2 * 1024 * 1024 + 1).catch(error => error)).toMatchObject({
    code: 'resource-exhausted',
    fault: 'request-too-large',
    said: 'rpc error: code = ResourceExhausted desc = trying to send message larger than max (2097153 vs. 2097152)',
  });
  expect(asked).toBe(0);
});

const refuse = (stream: ServerHttp2Stream): void => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '8' }, { endStream: true });
  setImmediate(() => stream.close());
};
const succeed = (stream: ServerHttp2Stream): void => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(Buffer.alloc(5));
};

it('answers who asks beside large requests that are refused before they are read, and then takes another connection', async () => {
  let connections = 0;
  server.on('session', () => {
    connections++;
  });
  let first: ServerHttp2Stream | undefined;
  const arrived = new Promise<void>(resolve => {
    answer = stream => {
      first = stream;
      resolve();
    };
  });
  const beside = send(0);
  await arrived;
  answer = refuse;
  const refused = await Promise.all(Array.from({ length: 10 }, () => send(2 * 1024 * 1024).catch(error => error.code)));
  expect(refused).toEqual(Array(10).fill('resource-exhausted'));
  succeed(first as ServerHttp2Stream);
  expect(await beside).toHaveLength(0);
  answer = succeed;
  expect(await send(0)).toHaveLength(0);
  expect(connections).toBe(2);
});
