import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { createServer, type TlsOptions } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Images } from '../../src/cri/images/image-store.ts';
import { type BuiltImage, buildImage, buildLayer } from '../harness/image-builder.ts';
import { openTestStore } from '../harness/image-store.ts';
import { freePort, type LoopbackRegistry, startLoopbackRegistry } from '../harness/loopback-registry.ts';
import { type FirstAnswer, type RegistryServer, serveImage } from '../harness/registry-server.ts';
import { runDirectory } from '../harness/run-id.ts';
import { TestAuthority } from '../harness/test-authority.ts';

const never = new AbortController().signal;
const authority = new TestAuthority('registry CA');
const clients = new TestAuthority('client CA');
const server = authority.issue('registry', [], 'serverAuth');

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

let registry: LoopbackRegistry;
let image: BuiltImage;
beforeAll(async () => {
  image = buildImage([await buildLayer([[{ name: 'f' }, 'x'.repeat(100_000)]])]);
  registry = await startLoopbackRegistry();
  await registry.push(image, 'team/app', '1');
});
afterAll(() => registry.stop());

/** TLS in front of the registry. Returns its address. */
async function tlsFront(options: TlsOptions): Promise<string> {
  const front = createServer({ ...server, ...options }, near => {
    const far = connect(Number(registry.address.split(':')[1]), '127.0.0.1');
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  front.on('tlsClientError', () => undefined);
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  closing.push(async () => {
    front.close();
  });
  return `127.0.0.1:${(front.address() as AddressInfo).port}`;
}

async function serve(first?: FirstAnswer): Promise<RegistryServer> {
  const served = await serveImage(image, first);
  closing.push(() => served.close());
  return served;
}

interface Files {
  readonly [name: string]: string;
}

/** A store whose certs.d has these directories with these files. */
async function storeWith(directories: {
  readonly [name: string]: Files;
}): Promise<{ images: Images; configPath: string }> {
  const configPath = runDirectory('certs.d');
  for (const [name, files] of Object.entries(directories)) {
    mkdirSync(`${configPath}/${name}`);
    for (const [file, content] of Object.entries(files)) writeFileSync(`${configPath}/${name}/${file}`, content);
  }
  const { images } = await openTestStore({ registries: { configPath } });
  closing.push(() => images.close());
  return { images, configPath };
}

const pull = (images: Images, reference: string): Promise<string> =>
  images.pull(reference, undefined, never).then(record => record.id);

describe('a registry with a certificate of its own CA', () => {
  const own = clients.issue('node', [], 'clientAuth');
  const needsClient = { requestCert: true, ca: clients.pem };

  it.each<[string, TlsOptions, string, Files]>([
    ['ca', {}, 'ca = "ca.crt"', { 'ca.crt': authority.pem }],
    ['skip_verify', {}, 'skip_verify = true', {}],
    [
      'client, a pair of files',
      needsClient,
      'ca = ["ca.crt"]\nclient = [["c.cert", "c.key"]]',
      { 'ca.crt': authority.pem, 'c.cert': own.cert, 'c.key': own.key },
    ],
    [
      'client, one file with both',
      needsClient,
      'ca = "ca.crt"\nclient = "c.pem"',
      { 'ca.crt': authority.pem, 'c.pem': own.cert + own.key },
    ],
  ])('is pulled from with %s', async (_sentence, options, lines, files) => {
    const address = await tlsFront(options);
    const toml = `server = "https://${address}"\n${lines}\n`;
    const { images } = await storeWith({ 'reg.example': { 'hosts.toml': toml, ...files } });
    expect(await pull(images, 'reg.example/team/app:1')).toBe(image.config.digest);
  });

  it("is pulled from with Docker's files, without a hosts.toml", async () => {
    const address = await tlsFront(needsClient);
    const files = { 'ca.crt': authority.pem, 'client.cert': own.cert, 'client.key': own.key };
    const { images } = await storeWith({ [`${address.replace(':', '_')}_`]: files });
    expect(await pull(images, `${address}/team/app:1`)).toBe(image.config.digest);
  });

  it('is not trusted without', async () => {
    const address = await tlsFront({});
    const { images } = await storeWith({ 'reg.example': { 'hosts.toml': `server = "https://${address}"` } });
    await expect(pull(images, 'reg.example/team/app:1')).rejects.toThrow(/TLS error/);
  });

  it('whose CA file is missing or none says which file', async () => {
    const toml = 'server = "https://127.0.0.1:1"\nca = "ca.crt"';
    const { images, configPath } = await storeWith({
      'a.example': { 'hosts.toml': toml },
      'b.example': { 'hosts.toml': toml, 'ca.crt': 'not PEM' },
    });
    await expect(pull(images, 'a.example/app:1')).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining(`${configPath}/a.example/ca.crt of a registry cannot be read: ENOENT`),
    });
    await expect(pull(images, 'b.example/app:1')).rejects.toThrow(/b\.example\/ca\.crt .*no PEM certificate/);
  });

  it('that speaks plain HTTP after all is pulled from when its address says http', async () => {
    const toml = `server = "http://${registry.address}"\nskip_verify = true`;
    const { images } = await storeWith({ 'reg.example': { 'hosts.toml': toml } });
    expect(await pull(images, 'reg.example/team/app:1')).toBe(image.config.digest);
  });
});

describe('the hosts of a hosts.toml', () => {
  it('are asked in their order, with their headers and paths, and told whose images are wanted', async () => {
    const away = await freePort();
    const empty = await serve((_request, response) => {
      response.writeHead(404).end();
      return true;
    });
    const full = await serve();
    const toml = [
      `[host."http://127.0.0.1:${away}"]`,
      `[host."http://${empty.address}"]`,
      `[host."http://${full.address}/proxy/hub"]`,
      'override_path = true',
      `[host."http://${full.address}/proxy/hub".header]`,
      'X-Team = "blue"',
      'Authorization = "Basic bWU6c2VjcmV0"',
    ].join('\n');
    const { images } = await storeWith({ _default: { 'hosts.toml': toml } });
    expect(await pull(images, 'any.example/team/app:1')).toBe(image.config.digest);
    expect(empty.paths).toEqual(['/v2/team/app/manifests/1?ns=any.example']);
    expect(full.paths[0]).toBe('/proxy/hub/team/app/manifests/1?ns=any.example');
    expect(full.paths).toHaveLength(3);
    for (const { headers } of full.requests)
      expect(headers).toMatchObject({ 'x-team': 'blue', authorization: 'Basic bWU6c2VjcmV0' });
  });

  it('that may only be pulled from give blobs, and the server says what a tag stands for', async () => {
    const mirror = await serve();
    const itself = await serve();
    const toml = [
      `server = "http://${itself.address}"`,
      `[host."http://${mirror.address}"]`,
      'capabilities = ["pull"]',
    ].join('\n');
    const { images } = await storeWith({ 'reg.example': { 'hosts.toml': toml } });
    await pull(images, 'reg.example/team/app:1');
    expect(itself.paths).toEqual(['/v2/team/app/manifests/1?ns=reg.example']);
    expect(mirror.paths.map(p => p.replace(/sha256:[a-f0-9]*/, '<digest>'))).toEqual([
      '/v2/team/app/blobs/<digest>?ns=reg.example',
      '/v2/team/app/blobs/<digest>?ns=reg.example',
    ]);
  });

  it('get no credentials of the registry', async () => {
    const mirror = await serve((request, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
      return request.url !== undefined;
    });
    const toml = `server = "http://127.0.0.1:${await freePort()}"\n[host."http://${mirror.address}"]`;
    const { images } = await storeWith({ 'reg.example': { 'hosts.toml': toml } });
    const auth = { username: 'me', password: 's3cret', registryToken: '', identityToken: '' };
    await expect(images.pull('reg.example/a:1', auth, never)).rejects.toThrow(/connection refused/);
    expect(mirror.requests.map(r => r.headers.authorization)).toEqual([undefined]);
  });

  it('do not answer in time: the next one is asked after dial_timeout', async () => {
    const full = await serve();
    // An address of TEST-NET-1, where nobody answers; where there is no route to it at all, that is said at once.
    const toml = `server = "http://${full.address}"\n[host."http://192.0.2.1:5000"]\ndial_timeout = "200ms"`;
    const { images } = await storeWith({ 'reg.example': { 'hosts.toml': toml } });
    expect(await pull(images, 'reg.example/team/app:1')).toBe(image.config.digest);
  });

  it('are passed over when the file is broken, and the error of the pull says so', async () => {
    const port = await freePort();
    const { images, configPath } = await storeWith({
      [`127.0.0.1_${port}_`]: { 'hosts.toml': 'server = "https://m.example"\ncapabilities = [' },
    });
    await expect(pull(images, `127.0.0.1:${port}/a:1`)).rejects.toThrow(
      new RegExp(`connection refused .*\\(${configPath}/127.0.0.1_${port}_/hosts.toml is not used: line \\d+: `),
    );
  });

  it('count from the next pull on when the file has changed', async () => {
    const full = await serve();
    const { images, configPath } = await storeWith({
      'reg.example': { 'hosts.toml': `server = "http://127.0.0.1:${await freePort()}"` },
    });
    await expect(pull(images, 'reg.example/team/app:1')).rejects.toThrow(/connection refused/);
    writeFileSync(`${configPath}/reg.example/hosts.toml`, `server = "http://${full.address}"`);
    expect(await pull(images, 'reg.example/team/app:1')).toBe(image.config.digest);
  });
});

describe('an identity token', () => {
  it('is exchanged for a token, by GET where the service knows no POST', async () => {
    const asked: string[] = [];
    const tokens = await serve((request, response) => {
      asked.push(`${request.method} ${request.headers.authorization ?? ''}`);
      response.writeHead(request.method === 'POST' ? 405 : 200).end(JSON.stringify({ token: 'T' }));
      return true;
    });
    const itself = await serve((request, response) => {
      if (request.headers.authorization === 'Bearer T') return false;
      const challenge = `Bearer realm="http://${tokens.address}/token",service="s"`;
      response.writeHead(401, { 'www-authenticate': challenge }).end();
      return true;
    });
    const { images } = await storeWith({});
    const auth = { username: '', password: '', registryToken: '', identityToken: 'ID' };
    expect((await images.pull(`${itself.address}/a:1`, auth, never)).id).toBe(image.config.digest);
    expect(asked).toEqual(['POST ', `GET Basic ${Buffer.from(':ID').toString('base64')}`]);
  });
});
