import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FaultPoint } from '../../src/linux/fault-point.ts';
import { mount, unmount } from '../../src/linux/mount.ts';
import { getXattr } from '../../src/linux/xattr.ts';
import { ImageSpec } from '../../src/rpc/cri-api.ts';
import { createImagesClient } from '../../src/rpc/images-client.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { buildImage, buildLayer } from '../harness/image-builder.ts';
import { EMPTY_STORE, openTestStore, storeContent } from '../harness/image-store.ts';
import { freePort, type LoopbackRegistry, startLoopbackRegistry } from '../harness/loopback-registry.ts';
import { runDirectory } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

const never = new AbortController().signal;
const MTIME = new Date('2020-02-03T04:05:06Z');

let registry: LoopbackRegistry;
beforeAll(async () => {
  registry = await startLoopbackRegistry();
});
afterAll(() => registry.stop());

async function twoLayerImage(extra: object = {}) {
  const bottom = await buildLayer([
    [{ name: 'etc/', type: 'directory', mode: 0o755 }],
    [{ name: 'etc/kept' }, 'kept'],
    [{ name: 'etc/gone' }, 'gone'],
    [{ name: 'dir/', type: 'directory' }],
    [{ name: 'dir/old' }, 'old'],
    [{ name: 'again/', type: 'directory' }],
    [{ name: 'again/old' }, 'old'],
    [{ name: 'tmp/', type: 'directory', mode: 0o1777, mtime: MTIME }],
    [{ name: 'bin/su', mode: 0o4755, uid: 0, gid: 42, mtime: MTIME }, 'su'],
    [{ name: 'bin/alias', type: 'link', linkname: 'bin/su' }],
    [{ name: 'lib', type: 'symlink', linkname: 'usr/lib', uid: 5, gid: 6, mtime: MTIME }],
    [{ name: 'outside', type: 'symlink', linkname: '/../../etc' }],
    [{ name: 'null', type: 'character-device', devmajor: 1, devminor: 3, mode: 0o666 }],
    [{ name: 'pipe', type: 'fifo', mode: 0o640 }],
    [
      {
        name: 'home/u',
        uid: 1000,
        gid: 1001,
        pax: { 'SCHILY.xattr.user.note': 'hello', 'SCHILY.xattr.trusted.overlay.redirect': '/etc' },
      },
      'u',
    ],
  ]);
  const top = await buildLayer([
    [{ name: 'etc/.wh.gone' }],
    [{ name: 'dir/', type: 'directory' }],
    [{ name: 'dir/.wh..wh..opq' }],
    [{ name: 'dir/new' }, 'new'],
    [{ name: '.wh.again' }],
    [{ name: 'again/', type: 'directory' }],
    [{ name: 'again/new' }, 'new'],
  ]);
  return { image: buildImage([bottom, top], extra), bottom, top };
}

/** Two layers that no other image has. */
async function anotherImage() {
  const layers = await Promise.all(['a', 'b'].map(name => buildLayer([[{ name }, `another ${name}`]])));
  return { image: buildImage(layers) };
}

describe('pull', () => {
  it('unpacks layers so that an overlay of them is the image', async () => {
    const { image } = await twoLayerImage();
    const reference = await registry.push(image, 'test/whole', '1');
    const { images, root } = await openTestStore();
    const record = await images.pull(reference, undefined, never);
    expect(record).toMatchObject({ id: image.config.digest, repoTags: [reference] });
    expect(record.repoDigests).toEqual([`${registry.address}/test/whole@${image.manifest.digest}`]);
    const merged = runDirectory('merged');
    mount('overlay', merged, 'overlay', 0, `lowerdir=${images.layerDirs(record.id).join(':')}`);
    try {
      const at = (path: string) => lstatSync(`${merged}/${path}`);
      expect(readdirSync(`${merged}/etc`)).toEqual(['kept']);
      expect(readdirSync(`${merged}/dir`)).toEqual(['new']);
      expect(readdirSync(`${merged}/again`)).toEqual(['new']);
      expect(at('tmp').mode & 0o7777).toBe(0o1777);
      expect(at('tmp').mtime).toEqual(MTIME);
      expect(at('bin/su')).toMatchObject({ gid: 42, nlink: 2, mtime: MTIME });
      expect(at('bin/su').mode & 0o7777).toBe(0o4755);
      expect(at('bin/alias').ino).toBe(at('bin/su').ino);
      expect(at('lib')).toMatchObject({ uid: 5, gid: 6, mtime: MTIME });
      expect(readlinkSync(`${merged}/outside`)).toBe('/../../etc');
      expect(at('null').isCharacterDevice()).toBe(true);
      expect(at('null').rdev).toBe(0x103);
      expect(at('pipe').isFIFO()).toBe(true);
      expect(at('home/u')).toMatchObject({ uid: 1000, gid: 1001 });
      expect(getXattr(`${merged}/home/u`, 'user.note')?.toString()).toBe('hello');
      expect(readFileSync(`${merged}/dir/new`, 'utf8')).toBe('new');
    } finally {
      unmount(merged);
    }
    expect(getXattr(`${images.layerDirs(record.id)[1]}/home/u`, 'trusted.overlay.redirect')).toBeUndefined();
    expect(storeContent(root)['ingest']).toEqual([]);
    await images.close();
  });

  it('shares layers between images and removes them with the last', async () => {
    const one = await twoLayerImage();
    const other = buildImage([one.bottom], { Labels: { other: '1' } });
    const { images, root } = await openTestStore();
    const first = await images.pull(await registry.push(one.image, 'test/one', '1'), undefined, never);
    const second = await images.pull(await registry.push(other, 'test/two', '1'), undefined, never);
    await images.pull(await registry.push(one.image, 'test/one', '2'), undefined, never);
    expect(images.resolve(first.id)?.repoTags).toHaveLength(2);
    expect(storeContent(root)['layers']).toHaveLength(2);
    expect(images.layerDirs(second.id)[0]).toBe(images.layerDirs(first.id)[1]);
    await images.remove(first.repoTags[0] ?? '');
    expect(images.list().map(i => i.id)).toEqual([second.id]);
    expect(storeContent(root)['layers']).toHaveLength(1);
    await images.remove(second.id.slice(7, 20));
    await images.remove(second.id);
    expect(storeContent(root)).toEqual(EMPTY_STORE);
    await images.close();
  });

  it('moves a tag to the newer image', async () => {
    const { images } = await openTestStore();
    const old = await twoLayerImage({ Labels: { v: 'old' } });
    const reference = await registry.push(old.image, 'test/moving', '1');
    const first = await images.pull(reference, undefined, never);
    await registry.push((await twoLayerImage({ Labels: { v: 'new' } })).image, 'test/moving', '1');
    const second = await images.pull(reference, undefined, never);
    expect(images.resolve(reference)?.id).toBe(second.id);
    expect(images.resolve(first.id)?.repoTags).toEqual([]);
    await images.close();
  });

  it('keeps the layers of a removed image while a container holds it, over a restart too', async () => {
    const { image } = await twoLayerImage();
    const reference = await registry.push(image, 'test/held', '1');
    const { images, root } = await openTestStore();
    const { id } = await images.pull(reference, undefined, never);
    const dirs = images.layerDirs(id);
    images.hold(id, 'c1');
    await images.remove(reference);
    expect(images.resolve(id)).toBeUndefined();
    expect(dirs.every(d => existsSync(d))).toBe(true);
    await images.close();
    const again = await openTestStore({ root });
    again.images.hold(id, 'c1');
    await again.images.collectGarbage();
    expect(dirs.every(d => existsSync(d))).toBe(true);
    again.images.release('c1');
    await again.images.close();
    expect(storeContent(root)).toEqual(EMPTY_STORE);
  });
});

describe('import', () => {
  it.each([
    ['an OCI layout', 'oci:', ''],
    ['an OCI archive', 'oci-archive:', '.tar'],
    ['a docker archive', 'docker-archive:', '.tar'],
  ])('reads %s', async (_sentence, transport, suffix) => {
    const { image } = await twoLayerImage();
    const reference = await registry.push(image, 'test/import', '1');
    const path = `${runDirectory('archive')}/image${suffix}`;
    execFileSync('skopeo', [
      '--insecure-policy',
      'copy',
      '-q',
      '--src-tls-verify=false',
      `docker://${reference}`,
      `${transport}${path}:docker.io/my/app:3`,
    ]);
    const { images } = await openTestStore();
    const imported = await images.importArchive(path, '', () => {}, never);
    expect(imported.map(i => i.references)).toEqual([['docker.io/my/app:3']]);
    expect(images.resolve('my/app:3')?.config.cmd).toEqual(['/bin/sh']);
    await images.close();
  });

  it('reads a compressed archive, and says what a file is not', async () => {
    const { image } = await twoLayerImage();
    const reference = await registry.push(image, 'test/import', '2');
    const path = `${runDirectory('archive')}/image.tar`;
    execFileSync('skopeo', [
      '--insecure-policy',
      'copy',
      '-q',
      '--src-tls-verify=false',
      `docker://${reference}`,
      `oci-archive:${path}`,
    ]);
    execFileSync('gzip', [path]);
    const { images, root } = await openTestStore();
    await expect(images.importArchive(`${path}.gz`, '', () => {}, never)).rejects.toThrow('give one with --reference');
    expect(await images.importArchive(`${path}.gz`, 'r.io/a:1', () => {}, never)).toHaveLength(1);
    writeFileSync(`${path}.txt`, 'x'.repeat(2000));
    await expect(images.importArchive(`${path}.txt`, '', () => {}, never)).rejects.toThrow('is not an image archive');
    await expect(images.importArchive(`${path}.none`, '', () => {}, never)).rejects.toThrow(`there is no ${path}.none`);
    expect(storeContent(root)['ingest']).toEqual([]);
    await images.close();
  });
});

/** Runs the built shim until it kills itself at the point, in the middle of `work`. Returns its root directory. */
async function killedShim(
  point: FaultPoint,
  root: string,
  work: (client: ReturnType<typeof createImagesClient>) => Promise<unknown>,
): Promise<void> {
  const directory = runDirectory('cri');
  const settings = {
    socket: `${directory}/cri.sock`,
    root,
    state: `${directory}/state`,
    cni: { confDir: `${directory}/cni`, cacheDir: `${directory}/cni-cache`, journalDir: `${directory}/cni-journal` },
    metricsAddress: `127.0.0.1:${await freePort()}`,
  };
  mkdirSync(settings.cni.confDir);
  writeFileSync(`${directory}/cri.yaml`, JSON.stringify(settings));
  const [file = '', ...args] = gantryCommand('run', 'cri', '--config', `${directory}/cri.yaml`);
  const shim = spawn(file, args, { stdio: 'ignore', env: { PATH: process.env['PATH'], GANTRY_FAULT: point } });
  const ended = once(shim, 'close');
  await waitFor('the socket', () => existsSync(settings.socket));
  const client = createImagesClient(`unix://${settings.socket}`);
  await expect(work(client)).rejects.toThrow();
  client.close();
  expect(await ended).toEqual([null, 'SIGKILL']);
}

const spec = (image: string) => ({ image: ImageSpec.fromPartial({ image }) });

describe('a shim that is killed', () => {
  it.each<[FaultPoint, number]>([
    ['image/pull/layer-begun', 0],
    ['image/pull/layer-written', 0],
    ['image/pull/layer-renamed', 0],
    ['image/pull/layer-unpacked', 0],
    ['image/pull/names-doubled', 1],
    ['image/pull/manifest-recorded', 1],
  ])('in a pull at %s leaves no half image, and the next pull succeeds', async (point, visible) => {
    const reference = await registry.push((await twoLayerImage({ Labels: { v: 'old' } })).image, 'test/killed', '1');
    const before = await openTestStore();
    const old = await before.images.pull(reference, undefined, never);
    await before.images.close();
    const { image } = await anotherImage();
    await registry.push(image, 'test/killed', '1');
    await killedShim(point, before.root, client =>
      client.pullImage({ ...spec(reference), auth: undefined, sandboxConfig: undefined }),
    );
    const { images, root } = await openTestStore({ root: before.root });
    await images.collectGarbage();
    expect(images.list()).toHaveLength(1 + visible);
    expect(images.list().flatMap(i => i.repoTags)).toEqual([reference]);
    expect(images.resolve(reference)?.id).toBe(visible === 1 ? image.config.digest : old.id);
    expect(storeContent(root)).toMatchObject({ ingest: [] });
    expect(storeContent(root)['layers']).toHaveLength(2 + 2 * visible);
    const { id } = await images.pull(reference, undefined, never);
    expect(images.layerDirs(id).every(d => existsSync(d))).toBe(true);
    for (const each of [id, old.id]) await images.remove(each);
    expect(storeContent(root)).toEqual(EMPTY_STORE);
    await images.close();
  });

  it.each<FaultPoint>([
    'image/remove/record-deleted',
    'image/remove/layer-record-deleted',
    'image/remove/layer-taken-out',
  ])('in a removal at %s leaves nothing of the image, and what others share with it', async point => {
    const { image, bottom } = await twoLayerImage();
    const before = await openTestStore();
    const reference = await registry.push(image, 'test/removed', '1');
    await before.images.pull(reference, undefined, never);
    const sharing = await registry.push(buildImage([bottom], { Labels: { a: 'b' } }), 'test/sharing', '1');
    const { id } = await before.images.pull(sharing, undefined, never);
    await before.images.close();
    await killedShim(point, before.root, client => client.removeImage(spec(reference)));
    const { images, root } = await openTestStore({ root: before.root });
    await images.collectGarbage();
    expect(images.list().map(i => i.id)).toEqual([id]);
    expect(storeContent(root)).toMatchObject({ ingest: [], layers: [expect.any(String)] });
    expect(images.layerDirs(id).every(d => existsSync(d))).toBe(true);
    await images.remove(id);
    expect(storeContent(root)).toEqual(EMPTY_STORE);
    await images.close();
  });
});
