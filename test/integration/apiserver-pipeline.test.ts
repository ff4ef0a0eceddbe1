import { once } from 'node:events';
import * as http2 from 'node:http2';
import * as https from 'node:https';
import * as net from 'node:net';
import * as tls from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Secret } from '../../src/api/types/gen/core-v1.ts';
import { authenticatorUnion, tokenUnion, withAnonymous } from '../../src/apiserver/authn/authenticator.ts';
import { bearerTokenAuthenticator } from '../../src/apiserver/authn/bearer-token.ts';
import { bootstrapTokenAuthenticator } from '../../src/apiserver/authn/bootstrap-token.ts';
import { clientCertificateAuthenticator } from '../../src/apiserver/authn/client-certificate.ts';
import { signJwt } from '../../src/apiserver/authn/jwt.ts';
import { serviceAccountClaims } from '../../src/apiserver/authn/service-account-claims.ts';
import { serviceAccountTokenAuthenticator } from '../../src/apiserver/authn/service-account-token.ts';
import {
  ALLOW,
  type Authorizer,
  authorizerUnion,
  mastersAuthorizer,
  NO_RULES,
  noOpinion,
} from '../../src/apiserver/authz/authorizer.ts';
import { type ApiResponse, asksForUpgrade, takeoverResponse } from '../../src/apiserver/http.ts';
import type { Lister } from '../../src/apiserver/lister.ts';
import type { Handler } from '../../src/apiserver/pipeline/context.ts';
import { RequestMetrics } from '../../src/apiserver/pipeline/request-metrics.ts';
import { buildPipeline } from '../../src/apiserver/pipeline.ts';
import { pingCheck, shutdownCheck } from '../../src/apiserver/serve/health.ts';
import { metaEndpoints } from '../../src/apiserver/serve/meta-endpoints.ts';
import { ApiServer, type ServerLimits } from '../../src/apiserver/server.ts';
import { jsonWriter } from '../../src/apiserver/status/status-response.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/daemon/logger.ts';
import { createRegistry } from '../../src/daemon/metrics.ts';
import { certificatePem, parseCertificate, selfSignedCertificate, signCertificate } from '../../src/pki/certificate.ts';
import type { ExtendedKeyUsage } from '../../src/pki/extensions.ts';
import { generateKey, privateKeyPem, publicHalf } from '../../src/pki/keys.ts';

const validity = { notBefore: new Date(Date.now() - 300_000), notAfter: new Date(Date.now() + 3_600_000) };

function authority(commonName: string) {
  const key = generateKey();
  const der = selfSignedCertificate(
    {
      subject: { commonName, organizations: [] },
      publicKey: key,
      ...validity,
      keyUsages: ['keyCertSign', 'digitalSignature'],
      ca: {},
    },
    key,
  );
  const issuer = { certificate: parseCertificate(der), key };
  return {
    pem: certificatePem(der),
    issue(name: string, organizations: readonly string[], usage: ExtendedKeyUsage, times = validity) {
      const leaf = generateKey();
      const cert = signCertificate(
        {
          subject: { commonName: name, organizations },
          publicKey: leaf,
          ...times,
          keyUsages: ['digitalSignature'],
          extendedKeyUsages: [usage],
          subjectAltNames: { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] },
        },
        issuer,
      );
      return { cert: certificatePem(cert), key: privateKeyPem(leaf) };
    },
  };
}

const ca = authority('kubernetes');
const strangers = authority('strangers');
const serving = ca.issue('kube-apiserver', [], 'serverAuth');
const admin = ca.issue('admin', ['system:masters'], 'clientAuth');
const jane = ca.issue('jane', ['dev'], 'clientAuth');
const saKey = generateKey();
const token = signJwt(
  serviceAccountClaims({
    issuer: 'test',
    namespace: 'a',
    serviceAccount: { name: 'robot', uid: '1' },
    audiences: ['api'],
    issuedAt: Date.now() / 1000,
    expiresAt: Date.now() / 1000 + 600,
  }),
  saKey,
);

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const bootstrapSecret: Secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { namespace: 'kube-system', name: 'bootstrap-token-abcdef' },
  type: 'bootstrap.kubernetes.io/token',
  data: {
    'token-id': base64('abcdef'),
    'token-secret': base64('0123456789abcdef'),
    'usage-bootstrap-authentication': base64('true'),
  },
};
const bootstrapSecrets: Lister<Secret> = {
  get: (_namespace, name) => (name === 'bootstrap-token-abcdef' ? bootstrapSecret : undefined),
  list: () => [bootstrapSecret],
};

/** Reads for all, writes of ConfigMaps for members of `dev`. */
const authorizer: Authorizer = {
  name: 'test',
  authorize: ({ user, verb, resource }) =>
    verb !== 'create' || (resource === 'configmaps' && user.groups.includes('dev')) ? ALLOW : noOpinion(''),
  rulesFor: () => NO_RULES,
};

/** A handler for each thing to see. */
const gate: { release: () => void; held: number } = { release: () => {}, held: 0 };
const handler: Handler = async ({ request, info, user, signal }) => {
  const json = (value: unknown): ApiResponse => ({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(value),
  });
  if (info.verb === 'watch')
    return {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: {
        async stream(sink, gone) {
          await sink.write([Buffer.from('{"type":"ADDED"}\n')], gone);
          const ended = AbortSignal.any([gone, signal]);
          if (!ended.aborted) await once(ended, 'abort');
        },
      },
    };
  if (info.subresource === 'exec' && asksForUpgrade(request))
    return takeoverResponse(async ({ socket, head }, gone) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
      socket.write(head);
      socket.pipe(socket);
      const ended = AbortSignal.any([gone, signal]);
      if (!ended.aborted) await once(ended, 'abort');
    });
  if (info.name === 'large') return json('x'.repeat(300_000));
  if (info.name === 'held') {
    gate.held++;
    await new Promise<void>(resolve => {
      const before = gate.release;
      gate.release = () => {
        before();
        resolve();
      };
    });
    return json({});
  }
  const body: unknown =
    request.method === 'POST' ? JSON.parse(Buffer.from(await request.readBody(signal)).toString()) : undefined;
  return json({
    user: user.name,
    groups: user.groups,
    name: info.name,
    extra: [...user.extra.keys()],
    polluted: ({} as { polluted?: unknown }).polluted ?? null,
    keys: Object.keys((body as object) ?? {}),
  });
};

interface Started {
  readonly port: number;
  readonly server: ApiServer;
  stop(): Promise<void>;
}

async function start(
  limits: Partial<ServerLimits> = {},
  inFlight = { readOnly: 400, mutating: 200 },
): Promise<Started> {
  const log = createLogger({ daemon: 'test', level: 'silent' });
  const registry = createRegistry();
  const metrics = new RequestMetrics(registry, systemClock, info => info.apiVersion === 'v1');
  const stopping = new AbortController();
  const respond = buildPipeline(
    {
      authenticator: withAnonymous(
        authenticatorUnion([
          clientCertificateAuthenticator,
          bearerTokenAuthenticator(
            tokenUnion([
              serviceAccountTokenAuthenticator({
                issuers: ['test'],
                publicKeys: [publicHalf(saKey)],
                clock: systemClock,
                objects: {
                  serviceAccount: async () => ({ metadata: { uid: '1' } }),
                  secret: async () => undefined,
                  pod: async () => undefined,
                  node: async () => undefined,
                },
              }),
              bootstrapTokenAuthenticator(bootstrapSecrets, systemClock),
            ]),
            ['api'],
          ),
        ]),
      ),
      authorizer: authorizerUnion([mastersAuthorizer, authorizer]),
      limits: inFlight,
      requestTimeoutMs: 60_000,
      writers: [jsonWriter],
      metrics,
      stopping: stopping.signal,
      clock: systemClock,
      log,
    },
    metaEndpoints(
      {
        version: {
          major: '1',
          minor: '36',
          gitVersion: 'v1.36.0',
          gitCommit: '',
          gitTreeState: '',
          buildDate: '',
          goVersion: '',
          compiler: '',
          platform: '',
        },
        registry,
        livenessChecks: [pingCheck],
        readinessChecks: [pingCheck, shutdownCheck(stopping.signal)],
        otherPaths: [],
        clock: systemClock,
        log,
      },
      handler,
    ),
  );
  let port = 0;
  const server = new ApiServer({
    host: '127.0.0.1',
    port: 0,
    tls: { certificate: serving.cert, key: serving.key, clientCa: ca.pem },
    respond,
    limits,
    onListening: bound => {
      port = bound;
    },
    onHandshakeError: () => metrics.handshakeFailed(),
    clock: systemClock,
    log,
  });
  const { promise: ready, resolve } = deferred();
  const ended = server.run(stopping.signal, resolve);
  await ready;
  return {
    port,
    server,
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>(settle => {
    resolve = settle;
  });
  return { promise, resolve };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

interface Ask {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: Buffer | string;
  readonly certificate?: { cert: string; key: string };
}

function over1(port: number, ask: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = https.request(
      {
        host: '127.0.0.1',
        port,
        ca: ca.pem,
        ...ask.certificate,
        method: ask.method ?? 'GET',
        path: ask.path ?? '/',
        headers: { ...ask.headers },
        agent: false,
      },
      response => {
        const chunks: Buffer[] = [];
        response.on('data', chunk => chunks.push(chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
        );
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(ask.body);
  });
}

async function over2(port: number, ask: Ask): Promise<Answer> {
  const session = http2.connect(`https://127.0.0.1:${port}`, { ca: ca.pem, ...ask.certificate });
  session.on('error', () => {});
  try {
    const stream = session.request(
      { ':method': ask.method ?? 'GET', ':path': ask.path ?? '/', ...ask.headers },
      { endStream: ask.body === undefined },
    );
    if (ask.body !== undefined) stream.end(ask.body);
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader];
    const chunks: Buffer[] = [];
    stream.on('data', chunk => chunks.push(chunk));
    await once(stream, 'end');
    return { status: Number(headers[':status']), headers, body: Buffer.concat(chunks) };
  } finally {
    session.destroy();
  }
}

const json = (answer: Answer) => JSON.parse(answer.body.toString());
const bearer = { authorization: `Bearer ${token}` };
let main: Started;

beforeAll(async () => {
  main = await start();
});
afterAll(() => main.stop());

describe.each([
  ['HTTP/1.1', over1],
  ['HTTP/2', over2],
] as const)('%s', (_, send) => {
  it('knows the bearer of a certificate', async () => {
    const answer = await send(main.port, { path: '/api/v1/namespaces/a/pods/x', certificate: jane });
    expect(json(answer)).toMatchObject({
      user: 'jane',
      groups: ['dev', 'system:authenticated'],
      name: 'x',
      extra: ['authentication.kubernetes.io/credential-id'],
    });
    expect(answer.headers).toMatchObject({ 'audit-id': expect.any(String), 'cache-control': 'no-cache, private' });
  });

  it('knows the bearer of a token', async () => {
    expect(json(await send(main.port, { path: '/api/v1/pods', headers: bearer }))).toMatchObject({
      user: 'system:serviceaccount:a:robot',
    });
  });

  it('knows a machine that joins', async () => {
    const headers = { authorization: 'Bearer abcdef.0123456789abcdef' };
    expect(json(await send(main.port, { path: '/api/v1/pods', headers }))).toMatchObject({
      user: 'system:bootstrap:abcdef',
      groups: ['system:bootstrappers', 'system:authenticated'],
    });
  });

  it('knows nobody without either', async () => {
    expect(json(await send(main.port, { path: '/api/v1/pods' }))).toMatchObject({
      user: 'system:anonymous',
      groups: ['system:unauthenticated'],
    });
  });

  it.each([
    ['of another CA', strangers.issue('admin', ['system:masters'], 'clientAuth')],
    ['made for servers', ca.issue('admin', ['system:masters'], 'serverAuth')],
    [
      'out of its time',
      ca.issue('admin', ['system:masters'], 'clientAuth', { notBefore: new Date(0), notAfter: new Date(1e12) }),
    ],
  ])('answers 401 to a certificate %s', async (_sentence, certificate) => {
    const answer = await send(main.port, { path: '/api/v1/pods', certificate });
    expect(answer.status).toBe(401);
    expect(json(answer)).toMatchObject({ kind: 'Status', reason: 'Unauthorized', message: 'Unauthorized', code: 401 });
  });

  it('answers 401 to a token that was changed, and takes a good one beside a bad certificate', async () => {
    expect(
      (
        await send(main.port, {
          path: '/api/v1/pods',
          headers: { authorization: `Bearer ${token.slice(0, -8)}AAAAAAAA` },
        })
      ).status,
    ).toBe(401);
    expect(
      (
        await send(main.port, {
          path: '/api/v1/pods',
          headers: bearer,
          certificate: strangers.issue('x', [], 'clientAuth'),
        })
      ).status,
    ).toBe(200);
  });

  it('answers 403 with the sentence', async () => {
    const answer = await send(main.port, {
      method: 'POST',
      path: '/api/v1/namespaces/a/secrets',
      certificate: jane,
      body: '{}',
    });
    expect(json(answer)).toMatchObject({
      code: 403,
      message:
        'secrets is forbidden: User "jane" cannot create resource "secrets" in API group "" in the namespace "a"',
    });
  });

  it('lets masters be others', async () => {
    const headers = { 'impersonate-user': 'bob', 'impersonate-group': ['x', 'y'] };
    expect(json(await send(main.port, { path: '/api/v1/pods', certificate: admin, headers }))).toMatchObject({
      user: 'bob',
      groups: ['x', 'y', 'system:authenticated'],
    });
  });

  it('takes a body of exactly the limit and answers 413 beyond it, announced or not', async () => {
    const limit = 3 * 1024 * 1024;
    const post = (size: number, headers = {}) =>
      send(main.port, {
        method: 'POST',
        path: '/api/v1/namespaces/a/configmaps',
        certificate: jane,
        headers,
        body: Buffer.from(`{"x":"${'y'.repeat(size - 8)}"}`),
      });
    expect((await post(limit)).status).toBe(200);
    const answer = await post(limit + 1);
    expect(json(answer)).toMatchObject({
      code: 413,
      reason: 'RequestEntityTooLarge',
      message: `Request entity too large: limit is ${limit}`,
    });
  });

  it('is not changed by keys that every object inherits', async () => {
    const answer = await send(main.port, {
      method: 'POST',
      path: '/api/v1/namespaces/a/configmaps?__proto__=x&constructor=y&fieldSelector=__proto__%3Dx',
      certificate: jane,
      headers: { __proto__x: 'y', 'x-constructor': 'z', 'impersonate-user': '' },
      body: '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
    });
    expect(json(answer)).toMatchObject({ polluted: null, user: 'jane' });
    const extra = await send(main.port, {
      path: '/api/v1/pods',
      certificate: admin,
      headers: { 'impersonate-user': 'x', 'impersonate-extra-__proto__': 'polluted' },
    });
    expect(json(extra)).toMatchObject({ polluted: null, extra: ['__proto__'] });
  });

  it('compresses what is large', async () => {
    const answer = await send(main.port, {
      path: '/api/v1/namespaces/a/pods/large',
      headers: { 'accept-encoding': 'gzip' },
    });
    expect(answer.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(answer.body)).toHaveLength(300_002);
    expect((await send(main.port, { path: '/api/v1/namespaces/a/pods/large' })).body).toHaveLength(300_002);
  });

  it('answers about itself', async () => {
    expect((await send(main.port, { path: '/readyz?verbose' })).body.toString()).toBe(
      '[+]ping ok\n[+]shutdown ok\nreadyz check passed\n',
    );
    expect(json(await send(main.port, { path: '/version' }))).toMatchObject({ minor: '36' });
    expect((await send(main.port, { path: '/metrics' })).body.toString()).toContain('apiserver_request_total{');
  });

  it.each([
    ['/%zz', 400],
    ['/api/v1/watch', 500],
    ['/api/v1/pods?timeout=x', 400],
  ])('answers %s with %d', async (path, status) => {
    expect((await send(main.port, { path })).status).toBe(status);
  });

  it('answers HEAD without a body', async () => {
    const answer = await send(main.port, { method: 'HEAD', path: '/version', certificate: jane });
    expect([answer.status, answer.body.length]).toEqual([200, 0]);
  });
});

describe('the server', () => {
  it('refuses what is too much with 429, while watches go on', async () => {
    const small = await start({}, { readOnly: 1, mutating: 1 });
    const held = over1(small.port, { path: '/api/v1/namespaces/a/pods/held' });
    await expect.poll(() => gate.held).toBe(1);
    const refused = await over1(small.port, { path: '/api/v1/pods' });
    expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
    expect((await over1(small.port, { path: '/api/v1/pods', certificate: admin })).status).toBe(200);
    gate.release();
    expect((await held).status).toBe(200);
    await small.stop();
  });

  it('closes the connection of who is not known over HTTP/2, and keeps that of who is', async () => {
    const ask = async (options: http2.SecureClientSessionOptions) => {
      const session = http2.connect(`https://127.0.0.1:${main.port}`, { ca: ca.pem, ...options });
      const stream = session.request({ ':path': '/version' });
      stream.resume();
      await once(stream, 'close');
      return session;
    };
    const unknown = await ask({});
    await expect.poll(() => unknown.closed || unknown.destroyed).toBe(true);
    const known = await ask(jane);
    expect(known.closed).toBe(false);
    known.destroy();
  });

  it('cuts off who sends headers a byte at a time', async () => {
    const strict = await start({ headersMs: 300, idleMs: 400 });
    const slow = tls.connect({ host: '127.0.0.1', port: strict.port, ca: ca.pem, ALPNProtocols: ['http/1.1'] });
    await once(slow, 'secureConnect');
    const began = performance.now();
    slow.on('error', () => {});
    const seen: Buffer[] = [];
    slow.on('data', chunk => seen.push(chunk));
    slow.write('GET / HTTP/1.1\r\nx: ');
    const drip = setInterval(() => slow.write('a'), 50);
    await new Promise(resolve => slow.once('close', resolve));
    clearInterval(drip);
    expect(Buffer.concat(seen).toString()).toContain('408 Request Timeout');
    // Node looks at its connections twice a minute unless it is told otherwise
    expect(performance.now() - began).toBeLessThan(5000);
    await strict.stop();
  });

  it('ends HTTP/2 connections that do nothing, and connections that never shake hands', async () => {
    const strict = await start({ idleMs: 200, handshakeMs: 200 });
    const session = http2.connect(`https://127.0.0.1:${strict.port}`, { ca: ca.pem, ...jane });
    const silent = net.connect(strict.port, '127.0.0.1');
    silent.on('error', () => {});
    silent.resume();
    await Promise.all([once(session, 'close'), once(silent, 'close')]);
    await strict.stop();
  });

  it('ends watches and finishes the rest when it stops', async () => {
    const ending = await start();
    const session = http2.connect(`https://127.0.0.1:${ending.port}`, { ca: ca.pem, ...jane });
    const watch = session.request({ ':path': '/api/v1/pods?watch=1' });
    const [event] = await once(watch, 'data');
    expect(String(event)).toBe('{"type":"ADDED"}\n');
    const before = gate.held;
    const held = over1(ending.port, { path: '/api/v1/namespaces/a/pods/held' });
    await expect.poll(() => gate.held).toBe(before + 1);
    const stopped = ending.stop();
    watch.resume();
    await once(watch, 'end');
    gate.release();
    expect((await held).status).toBe(200);
    await stopped;
    await expect(over1(ending.port, { path: '/version' })).rejects.toThrow('ECONNREFUSED');
  });

  it('serves a new certificate and trusts a new CA without a restart', async () => {
    const renewing = await start();
    const other = authority('kubernetes-2');
    const certificate = other.issue('kube-apiserver', [], 'serverAuth');
    renewing.server.replaceTls({
      certificate: certificate.cert,
      key: certificate.key,
      clientCa: `${ca.pem}${other.pem}`,
    });
    const socket = tls.connect({ host: '127.0.0.1', port: renewing.port, ca: other.pem });
    await once(socket, 'secureConnect');
    expect(socket.authorized).toBe(true);
    socket.destroy();
    const newcomer = other.issue('newcomer', [], 'clientAuth');
    const session = http2.connect(`https://127.0.0.1:${renewing.port}`, { ca: other.pem, ...newcomer });
    const stream = session.request({ ':path': '/api/v1/pods' });
    const [headers] = await once(stream, 'response');
    expect(headers[':status']).toBe(200);
    session.destroy();
    await renewing.stop();
  });

  it('keeps a thousand idle connections without work, and answers beside them', async () => {
    const sockets = [];
    for (let i = 0; i < 1000; i++) sockets.push(net.connect(main.port, '127.0.0.1'));
    await Promise.all(sockets.map(socket => once(socket, 'connect')));
    const cpu = process.cpuUsage();
    expect((await over2(main.port, { path: '/version' })).status).toBe(200);
    expect(process.cpuUsage(cpu).user).toBeLessThan(1_000_000);
    for (const socket of sockets) socket.destroy();
  });
});

/** Asks for another protocol: an answer of HTTP, or the connection with what came behind the head of the 101. */
function upgrade(port: number, ask: Ask): Promise<Answer | tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const request = https.request(
      {
        host: '127.0.0.1',
        port,
        ca: ca.pem,
        ...ask.certificate,
        method: ask.method ?? 'GET',
        path: ask.path ?? '/',
        headers: { connection: 'Upgrade', upgrade: 'echo', ...ask.headers },
        agent: false,
      },
      response => {
        const chunks: Buffer[] = [];
        response.on('data', chunk => chunks.push(chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
        );
      },
    );
    request.on('upgrade', (_response, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve(socket as tls.TLSSocket);
    });
    request.on('error', reject);
    request.end(ask.body);
  });
}

async function streams(port: number): Promise<string | undefined> {
  const text = (await over1(port, { path: '/metrics', certificate: admin })).body.toString();
  return /^apiserver_longrunning_requests\{[^}]*subresource="exec"[^}]*\} (\d+)$/m.exec(text)?.[1];
}

describe('a request for another protocol', () => {
  const exec = '/api/v1/namespaces/a/pods/x/exec';

  it('gets the connection, and counts as open until that ends', async () => {
    const socket = (await upgrade(main.port, { path: exec, certificate: jane })) as tls.TLSSocket;
    socket.write('hello');
    expect(String((await once(socket, 'data'))[0])).toBe('hello');
    expect(await streams(main.port)).toBe('1');
    socket.destroy();
    await expect.poll(() => streams(main.port)).toBe('0');
  });

  it.each([
    ['nobody by a token that is none', { headers: { authorization: 'Bearer x' } }, 401, 'Unauthorized'],
    ['who may not', { method: 'POST' }, 403, 'cannot create resource \\"pods/exec\\"'],
  ])('is refused as every other to %s, on a connection that ends', async (_sentence, ask, status, words) => {
    const allowed = await start();
    const refused = (await upgrade(allowed.port, { path: exec, ...ask })) as Answer;
    expect(refused).toMatchObject({ status, headers: { connection: 'close', 'audit-id': expect.any(String) } });
    expect(refused.body.toString()).toContain(words);
    await allowed.stop();
  });

  it('is answered in plain HTTP where nothing takes the connection, however large', async () => {
    const answer = (await upgrade(main.port, { path: '/api/v1/namespaces/a/pods/large' })) as Answer;
    expect(answer.body.length).toBe(300_002);
  });

  it('may have a body, which is read', async () => {
    const path = '/api/v1/namespaces/a/configmaps';
    const answer = await upgrade(main.port, {
      method: 'POST',
      path,
      certificate: jane,
      body: `{"a":"${'x'.repeat(100_000)}"}`,
    });
    expect(json(answer as Answer)).toMatchObject({ keys: ['a'] });
  });

  it('has no time-outs of requests once the connection is its own', async () => {
    const strict = await start({ headersMs: 100, requestMs: 200 });
    const socket = (await upgrade(strict.port, { path: exec, certificate: jane })) as tls.TLSSocket;
    const slow = tls.connect({ host: '127.0.0.1', port: strict.port, ca: ca.pem, ALPNProtocols: ['http/1.1'] });
    slow.on('error', () => {});
    slow.write('GET / HTTP/1.1\r\n');
    slow.resume();
    await once(slow, 'close');
    socket.write('hello');
    expect(String((await once(socket, 'data'))[0])).toBe('hello');
    socket.destroy();
    await strict.stop();
  });

  it('ends when the server stops', async () => {
    const ending = await start();
    const socket = (await upgrade(ending.port, { path: exec, certificate: jane })) as tls.TLSSocket;
    socket.resume();
    const closed = once(socket, 'close');
    await Promise.all([ending.stop(), closed]);
  });
});
