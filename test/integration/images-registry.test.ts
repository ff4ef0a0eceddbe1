import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImage, buildLayer } from '../harness/image-builder.ts';
import { EMPTY_STORE, openTestStore, storeContent } from '../harness/image-store.ts';
import { startLoopbackRegistry } from '../harness/loopback-registry.ts';
import { runDirectory } from '../harness/run-id.ts';

const never = new AbortController().signal;
/** bcrypt of "s3cret". */
const HASH = '$2b$04$oddNn7hmE2O5XaUIw/CrIe5bJ/SL9VDdHf9m4xKftpC6PvPaHYIuG';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

interface Seen {
  readonly path: string;
  readonly authorization: string | undefined;
}

async function serve(answer: (request: IncomingMessage) => [number, Record<string, string>, Buffer | string]) {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    seen.push({ path: request.url ?? '', authorization: request.headers.authorization });
    const [status, headers, body] = answer(request);
    response.writeHead(status, headers).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

function blobs(image: BuiltImage): ReadonlyMap<string, Buffer> {
  return new Map([image.config, ...image.layers].map(b => [b.digest, b.bytes]));
}

describe('a registry that asks for credentials', () => {
  it('takes basic ones, and each refusal names the registry', async () => {
    const directory = runDirectory('htpasswd');
    writeFileSync(`${directory}/users`, `me:${HASH}\n`);
    const registry = await startLoopbackRegistry([`auth: { htpasswd: { realm: r, path: "${directory}/users" } }`]);
    const { images } = await openTestStore();
    try {
      const reference = `${registry.address}/a:1`;
      const auth = { username: 'me', password: 's3cret', registryToken: '', identityToken: '' };
      await expect(images.pull(reference, undefined, never)).rejects.toMatchObject({
        code: 'unauthenticated',
        message: expect.stringContaining(`registry ${registry.address} asks for a user name and a password`),
      });
      const wrong = images.pull(reference, { ...auth, password: 'no' }, never);
      await expect(wrong).rejects.toMatchObject({
        code: 'unauthenticated',
        message: expect.not.stringContaining('s3cret'),
      });
      // Let in: now the registry says that there is no such image.
      await expect(images.pull(reference, auth, never)).rejects.toMatchObject({ code: 'not-found' });
    } finally {
      await images.close();
      await registry.stop();
    }
  });

  it('gets the token of its token service, and blobs behind a redirect get no credentials', async () => {
    const image = buildImage([await buildLayer([[{ name: 'f' }, 'x']])]);
    const content = blobs(image);
    const cdn = await serve(r => [200, {}, content.get((r.url ?? '').slice(1)) ?? '']);
    const tokens = await serve(() => [200, {}, JSON.stringify({ token: 'T' })]);
    const registry = await serve(r => {
      const challenge = `Bearer realm="http://${tokens.address}/token",service="s",scope="repository:a:pull"`;
      const digest = (r.url ?? '').split('/').at(-1) ?? '';
      const found: [number, Record<string, string>, Buffer | string] = r.url?.includes('/manifests/')
        ? [200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }, image.manifest.bytes]
        : [307, { location: `http://${cdn.address}/${digest}` }, ''];
      return r.headers.authorization === 'Bearer T' ? found : [401, { 'www-authenticate': challenge }, ''];
    });
    const { images } = await openTestStore();
    const auth = { username: 'me', password: 's3cret', registryToken: '', identityToken: '' };
    const record = await images.pull(`${registry.address}/a:1`, auth, never);
    expect(record.id).toBe(image.config.digest);
    expect(tokens.seen).toEqual([
      {
        path: '/token?service=s&scope=repository%3Aa%3Apull',
        authorization: `Basic ${Buffer.from('me:s3cret').toString('base64')}`,
      },
    ]);
    expect(cdn.seen.map(s => s.authorization)).toEqual([undefined, undefined]);
    await images.close();
  });

  it.each([
    ['a name and password', { username: 'me', password: 's3cret', identityToken: '' }],
    ['an identity token', { username: '', password: '', identityToken: 'ID' }],
  ])('shows %s to no token service that is named by whom it redirects to', async (_sentence, secret) => {
    const image = buildImage([await buildLayer([[{ name: 'f' }, 'x']])]);
    const strange = await serve(() => [200, {}, JSON.stringify({ token: 'T' })]);
    const challenge = { 'www-authenticate': `Bearer realm="http://${strange.address}/token",service="s"` };
    const target = await serve(() => [401, challenge, '']);
    const registry = await serve(r =>
      r.url?.includes('/manifests/')
        ? [200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }, image.manifest.bytes]
        : [307, { location: `http://${target.address}/blob` }, ''],
    );
    const { images } = await openTestStore();
    try {
      const auth = { ...secret, registryToken: '' };
      const refused = await images.pull(`${registry.address}/a:1`, auth, never).catch((error: unknown) => error);
      expect(strange.seen).toEqual([]);
      expect(target.seen).toEqual([{ path: '/blob', authorization: undefined }]);
      expect(refused).toMatchObject({
        code: 'unauthenticated',
        message: expect.stringContaining(`HTTP 401 from ${target.address}, to which it redirects`),
      });
    } finally {
      await images.close();
    }
  });
});

describe('mirrors', () => {
  it('are asked before the registry, the next one where one is away, and get no credentials', async () => {
    const image = buildImage([await buildLayer([[{ name: 'f' }, 'mirrored']])]);
    const byDigest = blobs(image);
    const away = await serve(() => [503, {}, 'later']);
    const mirror = await serve(({ url = '' }) => {
      const digest = /sha256:[a-f0-9]{64}/.exec(url)?.[0] ?? '';
      const body = url.includes('/manifests/1') ? image.manifest.bytes : byDigest.get(digest);
      const type = 'application/vnd.oci.image.manifest.v1+json';
      return body === undefined ? [404, {}, ''] : [200, { 'content-type': type }, body];
    });
    const mirrors = { 'registry.example': [`http://${away.address}`, `http://${mirror.address}/copies`] };
    const { images } = await openTestStore({ registries: { mirrors } });
    try {
      const auth = { username: 'me', password: 's3cret', registryToken: '', identityToken: '' };
      const record = await images.pull('registry.example/team/app:1', auth, never);
      expect(record.repoTags).toEqual(['registry.example/team/app:1']);
      expect(away.seen.map(({ path }) => path)).toEqual(['/v2/team/app/manifests/1?ns=registry.example']);
      expect(mirror.seen.map(({ path }) => path.replace(/sha256:[a-f0-9]*/, '<digest>'))).toEqual([
        '/v2/copies/team/app/manifests/1?ns=registry.example',
        '/v2/copies/team/app/blobs/<digest>?ns=registry.example',
        '/v2/copies/team/app/blobs/<digest>?ns=registry.example',
      ]);
      expect([...away.seen, ...mirror.seen].filter(seen => seen.authorization !== undefined)).toEqual([]);
    } finally {
      await images.close();
    }
  });
});

describe('pulls at the same time', () => {
  it('of one image ask the registry once', async () => {
    const image = buildImage([await buildLayer([[{ name: 'f' }, 'x']])]);
    const content = blobs(image);
    const registry = await serve(r =>
      r.url?.includes('/manifests/')
        ? [200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }, image.manifest.bytes]
        : [200, {}, content.get((r.url ?? '').split('/').at(-1) ?? '') ?? ''],
    );
    const { images } = await openTestStore();
    const records = await Promise.all([1, 2, 3].map(() => images.pull(`${registry.address}/a:1`, undefined, never)));
    expect(new Set(records.map(r => r.id)).size).toBe(1);
    expect(registry.seen).toHaveLength(3);
    await images.close();
  });

  it('end with their last caller and leave nothing', async () => {
    const image = buildImage([await buildLayer([[{ name: 'f' }, 'x']])]);
    const leave = new AbortController();
    const registry = await serve(r => {
      const isLayer = r.url?.endsWith(image.layers[0]?.digest ?? '') === true;
      queueMicrotask(() => isLayer && leave.abort(new Error('the caller left')));
      return r.url?.includes('/manifests/')
        ? [200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }, image.manifest.bytes]
        : [
            200,
            { 'content-length': isLayer ? '100000' : String(image.config.bytes.length) },
            isLayer ? '' : image.config.bytes,
          ];
    });
    const { images, root } = await openTestStore();
    await expect(images.pull(`${registry.address}/a:1`, undefined, leave.signal)).rejects.toThrow('the caller left');
    expect(storeContent(root)).toEqual(EMPTY_STORE);
    await images.close();
  });
});
