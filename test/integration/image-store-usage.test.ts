import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageFsInfo } from '../../src/cri/image-service/image-fs-info.ts';
import { buildImage, buildLayer } from '../harness/image-builder.ts';
import { openTestStore, type TestStore } from '../harness/image-store.ts';
import { type LoopbackRegistry, startLoopbackRegistry } from '../harness/loopback-registry.ts';

const never = new AbortController().signal;
let registry: LoopbackRegistry;
beforeAll(async () => {
  registry = await startLoopbackRegistry();
});
afterAll(() => registry.stop());

/** What du says of the directory of the store. */
function du({ root }: TestStore): { usedBytes: bigint; inodesUsed: bigint } {
  const count = (...flags: string[]): bigint =>
    BigInt(execFileSync('du', ['-s', ...flags, `${root}/images`], { encoding: 'utf8' }).split('\t')[0] ?? '');
  return { usedBytes: count('--block-size=1'), inodesUsed: count('--inodes') };
}

async function told({ images }: TestStore): Promise<{ usedBytes: bigint; inodesUsed: bigint }> {
  const { imageFilesystems } = await imageFsInfo(images, () => ({ bytes: 0, inodes: 0 }), 1);
  const [fs] = imageFilesystems;
  return { usedBytes: fs?.usedBytes?.value ?? 0n, inodesUsed: fs?.inodesUsed?.value ?? 0n };
}

async function awkwardImage() {
  const bottom = await buildLayer([
    [{ name: 'a/b/c/implicit' }, randomBytes(5000)],
    [{ name: 'empty' }, ''],
    [{ name: 'many/', type: 'directory' }],
    ...Array.from({ length: 500 }, (_, i) => [{ name: `many/${'n'.repeat(80)}${i}` }, ''] as const),
    [{ name: 'linked', mode: 0o644 }, randomBytes(20_000)],
    [{ name: 'link', type: 'link', linkname: 'linked' }],
    [{ name: 'long', type: 'symlink', linkname: 'x'.repeat(200) }],
    [{ name: 'twice' }, randomBytes(50_000)],
    [{ name: 'twice' }, 'short'],
  ]);
  const top = await buildLayer([[{ name: '.wh.empty' }], [{ name: 'new' }, randomBytes(300_000)]]);
  return { bottom, image: buildImage([bottom, top]) };
}

describe('ImageFsInfo', () => {
  it('is what du says, after pulls, of shared layers, after removals, over a restart and with nothing', async () => {
    const store = await openTestStore();
    expect(await told(store)).toEqual(du(store));
    const { bottom, image } = await awkwardImage();
    const { id } = await store.images.pull(await registry.push(image, 'usage/one', '1'), undefined, never);
    expect(await told(store)).toEqual(du(store));
    const other = buildImage([bottom], { Labels: { other: '1' } });
    await store.images.pull(await registry.push(other, 'usage/two', '1'), undefined, never);
    expect(await told(store)).toEqual(du(store));
    store.images.hold(id, 'c1');
    await store.images.remove(id);
    expect(await told(store)).toEqual(du(store));
    store.images.release('c1');
    await store.images.collectGarbage();
    expect(await told(store)).toEqual(du(store));
    await store.images.close();
    const again = await openTestStore({ root: store.root });
    expect(await told(again)).toEqual(du(again));
    await again.images.close();
  });

  it('is what du says after a pull that failed', async () => {
    const store = await openTestStore();
    const { image, bottom } = await awkwardImage();
    const reference = await registry.push(image, 'usage/failed', '1');
    registry.tamper(bottom, bottom.bytes.subarray(0, 1000));
    await expect(store.images.pull(reference, undefined, never)).rejects.toThrow('cannot pull');
    expect(await told(store)).toEqual(du(store));
    await store.images.close();
  });

  it('counts what is on its way', async () => {
    const store = await openTestStore();
    const before = await told(store);
    mkdirSync(`${store.root}/images/ingest/x`);
    writeFileSync(`${store.root}/images/ingest/x/file`, randomBytes(100_000));
    expect(await told(store)).toEqual(du(store));
    expect((await told(store)).usedBytes).toBeGreaterThan(before.usedBytes);
    await store.images.close();
  });

  it('names one mount point for images and for what containers have written', async () => {
    const store = await openTestStore();
    const info = await imageFsInfo(store.images, () => ({ bytes: 7, inodes: 2 }), 1);
    expect(info.containerFilesystems).toEqual([
      {
        timestamp: 1_000_000n,
        fsId: { mountpoint: `${store.root}/images` },
        usedBytes: { value: 7n },
        inodesUsed: { value: 2n },
      },
    ]);
    expect(info.imageFilesystems[0]?.fsId).toEqual(info.containerFilesystems[0]?.fsId);
    await store.images.close();
  });
});
