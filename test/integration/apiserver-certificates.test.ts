import { once } from 'node:events';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import * as http2 from 'node:http2';
import * as https from 'node:https';
import { join } from 'node:path';
import * as tls from 'node:tls';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ApiServer } from '../../src/apiserver/server.ts';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestAuthority, type TestCertificate } from '../harness/test-authority.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Certificates that change, end or are replaced while connections stand. */

const HOUR = 3_600_000;
const ca = new TestAuthority();
const serving = ca.issue('kube-apiserver', [], 'serverAuth');

const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).toReversed()) await each();
});

/** The server alone, which tells what it thinks of its client's certificate, on a clock that can be moved. */
async function start(clientCa: string) {
  let ahead = 0;
  const clock: Clock = { ...systemClock, now: () => Date.now() + ahead };
  let port = 0;
  const stop = new AbortController();
  const server = new ApiServer({
    host: '127.0.0.1',
    port: 0,
    tls: { certificate: serving.cert, key: serving.key, clientCa },
    respond: async ({ clientCertificate }) => ({
      status: 200,
      headers: {},
      body: JSON.stringify({ verified: clientCertificate?.verified, problem: clientCertificate?.problem }),
    }),
    onListening: bound => {
      port = bound;
    },
    clock,
    log: pino({ level: 'silent' }),
  });
  let ended: Promise<void> | undefined;
  await new Promise<void>(ready => {
    ended = server.run(stop.signal, ready);
  });
  undo.push(async () => {
    stop.abort();
    await ended;
  });
  const move = (ms: number): void => {
    ahead += ms;
  };
  return { port, server, move };
}

type Ask = () => Promise<{ verified?: boolean; problem?: string }>;

/** One connection; every call is a request on it. */
function over2(port: number, certificate: TestCertificate): Ask {
  const session = http2.connect(`https://127.0.0.1:${port}`, { ca: ca.pem, ...certificate });
  undo.push(() => session.destroy());
  return async () => {
    const stream = session.request({ ':path': '/' });
    let text = '';
    for await (const piece of stream) text += piece;
    return JSON.parse(text);
  };
}

function over1(port: number, certificate: TestCertificate): Ask {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca: ca.pem, ...certificate });
  undo.push(() => agent.destroy());
  const ports = new Set<number | undefined>();
  return async () => {
    const request = https.get({ host: '127.0.0.1', port, path: '/', agent });
    const [response] = await once(request, 'response');
    ports.add(response.socket.localPort);
    let text = '';
    for await (const piece of response) text += piece;
    expect(ports.size).toBe(1);
    return JSON.parse(text);
  };
}

describe.each([
  ['HTTP/1.1', over1],
  ['HTTP/2', over2],
] as const)('a certificate on one connection over %s', (_, connect) => {
  it('is good until its time is over', async () => {
    const { port, move } = await start(ca.pem);
    const ask = connect(port, ca.issue('jane', [], 'clientAuth'));
    expect(await ask()).toEqual({ verified: true, problem: '' });
    move(HOUR / 2);
    expect(await ask()).toMatchObject({ verified: true });
    move(HOUR);
    expect(await ask()).toMatchObject({ verified: false, problem: expect.stringContaining('is valid from') });
  });

  it('is good until another CA is trusted, also one of the same name', async () => {
    const { port, server } = await start(ca.pem);
    const ask = connect(port, ca.issue('jane', [], 'clientAuth'));
    expect(await ask()).toMatchObject({ verified: true });
    const [other, third] = [new TestAuthority(), new TestAuthority()];
    const replace = (...authorities: readonly TestAuthority[]): void =>
      server.replaceTls({
        certificate: serving.cert,
        key: serving.key,
        clientCa: authorities.map(({ pem }) => pem).join(''),
      });
    replace(other, ca);
    expect(await ask()).toMatchObject({ verified: true });
    replace(other, third);
    expect(await ask()).toMatchObject({ verified: false, problem: 'no valid client CA stands behind it any more' });
    replace(ca);
    expect(await ask()).toMatchObject({ verified: true });
  });
});

it('nothing changes where the new files cannot be used', async () => {
  const { port, server } = await start(ca.pem);
  const ask = over2(port, ca.issue('jane', [], 'clientAuth'));
  const good = { certificate: serving.cert, key: serving.key, clientCa: ca.pem };
  const otherKey = ca.issue('kube-apiserver', [], 'serverAuth').key;
  expect(() => server.replaceTls({ ...good, key: otherKey })).toThrow(/cannot be used/);
  expect(() => server.replaceTls({ ...good, certificate: 'nothing' })).toThrow(/cannot be used/);
  expect(() => server.replaceTls({ ...good, clientCa: '' })).toThrow('the client CA holds no certificate');
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  expect(() => server.replaceTls({ ...good, clientCa: ca.pem + broken })).toThrow(/client CA cannot be read/);
  expect(await ask()).toMatchObject({ verified: true });
});

describe('gantry run apiserver', () => {
  let server: TestApiServer;
  beforeAll(async () => {
    server = await TestApiServer.start();
  });
  afterAll(() => server.remove());

  const write = (files: Readonly<Record<string, string>>): void => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(server.folder, name), text, { mode: 0o600 });
  };
  /** The serial number that is served to a new connection. */
  const served = async (): Promise<string> => {
    const socket = tls.connect({ host: '127.0.0.1', port: server.port, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };

  it('takes replaced files, one after the other or by a link, and keeps the old ones where the new do not go together', async () => {
    const client = server.clientFor('admin', ['system:masters']);
    undo.push(() => client.close());
    const watch = await client.watch('/api/v1/namespaces');
    undo.push(() => watch.close());
    const first = await served();
    const second = server.authority.issue('kube-apiserver', [], 'serverAuth');
    write({ 'server.crt': second.cert });
    await waitFor('the broken pair to be seen', () => server.log.includes('cannot be used'));
    expect(await served()).toBe(first);
    write({ 'server.key.new': second.key });
    renameSync(join(server.folder, 'server.key.new'), join(server.folder, 'server.key'));
    await waitFor('the new pair to be served', async () => (await served()) !== first);

    // as the files of a mounted Secret are: links through a link to a directory that is replaced
    const third = server.authority.issue('kube-apiserver', [], 'serverAuth');
    const before = await served();
    for (const [version, pair] of [
      ['v2', second],
      ['v3', third],
    ] as const) {
      mkdirSync(join(server.folder, version));
      write({ [`${version}/server.crt`]: pair.cert, [`${version}/server.key`]: pair.key });
    }
    symlinkSync('v2', join(server.folder, '..data'));
    for (const name of ['server.crt', 'server.key']) {
      symlinkSync(`..data/${name}`, join(server.folder, 'link'));
      renameSync(join(server.folder, 'link'), join(server.folder, name));
    }
    symlinkSync('v3', join(server.folder, '..data.new'));
    renameSync(join(server.folder, '..data.new'), join(server.folder, '..data'));
    await waitFor('the pair behind the link to be served', async () => (await served()) !== before);

    // nobody was cut off
    expect((await client.request('GET', '/version')).status).toBe(200);
    await client.json('POST', '/api/v1/namespaces', { body: { metadata: { name: 'after-replacement' } } });
    await watch.until(({ object }) => object.metadata.name === 'after-replacement');
  });

  it('trusts a new client CA, and the old one no more, also on connections that stand', async () => {
    const client = server.clientFor('admin', ['system:masters']);
    undo.push(() => client.close());
    expect((await client.request('GET', '/api/v1/namespaces')).status).toBe(200);
    const next = new TestAuthority();
    write({ 'ca.crt': next.pem });
    await waitFor('the old CA to be trusted no more', async saw => {
      const { status } = await client.request('GET', '/api/v1/namespaces').catch(() => ({ status: 0 }));
      saw(status);
      return status === 401;
    });
    const newcomer = over2Status(server.port, next.issue('admin', ['system:masters'], 'clientAuth'));
    expect(await newcomer).toBe(200);
    write({ 'ca.crt': server.authority.pem });
    await waitFor('the first CA to be trusted again', async () => {
      const again = server.authority.issue('admin', ['system:masters'], 'clientAuth');
      return (await over2Status(server.port, again)) === 200;
    });
  });

  it('finds the files again after their directory was away', async () => {
    const before = await served();
    renameSync(server.folder, `${server.folder}-away`);
    await waitFor('the loss to be seen', () => server.log.includes('ENOENT'));
    expect(await served()).toBe(before);
    renameSync(`${server.folder}-away`, server.folder);
    const next = server.authority.issue('kube-apiserver', [], 'serverAuth');
    for (const name of ['server.crt', 'server.key']) rmSync(join(server.folder, name));
    write({ 'server.crt': next.cert, 'server.key': next.key });
    await waitFor('the new pair to be served', async () => (await served()) !== before, { timeoutMs: 15_000 });
  });
});

async function over2Status(port: number, certificate: TestCertificate): Promise<number> {
  const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, ...certificate });
  try {
    const stream = session.request({ ':path': '/api/v1/namespaces' });
    const [headers] = await once(stream, 'response');
    return headers[':status'];
  } finally {
    session.destroy();
  }
}
