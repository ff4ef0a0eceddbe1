import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mount, unmount } from '../../src/linux/mount.ts';
import { buildImage, buildLayer, type LayerEntry } from '../harness/image-builder.ts';
import { EMPTY_STORE, openTestStore, storeContent } from '../harness/image-store.ts';
import { freePort, type LoopbackRegistry, startLoopbackRegistry } from '../harness/loopback-registry.ts';
import { RUN_DIR, runDirectory } from '../harness/run-id.ts';

const never = new AbortController().signal;

let registry: LoopbackRegistry;
beforeAll(async () => {
  registry = await startLoopbackRegistry();
});
afterAll(() => registry.stop());

describe('a layer that writes outside its root', () => {
  const target = `${RUN_DIR}/escaped`;
  const up = '../'.repeat(20);
  const rows: readonly [string, LayerEntry[], RegExp][] = [
    ['by its name', [[{ name: `${up}${target.slice(1)}` }, 'x']], /escaped" points outside the root/],
    [
      'by an absolute link as parent',
      [[{ name: 'l', type: 'symlink', linkname: RUN_DIR }], [{ name: 'l/escaped' }, 'x']],
      /l\/escaped.*symbolic link.*points outside/,
    ],
    [
      'by a climbing link as parent',
      [[{ name: 'l', type: 'symlink', linkname: `${up}${RUN_DIR.slice(1)}` }], [{ name: 'l/escaped' }, 'x']],
      /points outside the root/,
    ],
    [
      'by two links',
      [
        [{ name: 'a', type: 'symlink', linkname: '..' }],
        [{ name: 'b', type: 'symlink', linkname: 'a/..' }],
        [{ name: 'b/x' }, 'x'],
      ],
      /points outside the root/,
    ],
    [
      'by a hard link',
      [[{ name: 'h', type: 'link', linkname: `${up}etc/hostname` }]],
      /hard link.*points outside the root/,
    ],
    [
      'by a hard link to an absolute name',
      [[{ name: 'h', type: 'link', linkname: '/etc/hostname' }]],
      /hard link.*not in the layer/,
    ],
    [
      'by a hard link through a link',
      [[{ name: 'l', type: 'symlink', linkname: '/etc' }], [{ name: 'h', type: 'link', linkname: 'l/hostname' }]],
      /points outside/,
    ],
    ['by a whiteout', [[{ name: `${up}.wh.etc` }]], /points outside the root/],
    ['by a whiteout of its parent', [[{ name: 'a/.wh...' }]], /points outside its directory/],
    [
      'by a whiteout through a link',
      [[{ name: 'l', type: 'symlink', linkname: RUN_DIR }], [{ name: 'l/.wh.hosts' }]],
      /points outside/,
    ],
    [
      'by links in a loop',
      [[{ name: 'l', type: 'symlink', linkname: 'l' }], [{ name: 'l/x' }, 'x']],
      /loop of symbolic links/,
    ],
  ];
  it.each(rows)('%s is refused and leaves nothing', async (_sentence, entries, message) => {
    const reference = await registry.push(
      buildImage([await buildLayer([[{ name: 'fine' }, 'x'], ...entries])]),
      'hostile',
      '1',
    );
    const { images, root } = await openTestStore();
    await expect(images.pull(reference, undefined, never)).rejects.toThrow(message);
    await expect(images.pull(reference, undefined, never)).rejects.toThrow(`cannot pull ${reference}: layer sha256:`);
    expect(existsSync(target)).toBe(false);
    expect(images.list()).toEqual([]);
    expect(storeContent(root)).toEqual(EMPTY_STORE);
    await images.close();
  });

  it('does not follow a final link when it writes a file of the same name', async () => {
    const layer = await buildLayer([[{ name: 'f', type: 'symlink', linkname: target }], [{ name: 'f' }, 'mine']]);
    const { images } = await openTestStore();
    await images.pull(await registry.push(buildImage([layer]), 'replaced', '1'), undefined, never);
    expect(existsSync(target)).toBe(false);
    await images.close();
  });
});

describe('what a registry may do wrong', () => {
  it('a blob with other bytes than its digest says is refused', async () => {
    const layer = await buildLayer([[{ name: 'f' }, randomBytes(100_000)]]);
    const reference = await registry.push(buildImage([layer]), 'tampered', '1');
    const flipped = Buffer.from(layer.bytes);
    flipped.writeUInt8(flipped.readUInt8(50_000) ^ 1, 50_000);
    registry.tamper(layer, flipped);
    const { images, root } = await openTestStore();
    await expect(images.pull(reference, undefined, never)).rejects.toThrow(
      `digest mismatch: the blob should be ${layer.digest}`,
    );
    registry.tamper(layer, layer.bytes.subarray(0, 1000));
    await expect(images.pull(reference, undefined, never)).rejects.toThrow(/ended after 1000 of|connection/);
    expect(storeContent(root)).toEqual(EMPTY_STORE);
    await images.close();
  });

  it('a layer that is not the one the config names is refused', async () => {
    const layer = await buildLayer([[{ name: 'f' }, 'x']]);
    const wrong = buildImage([{ ...layer, diffId: `sha256:${'0'.repeat(64)}` }]);
    const { images, root } = await openTestStore();
    const pulled = images.pull(await registry.push(wrong, 'wrong-diff-id', '1'), undefined, never);
    await expect(pulled).rejects.toThrow('the uncompressed layer should be sha256:000');
    expect(storeContent(root)).toEqual(EMPTY_STORE);
    await images.close();
  });

  const zeros = (): ReturnType<typeof buildLayer> => buildLayer([[{ name: 'zeros' }, Buffer.alloc(80 << 20)]]);
  it.each<[string, number, (compressed: number) => number]>([
    ['more than is free in any case', 64 << 20, () => 64 << 20],
    ['a hundred times its size, when less is free', 1000, compressed => 100 * compressed],
  ])('a layer that unpacks to %s is refused', async (_limit, unpackFreeBytes, limitOf) => {
    const layer = await zeros();
    const { images, root } = await openTestStore({ images: { unpackRatio: 100, unpackFreeBytes, pinned: [] } });
    const pulled = images.pull(await registry.push(buildImage([layer]), 'bomb', '1'), undefined, never);
    const limit = limitOf(layer.bytes.length);
    expect(limit).toBeLessThanOrEqual(64 << 20);
    await expect(pulled).rejects.toThrow(`unpacks to more than ${limit}, which is refused as a decompression bomb`);
    expect(storeContent(root)).toEqual(EMPTY_STORE);
    await images.close();
  });

  it('the same layer is taken where that much is free', async () => {
    const { images } = await openTestStore({ images: { unpackRatio: 100, unpackFreeBytes: 128 << 20, pinned: [] } });
    const reference = await registry.push(buildImage([await zeros()]), 'no-bomb', '1');
    expect((await images.pull(reference, undefined, never)).repoTags).toEqual([reference]);
    await images.close();
  });

  it('a compressed archive that unpacks to more is refused, and its plain form goes', async () => {
    const path = `${runDirectory('archive')}/bomb.tar.gz`;
    const bomb = gzipSync(Buffer.alloc(80 << 20));
    writeFileSync(path, bomb);
    const { images, root } = await openTestStore();
    await expect(images.importArchive(path, 'r.io/a:1', () => {}, never)).rejects.toMatchObject({
      code: 'resource-exhausted',
      message: expect.stringContaining(`${path} of ${bomb.length} bytes unpacks to more than 67108864`),
    });
    expect(storeContent(root)).toEqual(EMPTY_STORE);
    await images.close();
  });

  it('an image that is not there and a registry that is down are told apart', async () => {
    const { images } = await openTestStore();
    await expect(images.pull(`${registry.address}/none:1`, undefined, never)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining(`registry ${registry.address} has no image`),
    });
    const port = await freePort();
    await expect(images.pull(`127.0.0.1:${port}/a:1`, undefined, never)).rejects.toMatchObject({
      reason: 'RegistryUnavailable',
      message: expect.stringContaining(`registry 127.0.0.1:${port}: connection refused`),
    });
    await images.close();
  });
});

describe('a full disk', () => {
  it('fails the pull, leaves nothing of it and keeps the earlier image', async () => {
    const root = runDirectory('small');
    mount('tmpfs', root, 'tmpfs', 0, 'size=16m');
    try {
      const { images } = await openTestStore({ root });
      const small = await images.pull(
        await registry.push(buildImage([await buildLayer([[{ name: 'f' }, 'x']])]), 'small', '1'),
        undefined,
        never,
      );
      const before = storeContent(root);
      const layers = [
        await buildLayer([[{ name: 'zeros' }, Buffer.alloc(40 << 20)]]),
        await buildLayer([[{ name: 'g' }, 'y']]),
      ];
      const pulled = images.pull(await registry.push(buildImage(layers), 'large', '1'), undefined, never);
      await expect(pulled).rejects.toMatchObject({
        code: 'resource-exhausted',
        message: expect.stringMatching(/no space left on the disk/),
      });
      expect(storeContent(root)).toEqual(before);
      expect(images.list().map(i => i.id)).toEqual([small.id]);
      await images.close();
    } finally {
      unmount(root, { lazy: true });
    }
  });
});
