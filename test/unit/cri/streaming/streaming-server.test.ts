import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, describe, expect, it } from 'vitest';
import { selfSignedForLoopback } from '../../../../src/cmd/self-signed.ts';
import type { CriConfig } from '../../../../src/cri/config.ts';
import { StreamRequests } from '../../../../src/cri/streaming/stream-requests.ts';
import { openStreamingServer } from '../../../../src/cri/streaming/streaming-server.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';

const directory = mkdtempSync(join(tmpdir(), 'gantry-streaming-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const PLAIN: CriConfig['streaming'] = { address: '127.0.0.1:0', tlsCertFile: '', tlsKeyFile: '' };

async function serving(config: CriConfig['streaming']) {
  const requests = new StreamRequests(new FakeClock());
  const server = await openStreamingServer({
    config,
    requests,
    log: pino({ level: 'silent' }),
    serve: async (_request, { socket }) => void socket.destroy(),
  });
  const wanted = { stdin: false, stdout: true, stderr: true, tty: false };
  return {
    url: () => requests.urlFor({ kind: 'attach', containerId: 'a', wanted }),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

describe('the streaming server', () => {
  it('tells a client that asks for no upgrade so, once, and others that there is nothing', async () => {
    await using server = await serving(PLAIN);
    const url = server.url();
    const asked = [await fetch(url), await fetch(url), await fetch(new URL('/', url))];
    expect(asked.map(({ status }) => status)).toEqual([400, 404, 404]);
    expect(await asked[0]?.text()).toBe('unable to upgrade: missing upgrade headers in request\n');
    expect(await asked[1]?.text()).toBe('404 page not found\n');
  });

  it('names an IPv6 address in brackets', async () => {
    await using server = await serving({ ...PLAIN, address: '[::1]:0' });
    expect(server.url()).toMatch(/^http:\/\/\[::1\]:\d+\/attach\//);
    expect((await fetch(server.url())).status).toBe(400);
  });

  it('gives out no URL where it is switched off', async () => {
    await using server = await serving({ ...PLAIN, address: undefined });
    expect(() => server.url()).toThrow('no streams are served');
  });

  it('serves over TLS with a certificate', async () => {
    const { cert, key } = selfSignedForLoopback('streams', Date.now());
    const [tlsCertFile, tlsKeyFile] = [join(directory, 'tls.crt'), join(directory, 'tls.key')];
    writeFileSync(tlsCertFile, cert);
    writeFileSync(tlsKeyFile, key);
    await using server = await serving({ ...PLAIN, tlsCertFile, tlsKeyFile });
    expect(server.url()).toMatch(/^https:/);
    const status = await new Promise((resolve, reject) => {
      get(server.url(), { rejectUnauthorized: false }, response => {
        response.resume();
        resolve(response.statusCode);
      }).on('error', reject);
    });
    expect(status).toBe(400);
  });

  it.each([
    [{ tlsCertFile: '/x.crt', tlsKeyFile: '' }, 'streaming.tlsCertFile and streaming.tlsKeyFile must be set together'],
    [
      { tlsCertFile: '/nowhere/x.crt', tlsKeyFile: '/nowhere/x.key' },
      'cannot read streaming.tlsCertFile /nowhere/x.crt',
    ],
  ])('does not start with %o', async (tls, message) => {
    await expect(serving({ ...PLAIN, ...tls })).rejects.toThrow(message);
  });

  it('says where it cannot listen', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise(resolve => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    const message = `the streaming server cannot listen on 127.0.0.1:${port}`;
    await expect(serving({ ...PLAIN, address: `127.0.0.1:${port}` })).rejects.toThrow(message);
    taken.close();
  });
});
