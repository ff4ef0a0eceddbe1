import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { listProcesses } from '../../src/linux/procfs.ts';
import { type BuiltImage, type BuiltLayer, buildImage, buildLayer, sha256, tarOf } from '../harness/image-builder.ts';
import { EMPTY_STORE, openTestStore, storeContent } from '../harness/image-store.ts';
import { startLoopbackRegistry } from '../harness/loopback-registry.ts';
import { type FirstAnswer, type RegistryServer, serveImage } from '../harness/registry-server.ts';
import { waitFor } from '../harness/wait-for.ts';
import { skippableFrame, zstdCompress } from '../harness/zstd.ts';

const never = new AbortController().signal;
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Servers that hold an answer back on purpose. */
const PATIENT_MS = 60_000;

async function open(silenceMs?: number): ReturnType<typeof openTestStore> {
  const store = await openTestStore({}, silenceMs);
  closing.push(() => store.images.close());
  return store;
}

async function serve(image: BuiltImage, first?: FirstAnswer): Promise<RegistryServer> {
  const server = await serveImage(image, first);
  closing.push(() => server.close());
  return server;
}

async function zstdLayer(compress: (tar: Buffer) => Buffer, content: string | Buffer): Promise<BuiltLayer> {
  const tar = await tarOf([[{ name: 'f' }, content]]);
  const bytes = compress(tar);
  return { digest: sha256(bytes), diffId: sha256(tar), bytes };
}

describe('a zstd layer', () => {
  const content = Buffer.concat([randomBytes(100_000), Buffer.alloc(3_000_000, 'of a file ')]);

  it.each<[string, (tar: Buffer) => Buffer]>([
    ['of one frame', tar => zstdCompress(tar)],
    ['of the highest level', tar => zstdCompress(tar, 19)],
    [
      'in many frames and with tables of contents, as zstd:chunked makes it',
      tar =>
        Buffer.concat([
          skippableFrame('head'),
          zstdCompress(tar.subarray(0, 512)),
          zstdCompress(tar.subarray(512, 1_000_000)),
          zstdCompress(tar.subarray(1_000_000)),
          skippableFrame('{"version":1}'),
        ]),
    ],
  ])('%s comes from a registry', async (_sentence, compress) => {
    const registry = await startLoopbackRegistry();
    closing.push(() => registry.stop());
    const reference = await registry.push(buildImage([await zstdLayer(compress, content)]), 'test/zstd', '1');
    const { images } = await open();
    const record = await images.pull(reference, undefined, never);
    expect(sha256(readFileSync(`${images.layerDirs(record.id)[0]}/f`))).toBe(sha256(content));
  });

  it.each<[string, (tar: Buffer) => Buffer, RegExp]>([
    [
      'that is cut off',
      tar => zstdCompress(tar).subarray(0, -7),
      /the layer cannot be read: it ends in the middle of a zstd/,
    ],
    [
      'with rubbish in it',
      tar => Buffer.concat([zstdCompress(tar), Buffer.from('rubbish')]),
      /the layer cannot be read: it is not valid zstd/,
    ],
    ['that is a bomb', () => zstdCompress(Buffer.alloc(100 << 20)), /decompression bomb/],
    [
      'whose tar is another one',
      tar => zstdCompress(Buffer.concat([tar, Buffer.alloc(512)])),
      /uncompressed layer should be/,
    ],
  ])('%s is refused and leaves nothing', async (_sentence, compress, message) => {
    const server = await serve(buildImage([await zstdLayer(compress, content)]));
    const { images, root } = await open();
    await expect(images.pull(`${server.address}/a:1`, undefined, never)).rejects.toThrow(message);
    expect(storeContent(root)).toEqual(EMPTY_STORE);
  });
});

interface Broken {
  /** Bytes of the layer after which each answer breaks off, in the order of the requests; the ones after them are whole. */
  readonly after: readonly number[];
  /** Without it a request for a part is answered with the whole. */
  readonly knowsRanges: boolean;
  readonly breakOff: (response: ServerResponse) => void;
}

/** A server whose connections break in the middle of the layer; `starts` are the bytes from which the layer was asked for. */
function breaking(image: BuiltImage, { after, knowsRanges, breakOff }: Broken) {
  const starts: number[] = [];
  const layer = image.layers[0];
  const first: FirstAnswer = (request, response) => {
    if (layer === undefined || !request.url?.includes(layer.digest)) return false;
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const end = after[starts.length] ?? layer.bytes.length;
    starts.push(from);
    const begin = knowsRanges ? from : 0;
    const range = { 'content-range': `bytes ${begin}-${layer.bytes.length - 1}/${layer.bytes.length}` };
    const length = { 'content-length': layer.bytes.length - begin };
    response.writeHead(begin > 0 ? 206 : 200, begin > 0 ? { ...length, ...range } : length);
    response.write(layer.bytes.subarray(begin, end), () =>
      end < layer.bytes.length ? breakOff(response) : response.end(),
    );
    return true;
  };
  return { starts, first };
}

const resets = (response: ServerResponse): void => void response.destroy();
/** What had come but not been read when the connection broke is asked for again: some 100 kB. */
const nearTo = (bytes: number): number => Math.ceil(bytes / 500_000) * 500_000;
const fallsSilent = (): void => {};

describe('a layer whose connection breaks', () => {
  const content = randomBytes(8 << 20);
  const imageOf = async (): Promise<BuiltImage> => buildImage([await buildLayer([[{ name: 'f' }, content]])]);

  it.each<[string, Broken, readonly number[]]>([
    [
      'is asked for the rest',
      { after: [2_000_000, 3_500_000], knowsRanges: true, breakOff: resets },
      [0, 2_000_000, 3_500_000],
    ],
    [
      'is asked for the rest when nothing more comes',
      { after: [2_000_000], knowsRanges: true, breakOff: fallsSilent },
      [0, 2_000_000],
    ],
    [
      'goes on where it was though the server knows no ranges',
      { after: [2_000_000], knowsRanges: false, breakOff: resets },
      [0, 2_000_000],
    ],
  ])('%s', async (_sentence, broken, starts) => {
    const image = await imageOf();
    const seen = breaking(image, broken);
    const server = await serve(image, seen.first);
    const { images } = await open();
    const record = await images.pull(`${server.address}/a:1`, undefined, never);
    expect(seen.starts.map(nearTo)).toEqual(starts);
    expect(sha256(readFileSync(`${images.layerDirs(record.id)[0]}/f`))).toBe(sha256(content));
  });

  it('time after time comes all the same as long as it gets on', async () => {
    const image = await imageOf();
    const after = [1, 2, 3, 4, 5].map(n => n * 1_500_000);
    const seen = breaking(image, { after, knowsRanges: true, breakOff: resets });
    const server = await serve(image, seen.first);
    const { images } = await open();
    await images.pull(`${server.address}/a:1`, undefined, never);
    expect(seen.starts.map(nearTo)).toEqual([0, ...after]);
  });

  it('is given up with a line that says how far it came', async () => {
    const image = await imageOf();
    const after = Array.from({ length: 9 }, () => 2_000_000);
    const seen = breaking(image, { after, knowsRanges: true, breakOff: resets });
    const server = await serve(image, seen.first);
    const { images, root } = await open();
    await expect(images.pull(`${server.address}/a:1`, undefined, never)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(
        /layer sha256:[a-f0-9]+: registry 127.0.0.1:\d+: .* \(GET http:.*\); \d+ bytes had come, and nothing to speak of in the last 3 tries$/,
      ),
    });
    expect(storeContent(root)).toEqual(EMPTY_STORE);
  });

  it('is asked for the rest at the registry when the mirror breaks off', async () => {
    const image = await imageOf();
    const atMirror = breaking(image, { after: [2_000_000], knowsRanges: true, breakOff: resets });
    const mirror = await serve(image, atMirror.first);
    const itself = breaking(image, { after: [], knowsRanges: true, breakOff: resets });
    const registry = await serve(image, itself.first);
    const mirrors = { [registry.address]: [`http://${mirror.address}`] };
    const { images } = await openTestStore({ registries: { mirrors } });
    closing.push(() => images.close());
    const record = await images.pull(`${registry.address}/a:1`, undefined, never);
    expect([atMirror.starts, itself.starts.map(nearTo)]).toEqual([[0], [2_000_000]]);
    expect(sha256(readFileSync(`${images.layerDirs(record.id)[0]}/f`))).toBe(sha256(content));
  });

  it('is refused when the rest is of something else', async () => {
    const image = await imageOf();
    const layer = image.layers[0];
    const other = Buffer.from(layer?.bytes ?? '');
    other.fill(0, 3_000_000, 3_000_100);
    const server = await serve(image, (request, response) => {
      if (layer === undefined || !request.url?.includes(layer.digest)) return false;
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const isFirst = from === 0;
      const range = `bytes ${from}-${other.length - 1}/${other.length}`;
      response.writeHead(isFirst ? 200 : 206, { 'content-length': other.length - from, 'content-range': range });
      const bytes = isFirst ? layer.bytes.subarray(0, 2_000_000) : other.subarray(from);
      response.write(bytes, () => isFirst && response.destroy());
      return true;
    });
    const { images, root } = await open();
    await expect(images.pull(`${server.address}/a:1`, undefined, never)).rejects.toThrow(
      /digest mismatch: the blob should be/,
    );
    expect(storeContent(root)).toEqual(EMPTY_STORE);
  });

  it.each([
    ['other bytes', (bytes: Buffer) => Buffer.from(bytes).fill(0, 3_000_000, 3_000_100)],
    ['an end too early', (bytes: Buffer) => bytes.subarray(0, 3_000_000)],
  ])('comes from the registry when the mirror has %s', async (_sentence, spoil) => {
    const image = await imageOf();
    const layer = image.layers[0]?.bytes ?? Buffer.alloc(0);
    const spoilt = spoil(layer);
    const mirror = await serve(image, (request, response) => {
      if (request.url?.includes(image.layers[0]?.digest ?? 'none') !== true) return false;
      response.writeHead(200, { 'content-length': spoilt.length }).end(spoilt);
      return true;
    });
    const registry = await serve(image);
    const mirrors = { [registry.address]: [`http://${mirror.address}`] };
    const { images, root } = await openTestStore({ registries: { mirrors } });
    closing.push(() => images.close());
    const record = await images.pull(`${registry.address}/a:1`, undefined, never);
    expect(sha256(readFileSync(`${images.layerDirs(record.id)[0]}/f`))).toBe(sha256(content));
    expect(registry.paths).toHaveLength(1);
    expect(storeContent(root)).toMatchObject({ ingest: [], layers: [expect.any(String)] });
  });

  it('makes its files inside the layer also after the connection was made anew', async () => {
    const names = Array.from({ length: 300 }, (_, i) => `etc/gantry-test-${process.pid}-${i}`);
    const image = buildImage([await buildLayer(names.map(name => [{ name }, randomBytes(20_000)]))]);
    const seen = breaking(image, { after: [1_500_000, 3_000_000, 4_500_000], knowsRanges: true, breakOff: resets });
    const server = await serve(image, seen.first);
    const { images } = await open();
    const record = await images.pull(`${server.address}/a:1`, undefined, never);
    expect(readdirSync(`${images.layerDirs(record.id)[0]}/etc`)).toHaveLength(300);
    expect(names.filter(name => existsSync(`/${name}`))).toEqual([]);
  });
});

describe('a slow unpacker', () => {
  it('holds the sender up: what is not unpacked is not received', async () => {
    const size = 32 << 20;
    const image = buildImage([await buildLayer([[{ name: 'f' }, randomBytes(size)]])]);
    const layer = image.layers[0];
    let socket: IncomingMessage['socket'] | undefined;
    const server = await serve(image, request => {
      if (layer !== undefined && request.url?.includes(layer.digest)) socket = request.socket;
      return false;
    });
    const { images } = await open();
    const pulled = images.pull(`${server.address}/a:1`, undefined, never);
    pulled.catch(() => undefined);
    await waitFor('the layer to be asked for', () => socket !== undefined);
    const [unpacker] = listProcesses().filter(p => p.ppid === process.pid && p.cmdline.includes('unpack-layers'));
    const sent = (): number => (socket?.bytesWritten ?? 0) - (socket?.writableLength ?? 0);
    process.kill(unpacker?.pid ?? 0, 'SIGSTOP');
    try {
      let last = -1;
      await waitFor('the sender to be held up', () => {
        const before = last;
        last = sent();
        return last === before;
      });
      expect(last).toBeLessThan(size / 2);
      const stopped = performance.now();
      await waitFor('more time than a sender may be silent', () => performance.now() - stopped > 2500);
    } finally {
      process.kill(unpacker?.pid ?? 0, 'SIGCONT');
    }
    await pulled;
    expect(sent()).toBeGreaterThan(size);
    // it was not the sender who had been silent
    expect(server.paths.filter(p => p.includes(layer?.digest ?? ''))).toHaveLength(1);
  });
});

describe('one image asked for with different credentials', () => {
  it('is downloaded once, and is not for him who may not have it', async () => {
    const image = buildImage([await buildLayer([[{ name: 'f' }, randomBytes(4 << 20)]])]);
    const layer = image.layers[0];
    const isKnown = (header = ''): boolean =>
      ['me:1', 'you:2'].some(pair => header === `Basic ${Buffer.from(pair).toString('base64')}`);
    const held: (() => void)[] = [];
    const server = await serve(image, (request, response) => {
      if (!isKnown(request.headers.authorization)) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
        return true;
      }
      if (layer === undefined || !request.url?.includes(layer.digest)) return false;
      held.push(() => response.end(layer.bytes));
      return true;
    });
    const { images } = await open(PATIENT_MS);
    const pullAs = (username: string, password: string): Promise<string> =>
      images.pull(`${server.address}/a:1`, { username, password, registryToken: '', identityToken: '' }, never).then(
        record => record.id,
        error => String(error.code),
      );
    const mine = pullAs('me', '1');
    await waitFor('the layer to be asked for', () => held.length === 1);
    const yours = pullAs('you', '2');
    expect(await pullAs('nobody', '3')).toBe('unauthenticated');
    await waitFor(
      'the second one to have asked for the config',
      () => server.paths.filter(p => p.includes(image.config.digest)).length === 2,
    );
    for (const release of held) release();
    expect(await Promise.all([mine, yours])).toEqual([image.config.digest, image.config.digest]);
    expect(server.paths.filter(p => p.includes(layer?.digest ?? ''))).toHaveLength(1);
  });
});

describe('an image that is here already', () => {
  const imageOf = async (content: string): Promise<BuiltImage> =>
    buildImage([await buildLayer([[{ name: 'f' }, content]])]);

  it('is asked for with one HEAD, and only its name is written down', async () => {
    const image = await imageOf('the same');
    const server = await serve(image);
    const { images } = await open();
    await images.pull(`${server.address}/a:1`, undefined, never);
    server.requests.splice(0);
    const record = await images.pull(`${server.address}/a:1`, undefined, never);
    expect(record).toMatchObject({ id: image.config.digest, repoTags: [`${server.address}/a:1`] });
    expect(server.requests.map(r => `${r.method} ${r.url}`)).toEqual(['HEAD /v2/a/manifests/1']);
  });

  it('is fetched when its tag stands for another one now', async () => {
    const [before, after] = [await imageOf('before'), await imageOf('after')];
    let isMoved = false;
    const server = await serve(before, (request, response) => {
      const blob = [after.config, ...after.layers].find(b => request.url?.includes(b.digest));
      const bytes = blob?.bytes ?? (request.url?.includes('/manifests/1') ? after.manifest.bytes : undefined);
      if (!isMoved || bytes === undefined) return false;
      response.writeHead(200, { 'docker-content-digest': after.manifest.digest }).end(bytes);
      return true;
    });
    const { images } = await open();
    await images.pull(`${server.address}/a:1`, undefined, never);
    isMoved = true;
    expect((await images.pull(`${server.address}/a:1`, undefined, never)).id).toBe(after.config.digest);
  });

  it('is not for him who may not have it', async () => {
    const image = await imageOf('secret');
    let isOpen = true;
    const server = await serve(image, (_request, response) => {
      if (isOpen) return false;
      response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
      return true;
    });
    const { images } = await open();
    await images.pull(`${server.address}/a:1`, undefined, never);
    isOpen = false;
    await expect(images.pull(`${server.address}/a:1`, undefined, never)).rejects.toMatchObject({
      code: 'unauthenticated',
    });
    expect(images.list()).toHaveLength(1);
  });

  it('is fetched where the registry knows no HEAD', async () => {
    const image = await imageOf('no HEAD');
    const server = await serve(image, (request, response) => {
      if (request.method !== 'HEAD') return false;
      response.writeHead(405).end();
      return true;
    });
    const { images } = await open();
    await images.pull(`${server.address}/a:1`, undefined, never);
    expect((await images.pull(`${server.address}/a:1`, undefined, never)).id).toBe(image.config.digest);
  });
});

describe('a small image', () => {
  it('does not wait for the large layers of another', async () => {
    const layers = await Promise.all(Array.from({ length: 5 }, () => buildLayer([[{ name: 'f' }, randomBytes(1000)]])));
    const held: (() => void)[] = [];
    const large = await serve(buildImage(layers), (request, response) => {
      const layer = layers.find(l => request.url?.includes(l.digest));
      if (layer === undefined) return false;
      held.push(() => response.end(layer.bytes));
      return true;
    });
    const small = await serve(buildImage([await buildLayer([[{ name: 'g' }, 'small']])]));
    const { images } = await open(PATIENT_MS);
    const pulled = images.pull(`${large.address}/large:1`, undefined, never);
    await waitFor('three layers to be asked for', () => held.length === 3);
    await images.pull(`${small.address}/small:1`, undefined, never);
    expect(held).toHaveLength(3);
    for (const release of held) release();
    await waitFor('the others', () => held.length === 5);
    for (const release of held.slice(3)) release();
    await pulled;
  });
});
